/*
 * random - a small seeded generator, the same on every machine.
 *
 * Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014 (SplitMix64).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = (random->state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* A number in [0, limit); limit > 0. */
static inline uint64_t random_below(struct random *random, uint64_t limit)
{
	return random_next(random) % limit;
}

static inline void random_fill(struct random *random, void *buffer, size_t length)
{
	unsigned char *bytes = buffer;
	uint64_t word = 0;

	for (size_t i = 0; i < length; i++, word >>= 8) {
		if (i % 8 == 0)
			word = random_next(random);
		bytes[i] = (unsigned char)word;
	}
}

/* FNV-1a, for comparing contents in a few characters. */
static inline uint64_t hash_bytes(uint64_t hash, const void *buffer, size_t length)
{
	const unsigned char *bytes = buffer;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash;
}

#define HASH_START 0xcbf29ce484222325
