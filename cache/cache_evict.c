/* Eviction: objects leave so that the budget holds. */
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/cache_impl.h"

#include <errno.h>
#include <stdlib.h>

/* REFUSALS_MAX: victims that turn out to be mapped are kept and watched; a fill gives up after this many. */
enum { YIELDED_AT_ONCE = 16, REFUSALS_MAX = 64 };

void cache_free_object(struct cache *cache, struct object *object)
{
	cache->grown_bytes -= object->growth_pages * PAGE;
	store_drop(cache->store, &object->place);
	free(object->known);
	free(object);
}

/* Drops a victim of the policy. False: it is mapped, and stays. */
static bool let_go(struct cache *cache, struct object *object)
{
	if (cache->owner.let_go(cache->owner.ctx, object) < 0) {
		cache_watch(cache, object, CACHE_MAPPED);
		cache_unclaim(cache, object);
		return false;
	}
	cache_free_object(cache, object);
	return true;
}

void cache_release_unwanted(struct cache *cache, struct object *object)
{
	if (!object_claim_last(object)) {
		cache_release(cache, object);
		return;
	}
	lock_take(&cache->lock, LOCK_CACHE);
	evict_remove(cache->evict, &object->entry);
	object->settled = false;
	lock_drop(&cache->lock, LOCK_CACHE);
	let_go(cache, object);
}

/* (locked) */
static void note_departure(struct cache *cache, uint64_t id, uint64_t by)
{
	cache->departures[cache->departure_count++ % DEPARTURES] =
		(struct departure){.id = id, .by = by, .at_s = (uint32_t)(clock_coarse_ms() / 1000)};
}

bool cache_find_departure(struct cache *cache, uint64_t id, struct cache_departure *departure)
{
	const struct departure *found = NULL;
	uint32_t now_s = (uint32_t)(clock_coarse_ms() / 1000), known;

	lock_take(&cache->lock, LOCK_CACHE);
	known = MIN(cache->departure_count, DEPARTURES);
	for (uint32_t i = 1; i <= known && !found; i++) {
		const struct departure *one = &cache->departures[(cache->departure_count - i) % DEPARTURES];

		if (one->id == id)
			found = one;
	}
	if (found)
		*departure = (struct cache_departure){.by = found->by, .ago_s = now_s - found->at_s};
	lock_drop(&cache->lock, LOCK_CACHE);
	return found;
}

int cache_make_room(struct cache *cache, uint64_t incoming, uint64_t by)
{
	struct evict_entry *victim;
	unsigned refusals = 0;
	int r = 0;

	lock_may_take(LOCK_INODE); /* let_go() takes the lock of the victim's inode */
	lock_take(&cache->lock, LOCK_CACHE);
	while (evict_must_shed(cache->evict, cache->reserved + incoming) ||
		(incoming && store_is_full(cache->store))) {
		struct object *object;

		victim = refusals < REFUSALS_MAX ? evict_pick(cache->evict) : NULL;
		if (!victim) {
			r = -ENOSPC;
			break;
		}
		object = object_of(victim);
		object->settled = false;
		note_departure(cache, victim->id, by);
		lock_drop(&cache->lock, LOCK_CACHE);
		refusals += !let_go(cache, object);
		lock_take(&cache->lock, LOCK_CACHE);
	}
	if (r == 0)
		cache->reserved += incoming;
	lock_drop(&cache->lock, LOCK_CACHE);
	return r;
}

void cache_set_budget(struct cache *cache, uint64_t budget)
{
	lock_take(&cache->lock, LOCK_CACHE);
	evict_set_budget(cache->evict, budget - MIN(cache->fixed, budget));
	lock_drop(&cache->lock, LOCK_CACHE);
	cache_shed(cache);
}

void cache_set_admit(struct cache *cache, unsigned admit)
{
	lock_take(&cache->lock, LOCK_CACHE);
	evict_set_admit(cache->evict, admit);
	lock_drop(&cache->lock, LOCK_CACHE);
}

void cache_shed(struct cache *cache)
{
	bool over;

	lock_may_take(LOCK_INODE); /* checked even when nothing has to be evicted */
	lock_take(&cache->lock, LOCK_CACHE);
	over = evict_must_shed(cache->evict, cache->reserved);
	lock_drop(&cache->lock, LOCK_CACHE);
	if (over)
		cache_make_room(cache, 0, 0);
}

static uint64_t evict_some(struct cache *cache, uint64_t most)
{
	uint64_t count = 0;

	lock_may_take(LOCK_INODE);
	while (count < most) {
		struct evict_entry *victim;

		lock_take(&cache->lock, LOCK_CACHE);
		victim = evict_pick(cache->evict);
		if (victim) {
			object_of(victim)->settled = false;
			note_departure(cache, victim->id, 0);
		}
		lock_drop(&cache->lock, LOCK_CACHE);
		if (!victim)
			break;
		count += let_go(cache, object_of(victim));
	}
	return count;
}

uint64_t cache_empty(struct cache *cache)
{
	return evict_some(cache, UINT64_MAX);
}

uint64_t cache_yield_descriptors(struct cache *cache)
{
	return store_descriptors(cache->store) ? evict_some(cache, YIELDED_AT_ONCE) : 0;
}
