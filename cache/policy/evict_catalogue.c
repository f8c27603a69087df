#include "cache/policy/evict_policies.h"

/* The default comes first. */
const struct evict_policy *const evict_catalogue[] = {
	&evict_sieve,
	&evict_lru,
	NULL,
};
