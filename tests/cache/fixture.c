#include "tests/cache/fixture.h"

#include <sys/mman.h>

int on_let_go(void *ctx, struct object *object)
{
	struct fixture *f = ctx;

	unsigned place = __atomic_fetch_add(&f->let_go_count, 1, __ATOMIC_RELAXED);

	if (place < sizeof(f->left) / sizeof(*f->left))
		f->left[place] = object->entry.id;
	f->last_let_go = object;
	return f->refuse ? -EBUSY : 0;
}

enum cache_mapping on_watch(void *ctx, struct object *object)
{
	struct fixture *f = ctx;

	f->watch_count++;
	if (f->watched_meanwhile)
		cache_watch(f->cache, object, CACHE_WRITTEN);
	if (f->still_used)
		return f->written ? CACHE_WRITTEN : CACHE_MAPPED;
	return f->unwanted ? CACHE_UNWANTED : CACHE_UNMAPPED;
}

void start_with(struct fixture *f, uint64_t budget, uint64_t growth)
{
	const struct cache_options options = {
		.budget = budget,
		.growth = growth,
		.admit = 2,
		.policy = evict_find("lru"),
	};
	const struct cache_owner owner = {.let_go = on_let_go, .watch = on_watch, .ctx = f};

	memset(f, 0, sizeof(*f));
	assert_non_null(options.policy);
	assert_int_equal(cache_new(&f->cache, &options, &owner), 0);
}

void stop(struct fixture *f)
{
	cache_empty(f->cache);
	cache_free(f->cache);
}

int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("source", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

ssize_t read_fd(void *fd, void *buf, size_t size, uint64_t offset)
{
	return pread((int)(intptr_t)fd, buf, size, (off_t)offset);
}

struct object *add(struct fixture *f, uint64_t id, size_t size)
{
	char *bytes = calloc(1, size + 8);
	struct object *object;
	int fd, r;

	memcpy(bytes, &id, 8);
	fd = file_of(bytes, size);
	r = cache_fill(f->cache, &(struct store_source){read_fd, (void *)(intptr_t)fd}, id, size, &object);
	close(fd);
	free(bytes);
	if (r < 0)
		return NULL;
	assert_int_equal(cache_publish(f->cache, object), 0);
	return object;
}

struct cache_figures figures_of(struct fixture *f)
{
	struct cache_figures figures;

	cache_read_figures(f->cache, &figures);
	return figures;
}
