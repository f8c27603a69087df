/*
 * pressure - how large the cache may be while the machine is short of memory.
 *
 * The caller measures once a second; the cache evicts down to the target and admits only below it. While less
 * than the floor is available, the target shrinks in steps, or by all that is missing when very little is
 * left. Above the floor, by a margin and after a calm time, it grows again, slower than it shrank, so that it
 * does not oscillate.
 *
 * Pure: no clock, no I/O. All sizes are bytes. A cgroup's limit counts like a machine's memory: available is
 * then the smaller of the two.
 */
#pragma once

#include <stdint.h>

struct pressure_limits {
	uint64_t floor;      /* memory_floor: memory of the machine that must stay available; 0: no floor */
	uint64_t cache_min;  /* never asked to go below this */
	uint64_t cache_size; /* nor allowed above this */
};

struct pressure {
	uint64_t target; /* the cache's present budget; cache_size at first */
	unsigned calm;   /* measurements since memory was last short */
};

enum {
	PRESSURE_CALM = 10,       /* so many calm measurements before it grows */
	PRESSURE_SHRINK_PART = 8, /* gives back at most this part of the target in a step... */
	PRESSURE_GROW_PART = 64,  /* and grows by this part of cache_size */
	/* less than this part of the floor is available: gives back all that is missing at once */
	PRESSURE_DIRE_PART = 4,
	PRESSURE_DISTANCE_PART = 8 /* grows only while the floor plus this part of it stays available */
};

void pressure_init(struct pressure *p, const struct pressure_limits *limits);

/* The pages of the cache were lost (a keeper died): the target is halved, and grows again as after any
 * shortage, with or without a floor. */
void pressure_lost(struct pressure *p, const struct pressure_limits *limits);

/* Changes the limits. A target at the old cache_size is set to the new one. */
void pressure_limit(
	struct pressure *p, const struct pressure_limits *before, const struct pressure_limits *limits);

/*
 * One measurement: available memory of the machine, and what the cache uses. Returns the new target, which is
 * also p->target. Limits may change between calls.
 */
uint64_t pressure_measured(
	struct pressure *p, const struct pressure_limits *limits, uint64_t available, uint64_t cache_used);
