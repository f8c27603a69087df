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
	return slot && age(g, slot) < g->capacity;
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

/* A bucket is in the order of insertion, newest first. Overwrites the slot at place. */
static void insert_at_front(uint64_t *bucket, int place, uint64_t slot)
{
	for (int i = place; i > 0; i--)
		bucket[i] = bucket[i - 1];
	bucket[0] = slot;
}

/* The place of the fingerprint in its bucket; if it isn't there, the last place, which has the oldest. */
static int place_of(const uint64_t *bucket, uint32_t print)
{
	int i = 0;

	while (i < BUCKET_SLOTS - 1 && bucket[i] >> 32 != print)
		i++;
	return i;
}

/* Slots of two old buckets may meet in a new one: each goes behind those that are newer than itself. */
static void carry_over(struct ghost *g, uint64_t slot)
{
	uint64_t *bucket = bucket_of(g, slot >> 32);
	int i = 0;

	while (i < BUCKET_SLOTS && bucket[i] && age(g, bucket[i]) < age(g, slot))
		i++;
	if (i < BUCKET_SLOTS)
		insert_at_front(bucket + i, BUCKET_SLOTS - 1 - i, slot);
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
			carry_over(&fresh, g->slots[i]);
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
	/* Between 1.25 and 4 slots an id, 2 after a change: few buckets overflow, few rebuilds. */
	if (slots * 4 < (uint64_t)g->capacity * 5 || slots > (uint64_t)g->capacity * 4 + BUCKET_SLOTS)
		rebuild(g, ((uint64_t)g->capacity * 2 + BUCKET_SLOTS - 1) / BUCKET_SLOTS);
}

static uint64_t *find(const struct ghost *g, uint32_t print)
{
	uint64_t *slot;

	if (!g->slots)
		return NULL;
	slot = bucket_of(g, print);
	slot += place_of(slot, print);
	return *slot >> 32 == print && is_live(g, *slot) ? slot : NULL;
}

/*
 * Which id of a full bucket is forgotten: one time in two the oldest. If it always were, then of more ids
 * than fit into the bucket, opened in turn, each would be forgotten just before its next open, again and
 * again. The other time it is any.
 */
static int place_to_forget(const struct ghost *g)
{
	uint32_t random = g->clock * 0x9e3779b9U;

	return random >> 31 ? BUCKET_SLOTS - 1 : (int)(random >> 20 & (BUCKET_SLOTS - 1));
}

void ghost_put(struct ghost *g, uint64_t id, unsigned freq, bool was_cached)
{
	uint32_t print = fingerprint(id);
	uint64_t *bucket;
	int place;

	if (!g->slots || !g->capacity)
		return;
	bucket = bucket_of(g, print);
	place = place_of(bucket, print);
	if (bucket[place] >> 32 != print) {
		g->count += g->count < g->capacity;
		if (is_live(g, bucket[place]))
			place = place_to_forget(g);
	}
	freq = freq < 1 ? 1 : freq > GHOST_FREQ_MAX ? GHOST_FREQ_MAX : freq;
	g->clock = (g->clock + 1) & CLOCK_MASK;
	insert_at_front(bucket, place,
		(uint64_t)print << 32 | (uint64_t)g->clock << CLOCK_SHIFT | (was_cached ? CACHED_BIT : 0) |
			freq);
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

	if (!slot)
		return memory;
	for (; (slot - g->slots) % BUCKET_SLOTS < BUCKET_SLOTS - 1; slot++)
		slot[0] = slot[1];
	*slot = 0;
	g->count -= g->count > 0;
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
