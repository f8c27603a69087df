/*
 * advise - the hit ratio that another cache would have had, from small caches that are run over a sample of
 * opens.
 *
 * A cache of 1/2^shift of the size, with 1/2^shift of the files, has nearly the hit ratio of the whole one
 * (miniature simulation: Waldspurger et al., "Cache Modeling and Optimization using Miniature Simulations",
 * USENIX ATC 2017). The small caches run the mount's own policies (evict.h), so that the ratio is the
 * policy's and not that of LRU. As in the replayer a file that is admitted is in the cache at once.
 *
 * Pure: no I/O, no locks, no clock.
 */
#pragma once

#include "cache/policy/evict.h"
#include "cache/policy/sample.h"

struct advise; /* a sample, prepared for simulations */

/* What sample_read_files() and sample_read_tokens() gave for one extent; borrowed. */
struct advise_sample {
	struct sample_extent extent;
	const uint64_t *files;
	const uint16_t *tokens;
};

struct advise_cache {
	const struct evict_policy *policy;
	uint64_t budget; /* bytes */
	unsigned admit;
	uint64_t small_max;     /* larger files are cached by rule only */
	uint64_t largest;       /* bytes that one file may charge */
	bool charges_file_only; /* a file costs its size and nothing else: as cache simulators count */
};

struct advise_result {
	double hit_ratio;      /* of the opens */
	double byte_hit_ratio; /* of the opened files' bytes */
};

/* Copies what it needs of the sample. -EINVAL: the numbers in the sample are inconsistent; -ENOMEM. */
int advise_new(struct advise **ret, const struct advise_sample *sample);
void advise_free(struct advise *a); /* accepts NULL */

uint32_t advise_file_count(const struct advise *a);

/* Bytes that one file may charge to the cache of a mount with this budget. */
uint64_t advise_largest(uint64_t budget);

/* About how many files of the sample the small cache for this one would hold. */
uint64_t advise_cached_files(const struct advise *a, const struct advise_cache *cache);

/* -ENOMEM, or 0. */
int advise_simulate(const struct advise *a, const struct advise_cache *cache, struct advise_result *result);
