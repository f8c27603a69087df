/*
 * pressure - how large the cache may be while the machine is short of memory.
 *
 * The cache measures once a second and does what it is told: evict down to the target, admit only below it.
 * Below the floor memory is given back in steps, the whole lack at once only when little is left at all;
 * above it, with some distance and after a calm time, the cache grows again, slower than it shrank, so that
 * it does not swing.
 *
 * Pure: no clock, no I/O. All sizes are bytes. A cgroup's limit is a machine of its own: available is then
 * the less of both.
 */
#pragma once

#include <stdint.h>

struct pressure_limits {
	uint64_t floor; /* memory_floor: of the machine's memory so much shall stay available; 0: no floor */
	uint64_t cache_min;  /* never asked to go below this */
	uint64_t cache_size; /* nor allowed above this */
};

struct pressure {
	uint64_t target; /* the cache's present budget; cache_size at first */
	unsigned calm;   /* measurements since memory was last short */
};

enum {
	PRESSURE_CALM = 10,        /* so many calm measurements before it grows */
	PRESSURE_SHRINK_PART = 8,  /* gives back at most this part of the target in a step... */
	PRESSURE_GROW_PART = 64,   /* and grows by this part of cache_size */
	PRESSURE_DIRE_PART = 4,    /* available under this part of the floor: all that lacks at once */
	PRESSURE_DISTANCE_PART = 8 /* grows only while the floor and this part of it more stay free */
};

void pressure_init(struct pressure *p, const struct pressure_limits *limits);

/* What the cache held was taken from it: half of its target is the new one, from which it grows as after any
 * shortage, whether there is a floor or not. */
void pressure_lost(struct pressure *p, const struct pressure_limits *limits);

/* Other limits from now on. A cache that had all of its old cache_size gets all of the new one. */
void pressure_limit(
	struct pressure *p, const struct pressure_limits *before, const struct pressure_limits *limits);

/*
 * One measurement: available memory of the machine, and what the cache uses. Returns the new target, which is
 * also p->target. Limits may change between calls.
 */
uint64_t pressure_measured(
	struct pressure *p, const struct pressure_limits *limits, uint64_t available, uint64_t cache_used);
