#include "fs/relief.h"

#include "cache/base/lock_order.h"
#include "fs/options/memory.h"

void relief_init(struct relief *relief, const struct pressure_limits *limits, const char *root)
{
	pthread_mutex_init(&relief->lock, NULL);
	relief->root = root;
	relief->limits = *limits;
	relief->spare = 0; /* so the first relief_allows() measures */
	pressure_init(&relief->pressure, limits);
}

/* (locked) Returns the available bytes. */
static uint64_t measure(struct relief *relief)
{
	uint64_t available = memory_available(relief->root);

	relief->spare = available > relief->limits.floor ? available - relief->limits.floor : 0;
	return available;
}

uint64_t relief_tick(struct relief *relief, uint64_t used)
{
	uint64_t target;

	lock_take(&relief->lock, LOCK_RELIEF);
	target = pressure_measured(&relief->pressure, &relief->limits, measure(relief), used);
	lock_drop(&relief->lock, LOCK_RELIEF);
	return target;
}

uint64_t relief_set_limits(struct relief *relief, const struct pressure_limits *limits)
{
	uint64_t target;

	lock_take(&relief->lock, LOCK_RELIEF);
	pressure_limit(&relief->pressure, &relief->limits, limits);
	relief->limits = *limits;
	relief->spare = 0;
	target = relief->pressure.target;
	lock_drop(&relief->lock, LOCK_RELIEF);
	return target;
}

void relief_lost(struct relief *relief)
{
	lock_take(&relief->lock, LOCK_RELIEF);
	pressure_lost(&relief->pressure, &relief->limits);
	lock_drop(&relief->lock, LOCK_RELIEF);
}

bool relief_allows(struct relief *relief, uint64_t bytes)
{
	bool allowed;

	lock_take(&relief->lock, LOCK_RELIEF);
	if (!relief->limits.floor) {
		lock_drop(&relief->lock, LOCK_RELIEF);
		return true;
	}
	if (relief->spare < bytes)
		measure(relief);
	allowed = relief->spare >= bytes;
	if (allowed)
		relief->spare -= bytes;
	else
		allowed = relief->limits.cache_min > 0 && relief->pressure.target <= relief->limits.cache_min;
	lock_drop(&relief->lock, LOCK_RELIEF);
	return allowed;
}
