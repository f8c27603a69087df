#include "cache/policy/evict_policies.h"

/* The default comes first. */
const struct evict_policy *const evict_catalogue[] = {
	&evict_s3gd,
	&evict_s3fifo,
	&evict_sieve,
	&evict_gdsf,
	&evict_clock,
	&evict_lru,
	NULL,
};
