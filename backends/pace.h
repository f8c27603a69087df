/*
 * pace - whether writes to a file system may be made in the thread that received them.
 *
 * Pure: the caller passes the time. A write to the page cache takes as long as its copy, and handing it to
 * another thread would cost as much again. But while the disk hangs, or the kernel throttles writers, the
 * write waits, and with it all other requests of its thread. So after a write that took long, or while one
 * has not returned for long, further writes are handed to other threads for a while: longer after each new
 * try that is slow. Racing threads may count a write too many or too few, which costs a needless hand-over at
 * most.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	PACE_SLOW_NS = 10000000,       /* a write that took as long did more than copy */
	PACE_REST_MIN_NS = 200000000,  /* until writes are tried in the thread again, at first */
	PACE_REST_MAX_NS = 2000000000, /* and at the most */
};

struct pace {
	_Atomic unsigned writing;       /* writes in progress in their own threads */
	_Atomic uint64_t moved_ns;      /* when the first of them began, or one ended since */
	_Atomic uint64_t slow_until_ns; /* none is tried here before */
	_Atomic uint64_t rest_ns;       /* the last rest; 0: the last try was quick */
};

bool pace_is_quick(const struct pace *pace, uint64_t now_ns);

/* A write begins in its own thread. */
void pace_begin(struct pace *pace, uint64_t now_ns);

/* That write, which began at began_ns, has ended. */
void pace_end(struct pace *pace, uint64_t began_ns, uint64_t now_ns);

/* A write that was handed to another thread has ended. */
void pace_elsewhere(struct pace *pace, uint64_t began_ns, uint64_t now_ns);
