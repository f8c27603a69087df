/* The look at mapped objects, once a second: who is still there, and what was stored. */
#include "cache/base/lock_order.h"
#include "cache/cache_impl.h"

/* A look at one costs some system calls: what a tick may do besides looking after stores. */
enum { LOOKS_PER_TICK = 512 };

/* There was no memory for it in the policy when it could not leave: without this it never would. */
static void settle(struct cache *cache, struct object *object)
{
	if (!object->settled)
		object->settled = evict_insert(cache->evict, &object->entry) == 0;
}

/* (locked) Whether it is watched no more, and so it is held once less. */
static bool heed(struct cache *cache, struct object *object, enum cache_mapping answer)
{
	if (object->watched_again) /* the answer is older than that */
		return false;
	if (answer == CACHE_MAPPED || answer == CACHE_WRITTEN) {
		cache_set_written(cache, object, answer == CACHE_WRITTEN);
		return false;
	}
	cache_unwatch(cache, object);
	return true;
}

/* Looks at the object in that place of the list. Whether it is still there: else another one is. */
static bool look_at(struct cache *cache, unsigned at)
{
	struct object *object;
	enum cache_mapping answer;
	bool ended, stays;

	lock_take(&cache->lock, LOCK_CACHE);
	object = cache->watched[at]; /* the list holds it: only this thread takes it away */
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

/* Where to look next among those that are not stored into. False: there are none. */
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
	/* none but this thread makes that part smaller */
	while (written-- > 0)
		at += look_at(cache, at);
	while (looks-- > 0 && find_next(cache))
		cache->watched_next += look_at(cache, cache->watched_next);
	cache_shed(cache);
}
