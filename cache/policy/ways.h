/*
 * ways - whether large files of a file system are trailed or go around the page cache: what was faster
 * lately.
 *
 * Pure; not thread-safe. Through the page cache the kernel reads ahead by itself, with one copy and without
 * the daemon, but no further than the device's read_ahead_kb. Around it the daemon keeps more requests at the
 * device, which is faster where the device has a high latency. Streams are measured while they run; the
 * slower way is tried again by one open in so many, more and more rarely. A program with a pace of its own
 * shows the same rate both ways, so the fastest rates measured lately are compared; where they are nearly the
 * same, files are trailed, which takes less CPU. Rates are bytes a second.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	WAYS_VOLUMES = 16,   /* if there are more, some are forgotten and measured anew */
	WAYS_FIRST_TRY = 4,  /* a way that was never measured is tried by one open in so many */
	WAYS_TRY_MIN = 16,   /* opens until the slower way is tried again, at first */
	WAYS_TRY_MAX = 1024, /* and at the most */
	WAYS_FADE = 16, /* with each open, a rate that is not reached any more falls by one part in so many of
			   the difference */
};

struct way {
	uint64_t volume; /* 0: none */
	bool around;     /* faster */
	unsigned opens;  /* since the other was tried */
	unsigned try_after;
	bool gave_up; /* trailing exceeded its bound, and is not compared until it is tried again */
	uint64_t trailed_rate, around_rate; /* fastest lately; 0: never measured */
};

struct ways {
	bool around_first;   /* where nothing was measured yet; else trailed */
	uint64_t around_min; /* trailing is not tried where streams around the page cache are slower */
	struct way volumes[WAYS_VOLUMES];
};

/* Zeroed memory is a valid start. A large file of this volume is opened: true if it is to go around the page
 * cache. */
bool ways_choose(struct ways *ways, uint64_t volume, uint64_t trailed_rate, uint64_t around_rate);

/* What ways_choose() would return, unless the slower way is due to be tried. Changes nothing. */
bool ways_peek(const struct ways *ways, uint64_t volume);

/* A trailed stream had more in the page cache than it may. */
void ways_exceeded(struct ways *ways, uint64_t volume);
