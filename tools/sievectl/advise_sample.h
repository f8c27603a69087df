/* advise_sample - fetches the sample of opens that a mount keeps, and the options of its cache. */
#pragma once

#include "cache/policy/advise.h"
#include "tools/libsievefs/sievefs.h"

struct advise_mount {
	uint64_t cache_size, small_max; /* bytes */
	uint64_t admit;
	uint64_t hits, misses; /* of the mount itself, since it began */
	const struct evict_policy *evict;
	struct sample_extent extent;
	struct advise *advise; /* the caller's, for advise_free() */
};

/* 0 or -errno, which sievefs_mount_error() explains unless it is -EPROTO. */
int advise_fetch(struct sievefs_mount *ctl, struct advise_mount *mount);
