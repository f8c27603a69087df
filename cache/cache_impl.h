/* What the files of the cache share: its state, and the steps between them. */
#pragma once

#include "cache/cache.h"
#include "cache/policy/charge.h"

#include <pthread.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define PAGE ((uint64_t)CHARGE_PAGE)

/* A power of two; each takes 24 bytes. */
#define DEPARTURES 4096

struct departure {
	uint64_t id, by;
	uint32_t at_s; /* by the monotonic clock */
};

struct cache {
	pthread_mutex_t lock;
	struct evict *evict;
	struct store *store;
	struct cache_owner owner;
	uint64_t growth;
	uint64_t fixed;    /* bytes of memory of the policy that it does not count against its budget */
	uint64_t reserved; /* bytes of fills in progress */
	bool eager;
	struct object **watched; /* mapped objects; first those that may be stored into */
	unsigned watched_count, watched_size;
	unsigned written_count;       /* the number of those */
	unsigned watched_next;        /* where the next tick goes on among the others */
	struct departure *departures; /* a ring */
	uint32_t departure_count;     /* in all; modulo DEPARTURES, the place of the next one */
	_Atomic uint64_t fills, fill_bytes, no_room, frozen, grown_bytes;
};

static inline struct object *object_of(struct evict_entry *entry)
{
	return (struct object *)((char *)entry - offsetof(struct object, entry));
}

uint32_t cache_atime_ms(struct cache *cache, struct object *object);

/* cache_evict.c */

/* Frees an object that is neither in the policy nor in the watch list and is detached from its file. */
void cache_free_object(struct cache *cache, struct object *object);
/* Evicts until incoming more bytes fit, and reserves them. by: the file that needs the room, see struct
 * cache_departure. -ENOSPC: nothing more can be evicted. */
int cache_make_room(struct cache *cache, uint64_t incoming, uint64_t by);

/* cache_watch.c; under the lock. */
void cache_set_written(struct cache *cache, struct object *object, bool written);
void cache_unwatch(struct cache *cache, struct object *object);
