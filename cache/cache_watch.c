/* Mapped objects: they stay until nobody maps them. */
#include "cache/cache_impl.h"

#include <stdlib.h>

void cache_unwatch(struct cache *cache, struct object *object)
{
	for (unsigned i = 0; object->mapped && i < cache->watched_count; i++) {
		if (cache->watched[i] != object)
			continue;
		cache->watched[i] = cache->watched[--cache->watched_count];
		object->mapped = false;
	}
}

void cache_watch(struct cache *cache, struct object *object)
{
	bool listed = true;

	pthread_mutex_lock(&cache->lock);
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
		object->mapped = true;
		atomic_fetch_add(&object->pins, 1);
	}
	if (!object->settled)
		object->settled = evict_insert(cache->evict, &object->entry) == 0;
	pthread_mutex_unlock(&cache->lock);
}

/* The watch over it ends, and with it a pin. */
static void end_watch(struct cache *cache, struct object *object, bool unwanted)
{
	pthread_mutex_lock(&cache->lock);
	cache_unwatch(cache, object);
	pthread_mutex_unlock(&cache->lock);
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

void cache_tick(struct cache *cache)
{
	struct object *object;

	for (unsigned i = 0;;) {
		int r;

		pthread_mutex_lock(&cache->lock);
		object = i < cache->watched_count ? cache->watched[i] : NULL;
		if (object)
			settle(cache, object);
		pthread_mutex_unlock(&cache->lock);
		if (!object)
			break;
		/* the watch list holds a pin: only this thread takes it away */
		r = cache->owner.watch(cache->owner.ctx, object);
		if (r >= 0)
			end_watch(cache, object, r > 0);
		else
			i++;
	}
	cache_shed(cache);
}
