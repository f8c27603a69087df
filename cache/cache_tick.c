/* Checks mapped objects once a second: whether they still are, and whether mappings stored anything. */
#include "cache/base/lock_order.h"
#include "cache/cache_impl.h"

/* Most checks per tick, since each takes some system calls. Objects that may be written are all checked. */
enum { LOOKS_PER_TICK = 512 };

/* When the object could not be evicted, the policy may have had no memory to take it back. Without this it
 * would never be evicted. */
static void settle(struct cache *cache, struct object *object)
{
	if (!object->settled)
		object->settled = evict_insert(cache->evict, &object->entry) == 0;
}

/* (locked) Whether the object is no longer watched, so that its hold must be released. */
static bool heed(struct cache *cache, struct object *object, enum cache_mapping answer)
{
	if (object->watched_again) /* cache_watch() was called after the answer was found */
		return false;
	if (answer == CACHE_MAPPED || answer == CACHE_WRITTEN) {
		cache_set_written(cache, object, answer == CACHE_WRITTEN);
		return false;
	}
	cache_unwatch(cache, object);
	return true;
}

/*
 * Looks at the object in this place of the list. False: it left the list, and another object has its place.
 */
static bool look_at(struct cache *cache, unsigned at)
{
	struct object *object;
	enum cache_mapping answer;
	bool ended, stays;

	lock_take(&cache->lock, LOCK_CACHE);
	/* the list holds the object, and only this thread removes objects from the list */
	object = cache->watched[at];
	object->watched_again = false;
	settle(cache, object);
	lock_drop(&cache->lock, LOCK_CACHE);
	answer = cache->owner.watch(cache->owner.ctx, object);
	lock_take(&cache->lock, LOCK_CACHE);
	ended = heed(cache, object, answer);
	stays = !ended && object->mapped == at + 1;
	lock_drop(&cache->lock, LOCK_CACHE);
	if (ended && answer == CACHE_UNWANTED)
		cache_release_unwanted(cache, object);
	else if (ended)
		cache_release(cache, object);
	return stays;
}

/* Makes watched_next the place of an object that is mapped for reading only. False: there is none. */
static bool find_next(struct cache *cache)
{
	bool found;

	lock_take(&cache->lock, LOCK_CACHE);
	if (cache->watched_next < cache->written_count || cache->watched_next >= cache->watched_count)
		cache->watched_next = cache->written_count;
	found = cache->watched_next < cache->watched_count;
	lock_drop(&cache->lock, LOCK_CACHE);
	return found;
}

void cache_tick(struct cache *cache)
{
	unsigned written, looks, at = 0;

	lock_take(&cache->lock, LOCK_CACHE);
	written = cache->written_count;
	looks = MIN(cache->watched_count - written, LOOKS_PER_TICK);
	lock_drop(&cache->lock, LOCK_CACHE);
	/* only this thread makes the written part of the list smaller */
	while (written-- > 0)
		at += look_at(cache, at);
	while (looks-- > 0 && find_next(cache))
		cache->watched_next += look_at(cache, cache->watched_next);
	cache_shed(cache);
}
