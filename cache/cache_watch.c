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

void cache_tick(struct cache *cache)
{
	struct object *object;

	for (unsigned i = 0;; i++) {
		bool free_again;

		pthread_mutex_lock(&cache->lock);
		object = i < cache->watched_count ? cache->watched[i] : NULL;
		pthread_mutex_unlock(&cache->lock);
		if (!object)
			return;
		/* the watch list holds a pin: only this thread takes it away */
		free_again = cache->owner.watch(cache->owner.ctx, object) == 0;
		if (!free_again)
			continue;
		pthread_mutex_lock(&cache->lock);
		cache_unwatch(cache, object);
		pthread_mutex_unlock(&cache->lock);
		cache_unpin(cache, object);
		i--;
	}
}
