/* Creates and frees the cache; the callbacks that answer the policy. */
#include "cache/base/lock_order.h"
#include "cache/cache_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "cache/store/store_copy.h"

uint64_t cache_stamp(uint64_t size, int64_t mtime_ns, int64_t ctime_ns)
{
	uint64_t h = size * 0x9e3779b97f4a7c15ULL;

	/* multiply and fold each word: 64 bits suffice against accidental collisions; a user who forges one
	 * harms only their own file */
	h = (h ^ (h >> 29) ^ (uint64_t)mtime_ns) * 0xbf58476d1ce4e5b9ULL;
	h = (h ^ (h >> 32) ^ (uint64_t)ctime_ns) * 0x94d049bb133111ebULL;
	return h ^ (h >> 31);
}

/* --- callbacks of the policy ------------------------------------------------------------------ */

/* Milliseconds suffice, since the kernel's clock for access times is coarser; the wrap after 49 days does no
 * harm. */
uint32_t cache_atime_ms(struct cache *cache, struct object *object)
{
	return (uint32_t)(store_atime(cache->store, &object->place) / 1000000);
}

static bool host_used(void *ctx, struct evict_entry *entry)
{
	struct cache *cache = ctx;
	struct object *object = object_of(entry);
	uint32_t atime = cache_atime_ms(cache, object);
	bool used = atime != object->atime_seen_ms;

	object->atime_seen_ms = atime;
	return used;
}

static bool host_take(void *ctx, struct evict_entry *entry)
{
	(void)ctx;
	return object_claim_or_park(object_of(entry));
}

/* --- life of the cache ------------------------------------------------------------------------ */

int cache_new(struct cache **ret, const struct cache_options *options, const struct cache_owner *owner)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	bool opens_tell = options->store && store_is_the_file(options->store);
	const struct evict_host host = {
		.used = opens_tell ? NULL : host_used, .take = host_take, .ctx = cache};
	const struct evict_options evict = {
		.policy = options->policy,
		.budget = options->budget,
		.admit = options->admit,
		/* so that a file of exactly that part of the budget fits */
		.largest_extra = CHARGE_METADATA + 2 * PAGE,
	};
	struct evict_stats stats;
	int r;

	if (!cache) {
		store_free(options->store);
		return -ENOMEM;
	}
	cache->store = options->store;
	pthread_mutex_init(&cache->lock, NULL);
	cache->owner = *owner;
	cache->growth = options->growth;
	cache->evict = evict_new(&evict, &host);
	cache->departures = calloc(DEPARTURES, sizeof(*cache->departures));
	r = cache->evict && cache->departures ? 0 : -ENOMEM;
	if (r == 0 && !cache->store)
		r = store_copy_new(
			&cache->store, options->budget + 2 * options->growth, options->descriptors);
	if (r < 0) {
		cache_free(cache);
		return r;
	}
	cache->eager = evict_is_eager(cache->evict);
	evict_read_stats(cache->evict, &stats);
	cache->fixed = stats.memory;
	evict_set_budget(cache->evict, options->budget - MIN(cache->fixed, options->budget));
	*ret = cache;
	return 0;
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	evict_free(cache->evict);
	store_free(cache->store);
	free(cache->watched);
	free(cache->departures);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

struct store *cache_store(struct cache *cache)
{
	return cache->store;
}

bool cache_holds(struct cache *cache, const struct object *object)
{
	return store_holds(cache->store, &object->place);
}

void cache_read_figures(struct cache *cache, struct cache_figures *figures)
{
	*figures = (struct cache_figures){
		.grown_bytes = cache->grown_bytes,
		.fills = cache->fills,
		.fill_bytes = cache->fill_bytes,
		.no_room = cache->no_room,
		.frozen = cache->frozen,
	};
	lock_take(&cache->lock, LOCK_CACHE);
	evict_read_stats(cache->evict, &figures->policy);
	figures->budget = evict_budget(cache->evict) + cache->fixed;
	figures->reserved = cache->reserved;
	figures->descriptors = store_descriptors(cache->store);
	figures->mapped_count = cache->watched_count;
	lock_drop(&cache->lock, LOCK_CACHE);
	figures->object_count = figures->policy.object_count;
	figures->bytes = figures->policy.charged + figures->policy.memory + figures->reserved;
}
