/* Fills: how objects enter the cache. */
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/cache_impl.h"

#include <errno.h>
#include <stdlib.h>

bool cache_ask(struct cache *cache, uint64_t id, uint64_t size)
{
	enum evict_answer answer;
	bool over;

	lock_take(&cache->lock, LOCK_CACHE);
	answer = evict_ask(cache->evict, id, charge_of(size));
	over = evict_must_shed(cache->evict, cache->reserved); /* the ghost list grew */
	lock_drop(&cache->lock, LOCK_CACHE);
	if (over)
		cache_shed(cache);
	return answer == EVICT_ADMIT;
}

struct evict_outlook cache_peek(struct cache *cache, uint64_t id, uint64_t size)
{
	struct evict_outlook outlook;

	lock_take(&cache->lock, LOCK_CACHE);
	outlook = evict_peek(cache->evict, id, charge_of(size));
	lock_drop(&cache->lock, LOCK_CACHE);
	return outlook;
}

static void unreserve(struct cache *cache, uint64_t bytes)
{
	lock_take(&cache->lock, LOCK_CACHE);
	cache->reserved -= bytes;
	lock_drop(&cache->lock, LOCK_CACHE);
}

/* Makes room, and allocates an object without bytes. */
static int begin_fill(struct cache *cache, const struct store_source *source, uint64_t id, uint64_t size,
	struct object **ret)
{
	uint64_t charge = charge_of(size);
	struct object *object;
	int r;

	r = cache_make_room(cache, charge, source->name);
	if (r < 0) {
		cache->no_room++;
		return r;
	}
	object = calloc(1, sizeof(*object));
	if (!object) {
		unreserve(cache, charge);
		return -ENOMEM;
	}
	object->entry.id = id;
	object->entry.size = size;
	object->entry.charge = charge;
	object->holds = HOLD_CLAIMED;
	*ret = object;
	return 0;
}

/* n: the store's result. Frees the object if the fill failed. */
static int end_fill(struct cache *cache, struct object *object, int64_t n)
{
	if (n != (int64_t)object->entry.size) {
		unreserve(cache, object->entry.charge);
		cache_free_object(cache, object);
		if (n == -ENOSPC) /* the store's own limit, a backstop above the budget */
			return -ENOMEM;
		return n < 0 ? (int)n : -ESTALE;
	}
	object->atime_seen_ms = cache_atime_ms(cache, object);
	cache->fills++;
	cache->fill_bytes += object->entry.size;
	return 0;
}

int cache_fill(struct cache *cache, const struct store_source *source, uint64_t id, uint64_t size,
	struct object **ret)
{
	int r = begin_fill(cache, source, id, size, ret);

	return r < 0 ? r : end_fill(cache, *ret, store_fill(cache->store, &(*ret)->place, source, size));
}

void cache_fill_many(struct cache *cache, struct cache_filling *fillings, unsigned count)
{
	struct store_fill fills[CACHE_FILL_MOST];
	unsigned begun = 0;

	for (unsigned i = 0; i < count; i++) {
		struct cache_filling *filling = &fillings[i];

		filling->error =
			begin_fill(cache, &filling->source, filling->id, filling->size, &filling->object);
		if (filling->error == 0)
			fills[begun++] = (struct store_fill){.place = &filling->object->place,
				.source = filling->source,
				.size = filling->size};
	}
	store_fill_many(cache->store, fills, begun);
	begun = 0;
	for (unsigned i = 0; i < count; i++)
		if (fillings[i].error == 0)
			fillings[i].error = end_fill(cache, fillings[i].object, fills[begun++].result);
}

int cache_mend(struct cache *cache, struct object *object, const struct store_source *source, uint64_t size)
{
	uint64_t charge = charge_of(size), old = object->entry.charge;
	uint64_t more = charge > old ? charge - old : 0;
	int r = more ? cache_make_room(cache, more, source->name) : 0;

	if (r < 0) {
		cache->no_room++;
		return r;
	}
	r = store_resize(cache->store, &object->place, source, size);
	lock_take(&cache->lock, LOCK_CACHE);
	cache->reserved -= more;
	if (r == 0) {
		if (object->settled)
			evict_resize(cache->evict, &object->entry, size, charge);
		object->entry.size = size;
		object->entry.charge = charge;
	}
	lock_drop(&cache->lock, LOCK_CACHE);
	return r;
}

int cache_publish(struct cache *cache, struct object *object)
{
	bool over;
	int r;

	object->cached_at_s = (uint32_t)(clock_coarse_ms() / 1000);
	lock_take(&cache->lock, LOCK_CACHE);
	r = evict_insert(cache->evict, &object->entry);
	if (r == 0) {
		cache->reserved -= object->entry.charge;
		object->published = true;
		object->settled = true;
	}
	over = evict_must_shed(cache->evict, cache->reserved);
	lock_drop(&cache->lock, LOCK_CACHE);
	if (r < 0)
		return r;
	cache_unclaim(cache, object);
	if (over)
		cache_shed(cache);
	return 0;
}

void cache_drop(struct cache *cache, struct object *object)
{
	lock_take(&cache->lock, LOCK_CACHE);
	if (object->settled)
		evict_remove(cache->evict, &object->entry);
	if (!object->published)
		cache->reserved -= object->entry.charge;
	cache_unwatch(cache, object);
	lock_drop(&cache->lock, LOCK_CACHE);
	cache_free_object(cache, object);
}
