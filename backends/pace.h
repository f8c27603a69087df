/*
 * pace - whether writes to a file system may be made in the thread that asks for them.
 *
 * Pure: the caller brings the clock. A write to the page cache takes as long as its copy, and handing it to
 * another thread would cost as much again; but while the disk hangs, or the kernel slows writers down, it
 * waits, and all that its thread should have answered waits with it. One write that took long, or that has
 * not come back, therefore sends the others elsewhere for a while: longer each time that another try ends
 * like the first. Racing threads may see a write more or less than there is: that costs a detour, no more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	PACE_SLOW_NS = 10000000,       /* a write that took as long did more than copy */
	PACE_REST_MIN_NS = 200000000,  /* until writes are tried here again, at first */
	PACE_REST_MAX_NS = 2000000000, /* and at the most */
};

struct pace {
	_Atomic unsigned writing;       /* writes being made here */
	_Atomic uint64_t moved_ns;      /* when the first of them began, or one ended since */
	_Atomic uint64_t slow_until_ns; /* none is tried here before */
	_Atomic uint64_t rest_ns;       /* the last rest; 0: the last try was quick */
};

bool pace_is_quick(const struct pace *pace, uint64_t now_ns);

/* A write is made here from now on. */
void pace_begin(struct pace *pace, uint64_t now_ns);

/* It began then, and is done now. */
void pace_end(struct pace *pace, uint64_t began_ns, uint64_t now_ns);

/* So is one that was made elsewhere. */
void pace_elsewhere(struct pace *pace, uint64_t began_ns, uint64_t now_ns);
