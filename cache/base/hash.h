/* hash - hashing of integers and addresses, whose low or high bits alone may all be the same. */
#pragma once

#include <stdint.h>

/* The finaliser of MurmurHash3: each bit of x influences all bits of the result. One-to-one. */
static inline uint64_t hash_mix64(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ (x >> 33);
}
