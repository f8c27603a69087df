#include "cache/policy/missing.h"

#include <glib.h>

#include "cache/base/hash.h"

static uint64_t hash_of(uint64_t dir, const char *name, int64_t epoch)
{
	return hash_mix64(hash_mix64(dir ^ (uint64_t)epoch << 40) ^ g_str_hash(name));
}

bool missing_again(struct missing *missing, uint64_t dir, const char *name, int64_t now_ms)
{
	uint64_t hash = hash_of(dir, name, now_ms / MISSING_EPOCH_MS);
	_Atomic uint32_t *set = missing->tags[hash % MISSING_SETS];
	uint32_t tag = (uint32_t)(hash >> 32) | 1;

	for (unsigned i = 0; i < MISSING_WAYS; i++)
		if (atomic_load_explicit(&set[i], memory_order_relaxed) == tag)
			return true;
	for (unsigned i = MISSING_WAYS - 1; i > 0; i--)
		atomic_store_explicit(&set[i], atomic_load_explicit(&set[i - 1], memory_order_relaxed),
			memory_order_relaxed);
	atomic_store_explicit(&set[0], tag, memory_order_relaxed);
	return false;
}
