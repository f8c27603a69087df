/* Mapped objects: they stay until nobody maps them. */
#include "cache/cache_impl.h"
#include "locks/order.h"

#include <stdlib.h>

/* A look at one costs some system calls: what a tick may do. */
enum { LOOKS_PER_TICK = 512 };

void cache_unwatch(struct cache *cache, struct object *object)
{
	struct object *last;

	if (!object->mapped)
		return;
	last = cache->watched[--cache->watched_count];
	cache->watched[object->mapped - 1] = last;
	last->mapped = object->mapped;
	object->mapped = 0;
}

void cache_watch(struct cache *cache, struct object *object)
{
	bool listed = true;

	lock_take(&cache->lock, LOCK_CACHE);
	if (cache->watched_count == cache->watched_size) {
		unsigned size = cache->watched_size ? 2 * cache->watched_size : 16;
		struct object **grown = realloc(cache->watched, size * sizeof(*grown));

		listed = grown != NULL;
		if (listed) {
			cache->watched = grown;
			cache->watched_size = size;
		}
	}
	if (listed && !object->mapped) {
		cache->watched[cache->watched_count++] = object;
		object->mapped = cache->watched_count;
		atomic_fetch_add(&object->pins, 1);
	}
	if (!object->settled)
		object->settled = evict_insert(cache->evict, &object->entry) == 0;
	lock_drop(&cache->lock, LOCK_CACHE);
}

/* The watch over it ends, and with it a pin. */
static void end_watch(struct cache *cache, struct object *object, bool unwanted)
{
	lock_take(&cache->lock, LOCK_CACHE);
	cache_unwatch(cache, object);
	lock_drop(&cache->lock, LOCK_CACHE);
	if (unwanted)
		cache_unpin_unwanted(cache, object);
	else
		cache_unpin(cache, object);
}

/* There was no memory for it in the policy when it could not leave: without this it never would. */
static void settle(struct cache *cache, struct object *object)
{
	if (!object->settled)
		object->settled = evict_insert(cache->evict, &object->entry) == 0;
}

/* The next of the list; NULL: it is empty. */
static struct object *next_watched(struct cache *cache)
{
	struct object *object = NULL;

	lock_take(&cache->lock, LOCK_CACHE);
	if (cache->watched_next >= cache->watched_count)
		cache->watched_next = 0;
	if (cache->watched_count) {
		object = cache->watched[cache->watched_next];
		settle(cache, object);
	}
	lock_drop(&cache->lock, LOCK_CACHE);
	return object;
}

void cache_tick(struct cache *cache)
{
	struct object *object;
	unsigned looks;

	lock_take(&cache->lock, LOCK_CACHE);
	looks = MIN(cache->watched_count, LOOKS_PER_TICK);
	lock_drop(&cache->lock, LOCK_CACHE);
	while (looks-- > 0 && (object = next_watched(cache))) {
		/* the watch list holds a pin: only this thread takes it away */
		int r = cache->owner.watch(cache->owner.ctx, object);

		if (r < 0)
			cache->watched_next++;
		else
			end_watch(cache, object, r > 0); /* the last of the list took its place */
	}
	cache_shed(cache);
}
