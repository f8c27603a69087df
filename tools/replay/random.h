/*
 * random - seeded numbers that are the same on every machine (splitmix64: Steele, Lea, Flood, OOPSLA 2014).
 */
#pragma once

#include <stdint.h>

struct random {
	uint64_t state; /* the seed at first */
};

static inline uint64_t random_mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static inline uint64_t random_next(struct random *r)
{
	return random_mix(r->state += 0x9e3779b97f4a7c15ULL);
}

/* From 0 up to, but not, 1. */
static inline double random_unit(struct random *r)
{
	return (double)(random_next(r) >> 11) / 9007199254740992.0;
}
