/* The list of mapped objects, which are kept until they are unmapped. */
#include "cache/base/lock_order.h"
#include "cache/cache_impl.h"

#include <errno.h>
#include <stdlib.h>

static bool is_written(const struct cache *cache, const struct object *object)
{
	return object->mapped <= cache->written_count;
}

static void swap(struct cache *cache, unsigned a, unsigned b)
{
	struct object *object = cache->watched[a];

	cache->watched[a] = cache->watched[b];
	cache->watched[b] = object;
	cache->watched[a]->mapped = a + 1;
	cache->watched[b]->mapped = b + 1;
}

void cache_set_written(struct cache *cache, struct object *object, bool written)
{
	if (written && !is_written(cache, object))
		swap(cache, object->mapped - 1, cache->written_count++);
	else if (!written && is_written(cache, object))
		swap(cache, object->mapped - 1, --cache->written_count);
}

void cache_unwatch(struct cache *cache, struct object *object)
{
	if (!object->mapped)
		return;
	cache_set_written(cache, object, false);
	swap(cache, object->mapped - 1, --cache->watched_count);
	object->mapped = 0;
}

static bool has_space(struct cache *cache)
{
	unsigned size = cache->watched_size ? 2 * cache->watched_size : 16;
	struct object **grown;

	if (cache->watched_count < cache->watched_size)
		return true;
	grown = realloc(cache->watched, size * sizeof(*grown));
	if (!grown)
		return false;
	cache->watched = grown;
	cache->watched_size = size;
	return true;
}

int cache_watch(struct cache *cache, struct object *object, enum cache_mapping mapping)
{
	lock_take(&cache->lock, LOCK_CACHE);
	if (!object->mapped && has_space(cache)) {
		cache->watched[cache->watched_count++] = object;
		object->mapped = cache->watched_count;
		atomic_fetch_add(&object->holds, 1);
	}
	if (object->mapped && mapping == CACHE_WRITTEN)
		cache_set_written(cache, object, true);
	object->watched_again = true;
	if (!object->settled)
		object->settled = evict_insert(cache->evict, &object->entry) == 0;
	mapping = object->mapped ? mapping : CACHE_UNMAPPED;
	lock_drop(&cache->lock, LOCK_CACHE);
	return mapping == CACHE_UNMAPPED ? -ENOMEM : 0;
}
