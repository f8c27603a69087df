/*
 * memory_floor - keeps the option memory_floor: sets the size that the cache may have
 * (cache/policy/pressure.h) once a second from the available memory. In between it counts what is brought in,
 * and measures again before the floor is reached. Any thread may call.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/policy/pressure.h"

struct memory_floor {
	pthread_mutex_t lock;
	const char *root; /* prefix of /proc and /sys: "", or a directory of a test */
	struct pressure_limits limits;
	struct pressure pressure;
	uint64_t spare; /* bytes that may still be brought in: available memory above the floor when last
			   measured, less what was brought in since */
};

void memory_floor_init(struct memory_floor *floor, const struct pressure_limits *limits, const char *root);

/* Call once a second. used: bytes that the cache takes. Returns the cache's new budget, in bytes. */
uint64_t memory_floor_tick(struct memory_floor *floor, uint64_t used);

/* Changes the limits. Returns the cache's new budget, in bytes. */
uint64_t memory_floor_set_limits(struct memory_floor *floor, const struct pressure_limits *limits);

/* Memory was so short that the kernel took pages of the cache: reduces the budget, which then grows again
 * slowly. */
void memory_floor_lost(struct memory_floor *floor);

/*
 * Whether so many more bytes may be brought into the cache. False while no memory above the floor is left,
 * unless the budget has shrunk to cache_min: then files may replace others.
 */
bool memory_floor_allows(struct memory_floor *floor, uint64_t bytes);
