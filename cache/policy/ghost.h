/*
 * ghost - remembers the ids of the last N files that were opened or evicted and are not in the cache, in 10
 * to 16 bytes each.
 *
 * A table of buckets, one cache line each. A slot holds a fingerprint of the id, the number of its insertion
 * (so that age needs no list: whatever is N insertions old is forgotten), a 4-bit frequency, and whether the
 * file had been in the cache. A full bucket forgets its oldest, or one time in two any. Wrong answers, one
 * in some thousands, cost a wrong guess at how often a file was opened, and nothing else.
 *
 * Pure: no I/O, no locks, no clock. The table grows and shrinks with the capacity that is asked for; where
 * there is no memory it stays as it is and remembers less.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GHOST_FREQ_MAX 15

struct ghost {
	uint64_t *slots;
	uint32_t bucket_count;
	uint32_t capacity; /* insertions until one is forgotten */
	uint32_t clock;    /* insertions so far */
	uint32_t count;
};

struct ghost_memory {
	uint8_t freq; /* 1..15; 0 when the id is not remembered */
	bool was_cached;
};

void ghost_init(struct ghost *g);
void ghost_deinit(struct ghost *g);

/* Sets how many ids are remembered. Cheap when that changes little. */
void ghost_set_capacity(struct ghost *g, uint64_t capacity);

/* Remembers the id as the newest; freq is cut to 1..15. Without a capacity nothing happens. */
void ghost_put(struct ghost *g, uint64_t id, unsigned freq, bool was_cached);

struct ghost_memory ghost_find(const struct ghost *g, uint64_t id);

/* The same, and forgets the id. */
struct ghost_memory ghost_take(struct ghost *g, uint64_t id);

/* Prefetches the bucket of this id into the CPU cache. */
void ghost_prefetch(const struct ghost *g, uint64_t id);

size_t ghost_bytes(const struct ghost *g);
uint64_t ghost_count(const struct ghost *g); /* ids remembered; a few of them may have been forgotten early */
