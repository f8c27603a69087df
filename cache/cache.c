#include "cache/cache.h"
#include "cache/policy/charge.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define PAGE ((uint64_t)CHARGE_PAGE)
#define PIN_CLAIMED 0x80000000u /* being evicted or filled: cannot be pinned */
#define PIN_PARKED 0x40000000u  /* the policy met it while pinned and waits for evict_unpark() */
#define PIN_COUNT (PIN_PARKED - 1)

struct cache {
	pthread_mutex_t lock;
	struct evict *evict;
	struct store *store;
	struct cache_owner owner;
	uint64_t growth;
	uint64_t fixed;    /* bytes of the policy's own that it does not count against its budget */
	uint64_t reserved; /* bytes of fills at work */
	bool eager;
	struct object **watched; /* mapped objects */
	unsigned watched_count, watched_size;
	_Atomic uint64_t fills, fill_bytes, fill_failures, no_room, frozen, grown_bytes;
};

uint64_t cache_stamp(uint64_t size, int64_t mtime_ns, int64_t ctime_ns)
{
	uint64_t h = size * 0x9e3779b97f4a7c15ULL;

	/* multiply and fold, once a word: enough for 64 bits against chance; nobody gains by forging his own
	 * file */
	h = (h ^ (h >> 29) ^ (uint64_t)mtime_ns) * 0xbf58476d1ce4e5b9ULL;
	h = (h ^ (h >> 32) ^ (uint64_t)ctime_ns) * 0x94d049bb133111ebULL;
	return h ^ (h >> 31);
}

static struct object *object_of(struct evict_entry *entry)
{
	return (struct object *)((char *)entry - offsetof(struct object, entry));
}

/* --- pins ------------------------------------------------------------------------------------- */

bool object_pin(struct object *object)
{
	uint32_t pins = atomic_load(&object->pins);

	do {
		if (pins & PIN_CLAIMED)
			return false;
	} while (!atomic_compare_exchange_weak(&object->pins, &pins, pins + 1));
	return true;
}

bool object_claim(struct object *object)
{
	uint32_t pins = atomic_load(&object->pins);

	do {
		if (pins & (PIN_CLAIMED | PIN_COUNT))
			return false;
	} while (!atomic_compare_exchange_weak(&object->pins, &pins, pins | PIN_CLAIMED));
	return true;
}

/* As object_claim(), and leaves word that the policy asked. */
static bool claim_or_park(struct object *object)
{
	uint32_t pins = atomic_load(&object->pins), want;

	do {
		bool busy = pins & (PIN_CLAIMED | PIN_COUNT);

		want = busy ? pins | PIN_PARKED : pins | PIN_CLAIMED;
	} while (!atomic_compare_exchange_weak(&object->pins, &pins, want));
	return want & PIN_CLAIMED && !(pins & PIN_CLAIMED);
}

/* What is left of pins when one use ends. */
static uint32_t pins_after(uint32_t pins, bool claim)
{
	return claim ? pins & ~PIN_CLAIMED : pins - 1;
}

static bool is_free_and_parked(uint32_t pins)
{
	return (pins & PIN_PARKED) && !(pins & (PIN_CLAIMED | PIN_COUNT));
}

/* The last to go tells the policy if that asked meanwhile. The lock keeps the object alive between the two
 * steps: dropping it needs the lock, too. */
static void end_use_parked(struct cache *cache, struct object *object, bool claim)
{
	uint32_t pins = atomic_load(&object->pins), want;
	bool parked;

	pthread_mutex_lock(&cache->lock);
	do {
		want = pins_after(pins, claim);
		parked = is_free_and_parked(want);
		if (parked)
			want &= ~PIN_PARKED;
	} while (!atomic_compare_exchange_weak(&object->pins, &pins, want));
	if (parked && object->settled)
		evict_unpark(cache->evict, &object->entry);
	pthread_mutex_unlock(&cache->lock);
}

static void end_use(struct cache *cache, struct object *object, bool claim)
{
	uint32_t pins = atomic_load(&object->pins), want;

	do {
		want = pins_after(pins, claim);
		if (is_free_and_parked(want)) {
			end_use_parked(cache, object, claim);
			return;
		}
	} while (!atomic_compare_exchange_weak(&object->pins, &pins, want));
}

void cache_unclaim(struct cache *cache, struct object *object)
{
	end_use(cache, object, true);
}

void cache_unpin(struct cache *cache, struct object *object)
{
	end_use(cache, object, false);
}

void cache_used(struct cache *cache, struct object *object)
{
	if (!cache->eager) {
		evict_hit(&object->entry);
		return;
	}
	pthread_mutex_lock(&cache->lock);
	if (object->settled)
		evict_touch(cache->evict, &object->entry);
	pthread_mutex_unlock(&cache->lock);
}

/* --- what the policy asks --------------------------------------------------------------------- */

/* Finer than the clock that the kernel stamps reads with; that it goes round after 49 days does no harm. */
static uint32_t atime_ms(struct cache *cache, struct object *object)
{
	return (uint32_t)(store_atime(cache->store, &object->file) / 1000000);
}

static bool host_used(void *ctx, struct evict_entry *entry)
{
	struct cache *cache = ctx;
	struct object *object = object_of(entry);
	uint32_t atime = atime_ms(cache, object);
	bool used = atime != object->atime_seen_ms;

	object->atime_seen_ms = atime;
	return used;
}

static bool host_take(void *ctx, struct evict_entry *entry)
{
	(void)ctx;
	return claim_or_park(object_of(entry));
}

/* --- life of the cache ------------------------------------------------------------------------ */

int cache_new(struct cache **ret, const struct cache_options *options, const struct cache_owner *owner)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	const struct evict_host host = {.used = host_used, .take = host_take, .ctx = cache};
	const struct evict_options evict = {
		.policy = options->policy,
		.budget = options->budget,
		.admit = options->admit,
	};
	struct evict_stats stats;
	int r;

	if (!cache)
		return -ENOMEM;
	pthread_mutex_init(&cache->lock, NULL);
	cache->owner = *owner;
	cache->growth = options->growth;
	cache->evict = evict_new(&evict, &host);
	r = cache->evict ? store_new(&cache->store, options->budget + 2 * options->growth) : -ENOMEM;
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
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

struct store *cache_store(struct cache *cache)
{
	return cache->store;
}

/* --- entering --------------------------------------------------------------------------------- */

bool cache_ask(struct cache *cache, uint64_t id, uint64_t size)
{
	enum evict_answer answer;
	bool over;

	pthread_mutex_lock(&cache->lock);
	answer = evict_ask(cache->evict, id, charge_of(size));
	over = evict_must_shed(cache->evict, cache->reserved); /* the ghost list grew */
	pthread_mutex_unlock(&cache->lock);
	if (over)
		cache_shed(cache);
	return answer == EVICT_ADMIT;
}

static void object_free(struct cache *cache, struct object *object)
{
	cache->grown_bytes -= object->growth_pages * PAGE;
	store_remove(cache->store, &object->file);
	free(object);
}

static void watch_remove(struct cache *cache, struct object *object)
{
	for (unsigned i = 0; object->mapped && i < cache->watched_count; i++) {
		if (cache->watched[i] != object)
			continue;
		cache->watched[i] = cache->watched[--cache->watched_count];
		object->mapped = false;
	}
}

/* A victim of the policy's. False: it is mapped and stays. */
static bool let_go(struct cache *cache, struct object *object)
{
	if (cache->owner.let_go(cache->owner.ctx, object) < 0) {
		cache_watch(cache, object);
		end_use(cache, object, true);
		return false;
	}
	object_free(cache, object);
	return true;
}

/* Evicts until incoming more bytes fit, and reserves them. */
static int make_room(struct cache *cache, uint64_t incoming)
{
	struct evict_entry *victim;
	int r = 0;

	pthread_mutex_lock(&cache->lock);
	while (evict_must_shed(cache->evict, cache->reserved + incoming)) {
		struct object *object;

		victim = evict_pick(cache->evict);
		if (!victim) {
			r = -ENOSPC;
			break;
		}
		object = object_of(victim);
		object->settled = false;
		pthread_mutex_unlock(&cache->lock);
		let_go(cache, object);
		pthread_mutex_lock(&cache->lock);
	}
	if (r == 0)
		cache->reserved += incoming;
	pthread_mutex_unlock(&cache->lock);
	return r;
}

static void unreserve(struct cache *cache, uint64_t bytes)
{
	pthread_mutex_lock(&cache->lock);
	cache->reserved -= bytes;
	pthread_mutex_unlock(&cache->lock);
}

static ssize_t pwrite_all(int fd, const char *buf, size_t size, off_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, buf + done, size - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

#define COPY_STEP (256 * 1024)

/* The whole file from its beginning. Returns bytes copied, or -errno. */
static ssize_t copy_file(const struct cache_source *from, int to, uint64_t size)
{
	size_t step = MIN(size, COPY_STEP);
	char *buf = malloc(step ? step : 1);
	uint64_t done = 0;
	ssize_t n = buf ? 0 : -ENOMEM;

	while (n >= 0 && done < size) {
		n = from->read(from->ctx, buf, MIN(size - done, step), done);
		if (n == 0)
			break;
		if (n > 0)
			n = pwrite_all(to, buf, (size_t)n, (off_t)done);
		if (n > 0)
			done += (uint64_t)n;
	}
	free(buf);
	return n < 0 ? n : (ssize_t)done;
}

int cache_fill(struct cache *cache, const struct cache_source *source, uint64_t id, uint64_t size,
	struct object **ret)
{
	uint64_t charge = charge_of(size);
	struct object *object;
	ssize_t n;
	int fd, r;

	r = make_room(cache, charge);
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
	object->pins = PIN_CLAIMED;
	fd = store_create(cache->store, &object->file);
	n = fd < 0 ? fd : copy_file(source, fd, size);
	store_close(cache->store, fd);
	if (n != (ssize_t)size) {
		unreserve(cache, charge);
		if (fd < 0)
			object->file.id = 0;
		object_free(cache, object);
		cache->fill_failures++;
		return n < 0 ? (int)n : -ESTALE;
	}
	object->atime_seen_ms = atime_ms(cache, object);
	cache->fills++;
	cache->fill_bytes += size;
	*ret = object;
	return 0;
}

int cache_publish(struct cache *cache, struct object *object)
{
	bool over;
	int r;

	pthread_mutex_lock(&cache->lock);
	r = evict_insert(cache->evict, &object->entry);
	if (r == 0) {
		cache->reserved -= object->entry.charge;
		object->published = true;
		object->settled = true;
	}
	over = evict_must_shed(cache->evict, cache->reserved);
	pthread_mutex_unlock(&cache->lock);
	if (r < 0)
		return r;
	end_use(cache, object, true);
	if (over)
		cache_shed(cache);
	return 0;
}

void cache_drop(struct cache *cache, struct object *object)
{
	pthread_mutex_lock(&cache->lock);
	if (object->settled)
		evict_remove(cache->evict, &object->entry);
	if (!object->published)
		cache->reserved -= object->entry.charge;
	watch_remove(cache, object);
	pthread_mutex_unlock(&cache->lock);
	object_free(cache, object);
}

/* --- objects that change while they are open -------------------------------------------------- */

int64_t cache_read(struct cache *cache, struct object *object, void *buf, size_t size, uint64_t offset)
{
	int fd = store_open(cache->store, &object->file, O_RDONLY | O_NOATIME);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = pread(fd, buf, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	n = n < 0 ? -errno : n;
	store_close(cache->store, fd);
	return n;
}

/*
 * Charges the object for size bytes. The caller may hold locks that an eviction would need, so others leave
 * only at the next cache_shed(); until then the growth allowance is used. False: no more growth for this
 * object, from now on.
 */
static bool charge_size(struct cache *cache, struct object *object, uint64_t size)
{
	uint64_t charge = charge_of(size), old = object->entry.charge, total;
	int64_t pages = object->growth_pages + ((int64_t)charge - (int64_t)old) / (int64_t)PAGE;
	struct evict_stats stats;
	bool fits;

	pthread_mutex_lock(&cache->lock);
	evict_read_stats(cache->evict, &stats);
	total = stats.charged + stats.memory + cache->reserved + charge - old;
	fits = charge <= old || total <= evict_budget(cache->evict) + cache->fixed + cache->growth;
	if (fits && object->settled)
		evict_resize(cache->evict, &object->entry, size, charge);
	if (fits) {
		object->entry.size = size;
		object->entry.charge = charge;
		cache->grown_bytes -= object->growth_pages * PAGE;
		object->growth_pages = pages > 0 ? (uint32_t)pages : 0;
		cache->grown_bytes += object->growth_pages * PAGE;
	}
	pthread_mutex_unlock(&cache->lock);
	return fits;
}

static void freeze(struct cache *cache, struct object *object)
{
	if (!object->frozen)
		cache->frozen++;
	object->frozen = true;
}

int cache_write(struct cache *cache, struct object *object, const void *buf, size_t size, uint64_t offset)
{
	uint64_t end = offset + size, limit = object->entry.size;
	ssize_t n;
	int fd;

	if (end > limit) {
		if (!object->frozen && charge_size(cache, object, end))
			limit = end;
		else
			freeze(cache, object);
	}
	if (offset >= limit)
		return 0;
	fd = store_open(cache->store, &object->file, O_WRONLY);
	n = fd < 0 ? fd : pwrite_all(fd, buf, end > limit ? limit - offset : size, (off_t)offset);
	store_close(cache->store, fd);
	if (n < 0)
		freeze(cache, object);
	return n < 0 ? (int)n : 0;
}

int cache_truncate(struct cache *cache, struct object *object, uint64_t size)
{
	int fd, r;

	if (size > object->entry.size && (object->frozen || !charge_size(cache, object, size))) {
		freeze(cache, object);
		return 0;
	}
	fd = store_open(cache->store, &object->file, O_WRONLY);
	if (fd < 0)
		return fd;
	r = ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
	store_close(cache->store, fd);
	if (r == 0 && size < object->entry.size)
		charge_size(cache, object, size);
	return r;
}

int cache_zero(struct cache *cache, struct object *object, uint64_t offset, uint64_t length)
{
	uint64_t size = object->entry.size;
	int fd, r;

	if (offset >= size)
		return 0;
	fd = store_open(cache->store, &object->file, O_WRONLY);
	if (fd < 0)
		return fd;
	r = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		(off_t)MIN(length, size - offset));
	r = r < 0 ? -errno : 0;
	store_close(cache->store, fd);
	return r;
}

int cache_refresh(
	struct cache *cache, struct object *object, const struct cache_source *source, uint64_t size)
{
	uint64_t old = object->entry.size;
	ssize_t n;
	int fd, r = 0;

	if (size > old && !charge_size(cache, object, size)) {
		freeze(cache, object);
		return 0;
	}
	fd = store_open(cache->store, &object->file, O_RDWR);
	if (fd < 0)
		return fd;
	n = copy_file(source, fd, size);
	if (n < 0)
		r = (int)n;
	else if (ftruncate(fd, n) < 0)
		r = -errno;
	store_close(cache->store, fd);
	if (r == 0 && (uint64_t)n != object->entry.size)
		charge_size(cache, object, (uint64_t)n);
	if (r < 0)
		freeze(cache, object);
	else
		object->frozen = false;
	return r;
}

/* --- steering --------------------------------------------------------------------------------- */

void cache_set_budget(struct cache *cache, uint64_t budget)
{
	pthread_mutex_lock(&cache->lock);
	evict_set_budget(cache->evict, budget - MIN(cache->fixed, budget));
	pthread_mutex_unlock(&cache->lock);
	cache_shed(cache);
}

void cache_shed(struct cache *cache)
{
	bool over;

	pthread_mutex_lock(&cache->lock);
	over = evict_must_shed(cache->evict, cache->reserved);
	pthread_mutex_unlock(&cache->lock);
	if (over)
		make_room(cache, 0);
}

uint64_t cache_empty(struct cache *cache)
{
	uint64_t count = 0;

	for (;;) {
		struct evict_entry *victim;

		pthread_mutex_lock(&cache->lock);
		victim = evict_pick(cache->evict);
		if (victim)
			object_of(victim)->settled = false;
		pthread_mutex_unlock(&cache->lock);
		if (!victim)
			return count;
		count += let_go(cache, object_of(victim));
	}
}

/* --- mapped objects --------------------------------------------------------------------------- */

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
		watch_remove(cache, object);
		pthread_mutex_unlock(&cache->lock);
		cache_unpin(cache, object);
		i--;
	}
}

void cache_read_figures(struct cache *cache, struct cache_figures *figures)
{
	*figures = (struct cache_figures){
		.grown_bytes = cache->grown_bytes,
		.fills = cache->fills,
		.fill_bytes = cache->fill_bytes,
		.fill_failures = cache->fill_failures,
		.no_room = cache->no_room,
		.frozen = cache->frozen,
	};
	pthread_mutex_lock(&cache->lock);
	evict_read_stats(cache->evict, &figures->policy);
	figures->budget = evict_budget(cache->evict) + cache->fixed;
	figures->reserved = cache->reserved;
	figures->mapped_count = cache->watched_count;
	pthread_mutex_unlock(&cache->lock);
	figures->object_count = figures->policy.object_count;
	figures->bytes = figures->policy.charged + figures->policy.memory + figures->reserved;
}
