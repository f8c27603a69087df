#include "cache/policy/ghost.h"

#include <stdlib.h>
#include <string.h>

/* A slot: fingerprint in the upper 32 bits, then 27 bits of insertion number, was_cached, 4 bits of freq. */
enum { BUCKET_SLOTS = 8, CLOCK_BITS = 27, CLOCK_SHIFT = 5, CACHED_BIT = 1 << 4 };

#define CLOCK_MASK ((1U << CLOCK_BITS) - 1)
#define CAPACITY_MAX (1U << (CLOCK_BITS - 1))

static uint32_t fingerprint(uint64_t id)
{
	id ^= id >> 32;
	id *= 0x9e3779b97f4a7c15ULL;
	return id >> 32;
}

/* The bucket follows from the fingerprint alone, so the table can be rebuilt without the ids. */
static uint64_t *bucket_of(const struct ghost *g, uint32_t print)
{
	return g->slots + (size_t)((uint64_t)print * g->bucket_count >> 32) * BUCKET_SLOTS;
}

static uint32_t age(const struct ghost *g, uint64_t slot)
{
	return (g->clock - (uint32_t)(slot >> CLOCK_SHIFT)) & CLOCK_MASK;
}

static bool is_live(const struct ghost *g, uint64_t slot)
{
	return slot && age(g, slot) <= g->capacity;
}

void ghost_init(struct ghost *g)
{
	memset(g, 0, sizeof(*g));
}

void ghost_deinit(struct ghost *g)
{
	free(g->slots);
	ghost_init(g);
}

/* Where the id's slot is, or a new one goes: a free or forgotten one, else the oldest. */
static uint64_t *place(const struct ghost *g, uint64_t *bucket, uint32_t print)
{
	uint64_t *best = bucket;
	uint32_t best_age = 0;

	for (int i = 0; i < BUCKET_SLOTS; i++) {
		uint32_t slot_age = bucket[i] ? age(g, bucket[i]) : UINT32_MAX;

		if (bucket[i] >> 32 == print && slot_age <= g->capacity)
			return &bucket[i];
		best = slot_age > best_age ? &bucket[i] : best;
		best_age = slot_age > best_age ? slot_age : best_age;
	}
	return best;
}

static void rebuild(struct ghost *g, uint64_t bucket_count)
{
	struct ghost fresh = *g;

	fresh.slots = aligned_alloc(64, bucket_count * BUCKET_SLOTS * sizeof(*fresh.slots));
	if (!fresh.slots)
		return;
	memset(fresh.slots, 0, bucket_count * BUCKET_SLOTS * sizeof(*fresh.slots));
	fresh.bucket_count = bucket_count;
	for (size_t i = 0; i < (size_t)g->bucket_count * BUCKET_SLOTS; i++)
		if (is_live(g, g->slots[i]))
			*place(&fresh, bucket_of(&fresh, g->slots[i] >> 32), g->slots[i] >> 32) = g->slots[i];
	free(g->slots);
	*g = fresh;
}

void ghost_set_capacity(struct ghost *g, uint64_t capacity)
{
	uint64_t slots = (uint64_t)g->bucket_count * BUCKET_SLOTS;

	g->capacity = capacity < CAPACITY_MAX ? capacity : CAPACITY_MAX;
	if (g->count > g->capacity)
		g->count = g->capacity;
	if (!g->capacity)
		return;
	/* Between 1.25 and 4 slots an id, 2 after a change: buckets seldom overflow, rebuilding stays cheap.
	 */
	if (slots * 4 < (uint64_t)g->capacity * 5 || slots > (uint64_t)g->capacity * 4 + BUCKET_SLOTS)
		rebuild(g, ((uint64_t)g->capacity * 2 + BUCKET_SLOTS - 1) / BUCKET_SLOTS);
}

static uint64_t *find(const struct ghost *g, uint32_t print)
{
	uint64_t *bucket;

	if (!g->slots)
		return NULL;
	bucket = bucket_of(g, print);
	for (int i = 0; i < BUCKET_SLOTS; i++)
		if (bucket[i] >> 32 == print && is_live(g, bucket[i]))
			return &bucket[i];
	return NULL;
}

void ghost_put(struct ghost *g, uint64_t id, unsigned freq, bool was_cached)
{
	uint32_t print = fingerprint(id);
	uint64_t *slot;

	if (!g->slots || !g->capacity)
		return;
	slot = place(g, bucket_of(g, print), print);
	if (*slot >> 32 != print || !is_live(g, *slot))
		g->count++;
	if (g->count > g->capacity)
		g->count = g->capacity;
	if (freq < 1)
		freq = 1;
	if (freq > GHOST_FREQ_MAX)
		freq = GHOST_FREQ_MAX;
	g->clock = (g->clock + 1) & CLOCK_MASK;
	*slot = (uint64_t)print << 32 | (uint64_t)g->clock << CLOCK_SHIFT | (was_cached ? CACHED_BIT : 0) |
		freq;
}

static struct ghost_memory memory_of(const uint64_t *slot)
{
	struct ghost_memory memory = {0};

	if (slot) {
		memory.freq = *slot & GHOST_FREQ_MAX;
		memory.was_cached = *slot & CACHED_BIT;
	}
	return memory;
}

struct ghost_memory ghost_find(const struct ghost *g, uint64_t id)
{
	return memory_of(find(g, fingerprint(id)));
}

struct ghost_memory ghost_take(struct ghost *g, uint64_t id)
{
	uint64_t *slot = find(g, fingerprint(id));
	struct ghost_memory memory = memory_of(slot);

	if (slot) {
		*slot = 0;
		g->count -= g->count > 0;
	}
	return memory;
}

void ghost_prefetch(const struct ghost *g, uint64_t id)
{
	if (g->slots)
		__builtin_prefetch(bucket_of(g, fingerprint(id)), 1);
}

size_t ghost_bytes(const struct ghost *g)
{
	return (size_t)g->bucket_count * BUCKET_SLOTS * sizeof(*g->slots);
}

uint64_t ghost_count(const struct ghost *g)
{
	return g->count;
}
