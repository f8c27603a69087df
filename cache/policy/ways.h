/*
 * ways - whether large files of a file system are trailed or go around the page cache: by what was faster of
 * late.
 *
 * Pure. Through the page cache the kernel reads ahead by itself, with one copy and no daemon, but no further
 * than the device's read_ahead_kb; around it the daemon keeps more requests at the device. So where the
 * device is slow to answer the second is faster, elsewhere the first. Streams are measured while they run;
 * which way is slower is tried again by one open in so many, more and more rarely. A program with a pace of
 * its own shows the same rate both ways: what is compared is the fastest of late, and where that is nearly
 * the same, files are trailed, which costs less of the CPU. Rates are bytes a second. Not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	WAYS_VOLUMES = 16,  /* of more, some are forgotten and measured anew */
	WAYS_FIRST_TRY = 4, /* the open that tries a way that was never measured, and each so many after it */
	WAYS_TRY_MIN = 16,  /* opens until the slower way is tried again, at first */
	WAYS_TRY_MAX = 1024, /* and at the most */
	WAYS_FADE = 16,      /* with each open a rate that is no longer reached loses one part in so many */
};

struct way {
	uint64_t volume; /* 0: none */
	bool around;     /* faster */
	unsigned opens;  /* since the other was tried */
	unsigned try_after;
	bool gave_up; /* trailing: it broke its bound, and is not thought of until it is tried again */
	uint64_t trailed_rate, around_rate; /* fastest of late; 0: never measured */
};

struct ways {
	bool around_first;   /* where nothing was measured yet; else trailed */
	uint64_t around_min; /* trailing is not tried where streams around the page cache are slower */
	struct way volumes[WAYS_VOLUMES];
};

/* Zeroed memory is a valid start. A large file of this volume is opened: true if it is to go around the page
 * cache. */
bool ways_choose(struct ways *ways, uint64_t volume, uint64_t trailed_rate, uint64_t around_rate);

/* What that would say, if it is no turn of the slower way; changes nothing. */
bool ways_peek(const struct ways *ways, uint64_t volume);

/* A trailed stream had more in the page cache than it may. */
void ways_exceeded(struct ways *ways, uint64_t volume);
