/* What the files of the cache share: its state, and the steps between them. */
#pragma once

#include "cache/cache.h"
#include "cache/policy/charge.h"

#include <pthread.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define PAGE ((uint64_t)CHARGE_PAGE)
#define HOLD_CLAIMED 0x80000000u /* being evicted or filled: cannot be held */
#define HOLD_PARKED 0x40000000u  /* the policy met it while it was held and waits for evict_unpark() */
#define HOLD_COUNT (HOLD_PARKED - 1)

struct cache {
	pthread_mutex_t lock;
	struct evict *evict;
	struct store *store;
	struct cache_owner owner;
	uint64_t growth;
	uint64_t fixed;    /* bytes of the policy's own that it does not count against its budget */
	uint64_t reserved; /* bytes of fills at work */
	bool eager;
	struct object **watched; /* mapped objects; first those that may be stored into */
	unsigned watched_count, watched_size;
	unsigned written_count; /* how many those are */
	unsigned watched_next;  /* where the next tick goes on among the others */
	_Atomic uint64_t fills, fill_bytes, no_room, frozen, grown_bytes;
};

/* As object_claim(), and leaves word that the policy asked. */
bool cache_claim_or_park(struct object *object);

/* Frees what left the policy, the watch list and its file. */
void cache_free_object(struct cache *cache, struct object *object);
/* A victim of the policy's. False: it is mapped and stays. */
bool cache_let_go(struct cache *cache, struct object *object);
/* Evicts until incoming more bytes fit, and reserves them. -ENOSPC: nothing more can leave. */
int cache_make_room(struct cache *cache, uint64_t incoming);
/* Under the lock. */
void cache_unwatch(struct cache *cache, struct object *object);
uint32_t cache_atime_ms(struct cache *cache, struct object *object);
