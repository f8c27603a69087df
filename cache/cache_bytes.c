/* The bytes of objects, and objects that change while they are open. */
#include "cache/base/lock_order.h"
#include "cache/cache_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/store/store_copy.h"

int64_t cache_read(struct cache *cache, struct object *object, void *buf, size_t size, uint64_t offset)
{
	int fd = store_copy_open(cache->store, &object->place, O_RDONLY | O_NOATIME);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = pread(fd, buf, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	n = n < 0 ? -errno : n;
	store_copy_close(cache->store, fd);
	return n;
}

/*
 * Charges the object for size bytes. The caller may hold locks that an eviction would need, so nothing is
 * evicted before the next cache_shed(); until then the growth allowance is used. False: it is used up, and
 * this object must not grow any more.
 */
static bool charge_size(struct cache *cache, struct object *object, uint64_t size)
{
	uint64_t charge = charge_of(size), old = object->entry.charge, total;
	int64_t pages = object->growth_pages + ((int64_t)charge - (int64_t)old) / (int64_t)PAGE;
	struct evict_stats stats;
	bool fits;

	lock_take(&cache->lock, LOCK_CACHE);
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
	lock_drop(&cache->lock, LOCK_CACHE);
	return fits;
}

static void freeze(struct cache *cache, struct object *object)
{
	if (!object->frozen)
		cache->frozen++;
	object->frozen = true;
}

void cache_damage(struct cache *cache, struct object *object)
{
	freeze(cache, object);
	object->damaged = true;
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
	fd = store_copy_open(cache->store, &object->place, O_WRONLY);
	n = fd < 0 ? fd : store_copy_write(fd, buf, end > limit ? limit - offset : size, (off_t)offset);
	store_copy_close(cache->store, fd);
	if (n < 0)
		cache_damage(cache, object);
	return n < 0 ? (int)n : 0;
}

int cache_truncate(struct cache *cache, struct object *object, uint64_t size)
{
	int fd, r;

	if (size > object->entry.size && (object->frozen || !charge_size(cache, object, size))) {
		freeze(cache, object);
		return 0;
	}
	fd = store_copy_open(cache->store, &object->place, O_WRONLY);
	r = fd < 0 ? fd : ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
	store_copy_close(cache->store, fd);
	if (r < 0)
		cache_damage(cache, object);
	else if (size < object->entry.size)
		charge_size(cache, object, size);
	return r;
}

static int punch(int fd, uint64_t offset, uint64_t length)
{
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	return fallocate(fd, mode, (off_t)offset, (off_t)length) < 0 ? -errno : 0;
}

int cache_zero(struct cache *cache, struct object *object, uint64_t offset, uint64_t length)
{
	uint64_t size = object->entry.size;
	int fd, r;

	if (offset >= size)
		return 0;
	fd = store_copy_open(cache->store, &object->place, O_WRONLY);
	r = fd < 0 ? fd : punch(fd, offset, MIN(length, size - offset));
	store_copy_close(cache->store, fd);
	if (r < 0)
		cache_damage(cache, object);
	return r;
}

int cache_refresh(
	struct cache *cache, struct object *object, const struct store_source *source, uint64_t size)
{
	uint64_t old = object->entry.size;
	bool fits = size <= old || charge_size(cache, object, size);
	ssize_t n;
	int fd, r = 0;

	fd = store_copy_open(cache->store, &object->place, O_RDWR);
	if (fd < 0)
		return fd;
	n = store_copy_bytes(source, fd, fits ? size : old);
	if (n < 0)
		r = (int)n;
	else if (ftruncate(fd, n) < 0)
		r = -errno;
	store_copy_close(cache->store, fd);
	if (r == 0 && (uint64_t)n != object->entry.size)
		charge_size(cache, object, (uint64_t)n);
	if (r < 0)
		cache_damage(cache, object);
	else
		object->damaged = false;
	if (!fits)
		freeze(cache, object);
	else if (r == 0)
		object->frozen = false;
	return r;
}
