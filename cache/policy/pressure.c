#include "cache/policy/pressure.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void pressure_init(struct pressure *p, const struct pressure_limits *limits)
{
	*p = (struct pressure){.target = limits->cache_size};
}

/* Shrinks from what is used if that is less than the target: only that frees memory. */
static uint64_t shrunk(
	const struct pressure *p, const struct pressure_limits *limits, uint64_t available, uint64_t used)
{
	uint64_t lack = limits->floor - available;
	uint64_t base = least(p->target, used);
	uint64_t step = lack;

	if (available >= limits->floor / PRESSURE_DIRE_PART)
		step = least(lack, most(base / PRESSURE_SHRINK_PART, 1));
	return base > step ? base - step : 0;
}

static uint64_t grown(const struct pressure *p, const struct pressure_limits *limits, uint64_t available)
{
	uint64_t spare = limits->floor + limits->floor / PRESSURE_DISTANCE_PART;
	uint64_t step = most(limits->cache_size / PRESSURE_GROW_PART, 1);

	if (available <= spare)
		return p->target;
	return p->target + least(step, available - spare);
}

void pressure_lost(struct pressure *p, const struct pressure_limits *limits)
{
	p->target = most(p->target / 2, limits->cache_min);
	p->calm = 0;
}

void pressure_limit(
	struct pressure *p, const struct pressure_limits *before, const struct pressure_limits *limits)
{
	uint64_t target = p->target >= before->cache_size ? limits->cache_size : p->target;

	p->target = least(most(target, limits->cache_min), limits->cache_size);
}

uint64_t pressure_measured(
	struct pressure *p, const struct pressure_limits *limits, uint64_t available, uint64_t cache_used)
{
	uint64_t target = p->target;

	if (available < limits->floor) {
		p->calm = 0;
		target = shrunk(p, limits, available, cache_used);
	} else if (p->calm < PRESSURE_CALM) {
		p->calm++;
	} else {
		target = grown(p, limits, available);
	}
	/* cache_min bounds the budget only: a cache may use less. */
	p->target = least(most(target, limits->cache_min), limits->cache_size);
	return p->target;
}
