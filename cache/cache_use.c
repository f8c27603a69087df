/* Uses of objects. The last release tells the policy if it asked for the object meanwhile. */
#include "cache/base/lock_order.h"
#include "cache/cache_impl.h"

/* The value of holds after a use or claim has ended. */
static uint32_t holds_after(uint32_t holds, bool claim)
{
	return claim ? holds & ~HOLD_CLAIMED : holds - 1;
}

static bool is_free_and_parked(uint32_t holds)
{
	return (holds & HOLD_PARKED) && !(holds & (HOLD_CLAIMED | HOLD_COUNT));
}

/* Ends what may be the last use of a parked object, and tells the policy if it is. The lock keeps the object
 * alive between the two steps, since dropping it needs the lock. */
static void end_use_parked(struct cache *cache, struct object *object, bool claim)
{
	uint32_t holds = atomic_load(&object->holds), want;
	bool parked;

	lock_take(&cache->lock, LOCK_CACHE);
	do {
		want = holds_after(holds, claim);
		parked = is_free_and_parked(want);
		if (parked)
			want &= ~HOLD_PARKED;
	} while (!atomic_compare_exchange_weak(&object->holds, &holds, want));
	if (parked && object->settled)
		evict_unpark(cache->evict, &object->entry);
	lock_drop(&cache->lock, LOCK_CACHE);
}

static void end_use(struct cache *cache, struct object *object, bool claim)
{
	uint32_t holds = atomic_load(&object->holds), want;

	do {
		want = holds_after(holds, claim);
		if (is_free_and_parked(want)) {
			end_use_parked(cache, object, claim);
			return;
		}
	} while (!atomic_compare_exchange_weak(&object->holds, &holds, want));
}

void cache_unclaim(struct cache *cache, struct object *object)
{
	end_use(cache, object, true);
}

void cache_release(struct cache *cache, struct object *object)
{
	end_use(cache, object, false);
}

void cache_set_priority(struct cache *cache, struct object *object, int priority)
{
	lock_take(&cache->lock, LOCK_CACHE); /* a bit-field: the policy writes others of the same byte */
	object->entry.priority = (int8_t)priority;
	lock_drop(&cache->lock, LOCK_CACHE);
}

void cache_used(struct cache *cache, struct object *object)
{
	atomic_fetch_add_explicit(&object->uses, 1, memory_order_relaxed);
	if (!cache->eager) {
		evict_hit(&object->entry);
		return;
	}
	lock_take(&cache->lock, LOCK_CACHE);
	if (object->settled)
		evict_touch(cache->evict, &object->entry);
	lock_drop(&cache->lock, LOCK_CACHE);
}

void cache_discount_reads(struct cache *cache, struct object *object)
{
	uint32_t atime = cache_atime_ms(cache, object);

	lock_take(&cache->lock, LOCK_CACHE);
	object->atime_seen_ms = atime;
	lock_drop(&cache->lock, LOCK_CACHE);
}
