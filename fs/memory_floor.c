#include "fs/memory_floor.h"

#include "cache/base/lock_order.h"
#include "fs/options/memory.h"

void memory_floor_init(struct memory_floor *floor, const struct pressure_limits *limits, const char *root)
{
	pthread_mutex_init(&floor->lock, NULL);
	floor->root = root;
	floor->limits = *limits;
	floor->spare = 0; /* so the first memory_floor_allows() measures */
	pressure_init(&floor->pressure, limits);
}

/* (locked) Returns the available bytes. */
static uint64_t measure(struct memory_floor *floor)
{
	uint64_t available = memory_available(floor->root);

	floor->spare = available > floor->limits.floor ? available - floor->limits.floor : 0;
	return available;
}

uint64_t memory_floor_tick(struct memory_floor *floor, uint64_t used)
{
	uint64_t target;

	lock_take(&floor->lock, LOCK_MEMORY_FLOOR);
	target = pressure_measured(&floor->pressure, &floor->limits, measure(floor), used);
	lock_drop(&floor->lock, LOCK_MEMORY_FLOOR);
	return target;
}

uint64_t memory_floor_set_limits(struct memory_floor *floor, const struct pressure_limits *limits)
{
	uint64_t target;

	lock_take(&floor->lock, LOCK_MEMORY_FLOOR);
	pressure_limit(&floor->pressure, &floor->limits, limits);
	floor->limits = *limits;
	floor->spare = 0;
	target = floor->pressure.target;
	lock_drop(&floor->lock, LOCK_MEMORY_FLOOR);
	return target;
}

void memory_floor_lost(struct memory_floor *floor)
{
	lock_take(&floor->lock, LOCK_MEMORY_FLOOR);
	pressure_lost(&floor->pressure, &floor->limits);
	lock_drop(&floor->lock, LOCK_MEMORY_FLOOR);
}

bool memory_floor_allows(struct memory_floor *floor, uint64_t bytes)
{
	bool allowed;

	lock_take(&floor->lock, LOCK_MEMORY_FLOOR);
	if (!floor->limits.floor) {
		lock_drop(&floor->lock, LOCK_MEMORY_FLOOR);
		return true;
	}
	if (floor->spare < bytes)
		measure(floor);
	allowed = floor->spare >= bytes;
	if (allowed)
		floor->spare -= bytes;
	else
		allowed = floor->limits.cache_min > 0 && floor->pressure.target <= floor->limits.cache_min;
	lock_drop(&floor->lock, LOCK_MEMORY_FLOOR);
	return allowed;
}
