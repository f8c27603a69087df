/*
 * relief - keeps memory_floor: how large the cache may be (cache/policy/pressure.h), measured once a second,
 * and in between how much it may still bring in before the machine is measured again. Any thread may ask.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/policy/pressure.h"

struct relief {
	pthread_mutex_t lock;
	const char *root; /* of /proc and /sys: "", or a test's */
	struct pressure_limits limits;
	struct pressure pressure;
	uint64_t spare; /* what may still be brought in: available memory above the floor, less what was
			   since */
};

void relief_init(struct relief *relief, const struct pressure_limits *limits, const char *root);

/* Once a second. used: bytes that the cache takes. Returns its budget from now on. */
uint64_t relief_tick(struct relief *relief, uint64_t used);

/* Other limits from now on. Returns the cache's budget under them. */
uint64_t relief_set_limits(struct relief *relief, const struct pressure_limits *limits);

/* Memory was so short that the kernel took what the cache held: it is to come back smaller. */
void relief_lost(struct relief *relief);

/*
 * Whether bytes more may be brought into the cache. Where nothing is left above the floor the cache does not
 * grow, until it has shrunk to cache_min: there files may take the place of others again.
 */
bool relief_allows(struct relief *relief, uint64_t bytes);
