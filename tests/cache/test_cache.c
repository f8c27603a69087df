/* The mechanism: real store, real policy; files are memfds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache/cache.h"

static bool memory_is_short;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* The linker sends the cache's calls here. */
void *__wrap_realloc(void *old, size_t size)
{
	return memory_is_short ? NULL : __real_realloc(old, size);
}

#define PAGE 4096
#define BUDGET (1 << 20)

/* Stands in for the owner: who lets go of what. */
struct fixture {
	struct cache *cache;
	struct object *last_let_go;
	unsigned let_go_count, watch_count;
	bool refuse;     /* somebody maps everything */
	bool still_used; /* and still does at the next tick */
	bool unwanted;   /* whoever is not mapped any more shall go */
};

static int on_let_go(void *ctx, struct object *object)
{
	struct fixture *f = ctx;

	__atomic_add_fetch(&f->let_go_count, 1, __ATOMIC_RELAXED);
	f->last_let_go = object;
	return f->refuse ? -EBUSY : 0;
}

static int on_watch(void *ctx, struct object *object)
{
	struct fixture *f = ctx;

	f->watch_count++;
	return f->still_used ? -EBUSY : f->unwanted;
}

static void start_with(struct fixture *f, uint64_t budget, uint64_t growth)
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

static void stop(struct fixture *f)
{
	cache_empty(f->cache);
	cache_free(f->cache);
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("source", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

/* A source that is an open file. */
static ssize_t read_fd(void *fd, void *buf, size_t size, uint64_t offset)
{
	return pread((int)(intptr_t)fd, buf, size, (off_t)offset);
}

/* A published object of size bytes that begin with its id. */
static struct object *add(struct fixture *f, uint64_t id, size_t size)
{
	char *bytes = calloc(1, size + 8);
	struct object *object;
	int fd, r;

	memcpy(bytes, &id, 8);
	fd = file_of(bytes, size);
	r = cache_fill(f->cache, &(struct cache_source){read_fd, (void *)(intptr_t)fd}, id, size, &object);
	close(fd);
	free(bytes);
	if (r < 0)
		return NULL;
	assert_int_equal(cache_publish(f->cache, object), 0);
	return object;
}

static struct cache_figures figures_of(struct fixture *f)
{
	struct cache_figures figures;

	cache_read_figures(f->cache, &figures);
	return figures;
}

static void a_file_is_admitted_at_its_second_open(void **state)
{
	struct fixture f;

	start_with(&f, BUDGET, 0);
	assert_false(cache_ask(f.cache, 7, 100));
	assert_true(cache_ask(f.cache, 7, 100));
	stop(&f);
}

static void an_object_holds_the_bytes_of_its_file(void **state)
{
	struct fixture f;
	struct object *object;
	char buf[64] = "";
	int fd;

	start_with(&f, BUDGET, 0);
	fd = file_of("hello, cache", 12);
	assert_int_equal(
		cache_fill(f.cache, &(struct cache_source){read_fd, (void *)(intptr_t)fd}, 1, 12, &object),
		0);
	assert_int_equal(cache_read(f.cache, object, buf, sizeof(buf), 0), 12);
	assert_memory_equal(buf, "hello, cache", 12);
	assert_int_equal(cache_read(f.cache, object, buf, sizeof(buf), 7), 5);
	assert_int_equal(cache_read(f.cache, object, buf, sizeof(buf), 100), 0);
	assert_int_equal(cache_publish(f.cache, object), 0);
	close(fd);
	stop(&f);
}

static void an_object_that_the_policy_has_no_memory_for_gives_its_own_back(void **state)
{
	const struct cache_options options = {.budget = BUDGET, .admit = 1, .policy = evict_find("gdsf")};
	struct cache_figures before;
	struct object *object;
	struct fixture f = {0};
	const struct cache_owner owner = {.let_go = on_let_go, .watch = on_watch, .ctx = &f};
	int fd = file_of("x", 1), r = 0;

	assert_int_equal(cache_new(&f.cache, &options, &owner), 0);
	/* as many as there is room for without asking for more */
	for (uint64_t id = 1; r == 0; id++) {
		before = figures_of(&f);
		assert_int_equal(cache_fill(f.cache, &(struct cache_source){read_fd, (void *)(intptr_t)fd},
					 id, 1, &object),
			0);
		r = cache_publish(f.cache, object);
		memory_is_short = true;
	}
	memory_is_short = false;
	assert_int_equal(r, -ENOMEM);
	cache_drop(f.cache, object);
	assert_int_equal(figures_of(&f).bytes, before.bytes);
	close(fd);
	stop(&f);
}

static void a_file_that_shrank_while_it_was_copied_is_not_kept(void **state)
{
	struct fixture f;
	struct object *object;
	int fd = file_of("short", 5);

	start_with(&f, BUDGET, 0);
	assert_int_equal(
		cache_fill(f.cache, &(struct cache_source){read_fd, (void *)(intptr_t)fd}, 1, 500, &object),
		-ESTALE);
	assert_int_equal(figures_of(&f).object_count, 0);
	assert_int_equal(figures_of(&f).reserved, 0);
	close(fd);
	stop(&f);
}

static void the_budget_holds_whatever_is_added(void **state)
{
	struct fixture f;

	start_with(&f, BUDGET, 0);
	for (uint64_t id = 1; id <= 2000; id++) {
		add(&f, id, 1 + id * 37 % 20000);
		assert_true(figures_of(&f).bytes <= BUDGET);
	}
	assert_true(f.let_go_count > 1000);
	assert_true(figures_of(&f).object_count > 10);
	stop(&f);
}

static void open_objects_are_not_evicted(void **state)
{
	struct fixture f;
	struct object *open;
	char buf[8];
	uint64_t id = 1;

	start_with(&f, BUDGET, 0);
	open = add(&f, id, PAGE);
	assert_true(object_pin(open));
	for (uint64_t i = 2; i < 1000; i++) {
		add(&f, i, PAGE);
		assert_ptr_not_equal(f.last_let_go, open);
	}
	assert_int_equal(cache_read(f.cache, open, buf, 8, 0), 8);
	assert_memory_equal(buf, &id, 8);
	cache_unpin(f.cache, open);
	cache_empty(f.cache);
	assert_int_equal(figures_of(&f).object_count, 0);
	stop(&f);
}

static void a_claimed_object_cannot_be_pinned_nor_a_pinned_one_claimed(void **state)
{
	struct fixture f;
	struct object *object;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, PAGE);
	assert_true(object_pin(object));
	assert_false(object_claim(object));
	cache_unpin(f.cache, object);
	assert_true(object_claim(object));
	assert_false(object_pin(object));
	cache_drop(f.cache, object);
	assert_int_equal(figures_of(&f).object_count, 0);
	stop(&f);
}

static void a_full_cache_of_open_objects_takes_no_more(void **state)
{
	struct object *open[300];
	struct object *object = NULL;
	unsigned count = 0;
	struct fixture f;

	start_with(&f, BUDGET, 0);
	for (uint64_t id = 1; count < 300 && (object = add(&f, id, PAGE)); id++) {
		assert_true(object_pin(object));
		open[count++] = object;
	}
	assert_null(object);
	assert_true(count > 100 && count < 257);
	assert_int_equal(figures_of(&f).no_room, 1);
	while (count > 0)
		cache_unpin(f.cache, open[--count]);
	assert_non_null(add(&f, 1000, PAGE));
	stop(&f);
}

static void writes_follow_into_the_object_and_are_charged(void **state)
{
	struct fixture f;
	struct object *object;
	char buf[3 * PAGE], got[3 * PAGE];
	uint64_t before;

	start_with(&f, BUDGET, BUDGET / 4);
	object = add(&f, 1, 100);
	assert_true(object_pin(object));
	before = figures_of(&f).bytes;
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(cache_write(f.cache, object, buf, sizeof(buf), 100), 0);
	assert_int_equal(object->entry.size, 100 + sizeof(buf));
	assert_int_equal(figures_of(&f).bytes, before + 3 * PAGE);
	assert_int_equal(figures_of(&f).grown_bytes, 3 * PAGE);
	assert_int_equal(cache_read(f.cache, object, got, sizeof(got), 100), sizeof(got));
	assert_memory_equal(got, buf, sizeof(got));
	assert_int_equal(cache_truncate(f.cache, object, 10), 0);
	assert_int_equal(figures_of(&f).bytes, before);
	assert_int_equal(figures_of(&f).grown_bytes, 0);
	cache_unpin(f.cache, object);
	stop(&f);
}

static void an_object_that_outgrows_the_allowance_freezes_at_it(void **state)
{
	struct fixture f;
	struct object *object;
	char buf[PAGE];
	uint64_t size = 8;

	start_with(&f, BUDGET, BUDGET / 4);
	object = add(&f, 1, size);
	assert_true(object_pin(object));
	memset(buf, 'y', sizeof(buf));
	while (!object->frozen && size < 4 * BUDGET) {
		assert_int_equal(cache_write(f.cache, object, buf, sizeof(buf), size), 0);
		size += sizeof(buf);
	}
	assert_true(object->frozen);
	assert_true(figures_of(&f).bytes <= BUDGET + BUDGET / 4);
	assert_true(figures_of(&f).bytes > BUDGET);
	/* over the budget nothing comes in, and what is below its end still follows */
	assert_null(add(&f, 2, 10));
	assert_int_equal(cache_write(f.cache, object, "now", 3, 0), 0);
	assert_int_equal(cache_read(f.cache, object, buf, 3, 0), 3);
	assert_memory_equal(buf, "now", 3);
	cache_unpin(f.cache, object);
	stop(&f);
}

static void a_refresh_beyond_the_allowance_renews_what_there_is_and_freezes(void **state)
{
	static char bytes[4 * BUDGET];
	struct object *object;
	struct fixture f;
	char got[4];
	int fd;

	start_with(&f, BUDGET, BUDGET / 4);
	object = add(&f, 1, PAGE);
	assert_true(object_pin(object));
	memset(bytes, 'n', sizeof(bytes));
	fd = file_of(bytes, sizeof(bytes));
	assert_int_equal(cache_refresh(f.cache, object, &(struct cache_source){read_fd, (void *)(intptr_t)fd},
				 sizeof(bytes)),
		0);
	assert_true(object->frozen);
	assert_false(object->damaged);
	assert_int_equal(object->entry.size, PAGE);
	assert_int_equal(cache_read(f.cache, object, got, 4, 0), 4);
	assert_memory_equal(got, "nnnn", 4);
	cache_unpin(f.cache, object);
	close(fd);
	stop(&f);
}

static void a_refresh_replaces_the_contents_in_place(void **state)
{
	struct fixture f;
	struct object *object;
	char buf[16];
	int fd = file_of("new contents", 12);

	start_with(&f, BUDGET, BUDGET / 4);
	object = add(&f, 1, 5000);
	assert_true(object_pin(object));
	assert_int_equal(
		cache_refresh(f.cache, object, &(struct cache_source){read_fd, (void *)(intptr_t)fd}, 12), 0);
	assert_int_equal(cache_read(f.cache, object, buf, sizeof(buf), 0), 12);
	assert_memory_equal(buf, "new contents", 12);
	assert_int_equal(object->entry.size, 12);
	cache_unpin(f.cache, object);
	close(fd);
	stop(&f);
}

static void an_unwanted_object_leaves_with_its_last_user(void **state)
{
	struct object *object;
	struct fixture f;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, PAGE);
	assert_true(object_pin(object) && object_pin(object));
	cache_unpin_unwanted(f.cache, object);
	assert_int_equal(f.let_go_count, 0);
	assert_int_equal(figures_of(&f).object_count, 1);
	cache_unpin_unwanted(f.cache, object);
	assert_ptr_equal(f.last_let_go, object);
	assert_int_equal(figures_of(&f).object_count, 0);
	assert_int_equal(figures_of(&f).policy.charged, 0);
	stop(&f);
}

static void an_unwanted_object_that_is_mapped_leaves_with_the_mapping(void **state)
{
	struct object *object;
	struct fixture f;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, PAGE);
	assert_true(object_pin(object));
	f.refuse = f.still_used = f.unwanted = true;
	cache_unpin_unwanted(f.cache, object);
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).object_count, 1);
	f.refuse = f.still_used = false;
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).object_count, 0);
	assert_int_equal(f.let_go_count, 2);
	stop(&f);
}

static void what_grew_beyond_the_budget_is_given_back_at_the_next_tick(void **state)
{
	struct object *grown;
	struct fixture f;

	start_with(&f, BUDGET, BUDGET);
	grown = add(&f, 1, PAGE);
	assert_true(object_pin(grown));
	assert_int_equal(cache_write(f.cache, grown, "x", 1, BUDGET + PAGE), 0);
	cache_shed(f.cache); /* in vain */
	cache_unpin(f.cache, grown);
	assert_true(figures_of(&f).bytes > BUDGET);
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).object_count, 0);
	stop(&f);
}

/* As one who may not mount: each object then holds a descriptor. */
static void start_with_descriptors(struct fixture *f, unsigned descriptors)
{
	const struct cache_options options = {
		.budget = BUDGET,
		.admit = 1,
		.descriptors = descriptors,
		.policy = evict_find("lru"),
	};
	const struct cache_owner owner = {.let_go = on_let_go, .watch = on_watch, .ctx = f};
	uid_t user = geteuid();

	memset(f, 0, sizeof(*f));
	if (user == 0)
		assert_return_code(seteuid(65534), errno);
	assert_int_equal(cache_new(&f->cache, &options, &owner), 0);
	if (user == 0)
		assert_return_code(seteuid(0), errno);
	assert_int_not_equal(store_mount_error(cache_store(f->cache)), 0);
}

static void objects_that_hold_descriptors_are_bounded_by_them(void **state)
{
	struct object *objects[8];
	struct fixture f;

	start_with_descriptors(&f, 8);
	for (unsigned i = 0; i < 20; i++)
		assert_non_null(add(&f, i, 100));
	assert_int_equal(figures_of(&f).object_count, 8);
	assert_int_equal(figures_of(&f).descriptors, 8);
	for (unsigned i = 0; i < 8; i++) {
		objects[i] = add(&f, 100 + i, 100);
		assert_true(object_pin(objects[i]));
	}
	assert_null(add(&f, 200, 100)); /* all are in use: it is not cached */
	assert_int_equal(figures_of(&f).no_room, 1);
	for (unsigned i = 0; i < 8; i++)
		cache_unpin(f.cache, objects[i]);
	assert_non_null(add(&f, 201, 100));
	stop(&f);
}

static void objects_give_descriptors_to_those_who_lack_them(void **state)
{
	struct fixture f;

	start_with_descriptors(&f, 100);
	for (unsigned i = 0; i < 50; i++)
		assert_non_null(add(&f, i, 100));
	assert_true(cache_yield_descriptors(f.cache) > 0);
	assert_true(figures_of(&f).descriptors < 50);
	assert_true(figures_of(&f).descriptors > 0);
	stop(&f);
	start_with(&f, BUDGET, 0);
	if (store_mount_error(cache_store(f.cache)) == 0) {
		assert_non_null(add(&f, 1, 100));
		assert_int_equal(cache_yield_descriptors(f.cache), 0); /* they hold none */
		assert_int_equal(figures_of(&f).object_count, 1);
	}
	stop(&f);
}

static void a_file_of_an_eighth_of_the_budget_may_enter(void **state)
{
	struct fixture f;

	start_with(&f, BUDGET, 0);
	cache_ask(f.cache, 1, BUDGET / 8);
	assert_true(cache_ask(f.cache, 1, BUDGET / 8));
	cache_ask(f.cache, 2, BUDGET / 8 + 4 * PAGE);
	assert_false(cache_ask(f.cache, 2, BUDGET / 8 + 4 * PAGE));
	stop(&f);
}

static void nothing_enters_while_growth_takes_the_budget(void **state)
{
	struct object *grown;
	struct fixture f;

	start_with(&f, BUDGET, BUDGET);
	grown = add(&f, 1, PAGE);
	assert_non_null(add(&f, 2, PAGE));
	assert_true(object_pin(grown));
	assert_int_equal(cache_truncate(f.cache, grown, BUDGET), 0);
	assert_null(add(&f, 3, PAGE));
	assert_int_equal(figures_of(&f).no_room, 1);
	assert_int_equal(figures_of(&f).object_count, 1); /* all others had to leave for it */
	assert_int_equal(cache_truncate(f.cache, grown, PAGE), 0);
	assert_non_null(add(&f, 3, PAGE));
	cache_unpin(f.cache, grown);
	stop(&f);
}

static void a_mapped_object_stays_until_nobody_maps_it(void **state)
{
	struct fixture f;
	struct object *object;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, PAGE);
	f.refuse = f.still_used = true;
	assert_int_equal(cache_empty(f.cache), 0);
	assert_int_equal(f.let_go_count, 1);
	assert_int_equal(cache_empty(f.cache), 0); /* not even asked again */
	assert_int_equal(f.let_go_count, 1);
	assert_int_equal(figures_of(&f).mapped_count, 1);
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, 1);
	assert_int_equal(figures_of(&f).object_count, 1);
	f.refuse = f.still_used = false;
	cache_tick(f.cache);
	assert_int_equal(f.watch_count, 2);
	assert_int_equal(figures_of(&f).mapped_count, 0);
	assert_int_equal(cache_empty(f.cache), 1);
	assert_ptr_equal(f.last_let_go, object);
	stop(&f);
}

static void mapped_objects_bound_what_a_fill_and_a_tick_do(void **state)
{
	const unsigned count = 2000;
	struct fixture f;

	start_with(&f, BUDGET * 16, 0);
	for (unsigned i = 0; i < count; i++)
		assert_non_null(add(&f, i, 100));
	f.refuse = f.still_used = true;
	cache_set_budget(f.cache, 2 * BUDGET);
	assert_true(f.let_go_count < count / 10);
	assert_null(add(&f, count, 100));
	assert_int_equal(figures_of(&f).no_room, 1);
	while (figures_of(&f).mapped_count < count)
		cache_empty(f.cache);
	f.watch_count = 0;
	cache_tick(f.cache);
	assert_true(f.watch_count < count);
	for (unsigned i = 0; i < 8; i++)
		cache_tick(f.cache);
	assert_true(f.watch_count >= count); /* one after the other all have their turn */
	f.refuse = f.still_used = false;
	for (unsigned i = 0; i < 8; i++)
		cache_tick(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, 0);
	stop(&f);
}

static void a_smaller_budget_is_kept_at_once(void **state)
{
	struct fixture f;

	start_with(&f, BUDGET, 0);
	for (uint64_t id = 1; id < 200; id++)
		add(&f, id, PAGE);
	cache_set_budget(f.cache, BUDGET / 4);
	assert_true(figures_of(&f).bytes <= BUDGET / 4);
	cache_set_budget(f.cache, BUDGET);
	stop(&f);
}

static void every_change_of_size_or_time_changes_the_stamp(void **state)
{
	uint64_t stamp = cache_stamp(1000, 1700000000000000000, 1700000000000000001);

	assert_int_equal(stamp, cache_stamp(1000, 1700000000000000000, 1700000000000000001));
	assert_int_not_equal(stamp, cache_stamp(1001, 1700000000000000000, 1700000000000000001));
	assert_int_not_equal(stamp, cache_stamp(1000, 1700000000000000001, 1700000000000000001));
	assert_int_not_equal(stamp, cache_stamp(1000, 1700000000000000000, 1700000000000000002));
	assert_int_not_equal(stamp, cache_stamp(1000, 1700000000000000001, 1700000000000000000));
}

/* --- many threads, one small cache: run under TSan -------------------------------------------- */

#define SLOTS 64

static struct fixture shared;
static pthread_mutex_t slot_locks[SLOTS];
static struct object *slots[SLOTS];

static int let_go_of_slot(void *ctx, struct object *object)
{
	unsigned slot = object->entry.id % SLOTS;

	pthread_mutex_lock(&slot_locks[slot]);
	if (slots[slot] == object)
		slots[slot] = NULL;
	pthread_mutex_unlock(&slot_locks[slot]);
	return 0;
}

static void fill_slot(unsigned slot, uint64_t id)
{
	char bytes[3 * PAGE] = "";
	struct object *object;
	bool attached;
	int fd;

	memcpy(bytes, &id, 8);
	fd = file_of(bytes, sizeof(bytes));
	if (cache_fill(shared.cache, &(struct cache_source){read_fd, (void *)(intptr_t)fd}, id, sizeof(bytes),
		    &object) == 0) {
		pthread_mutex_lock(&slot_locks[slot]);
		attached = !slots[slot];
		if (attached)
			slots[slot] = object;
		pthread_mutex_unlock(&slot_locks[slot]);
		if (attached)
			assert_int_equal(cache_publish(shared.cache, object), 0);
		else
			cache_drop(shared.cache, object);
	}
	close(fd);
}

static void read_slot(unsigned slot)
{
	struct object *object;
	uint64_t id = 0;

	pthread_mutex_lock(&slot_locks[slot]);
	object = slots[slot];
	if (object && !object_pin(object))
		object = NULL;
	pthread_mutex_unlock(&slot_locks[slot]);
	if (!object)
		return;
	cache_used(shared.cache, object);
	assert_int_equal(cache_read(shared.cache, object, &id, 8, 0), 8);
	assert_int_equal(id, object->entry.id);
	cache_unpin(shared.cache, object);
}

static void drop_slot(unsigned slot)
{
	struct object *object;

	pthread_mutex_lock(&slot_locks[slot]);
	object = slots[slot];
	if (object && object_claim(object))
		slots[slot] = NULL;
	else
		object = NULL;
	pthread_mutex_unlock(&slot_locks[slot]);
	if (object)
		cache_drop(shared.cache, object);
}

static void *work(void *seed_)
{
	unsigned seed = (unsigned)(uintptr_t)seed_;

	for (int i = 0; i < 3000; i++) {
		unsigned r = (unsigned)rand_r(&seed), slot = r % SLOTS;

		if (r / SLOTS % 8 == 0)
			drop_slot(slot);
		else if (r / SLOTS % 8 < 4)
			fill_slot(slot, slot + (uint64_t)SLOTS * (r / 997 % 5 + 1));
		else
			read_slot(slot);
	}
	return NULL;
}

static void threads_may_fill_read_drop_and_evict_together(void **state)
{
	const struct cache_options options = {.budget = 40 * PAGE, .admit = 2, .policy = evict_find("sieve")};
	const struct cache_owner owner = {.let_go = let_go_of_slot, .watch = on_watch, .ctx = &shared};
	pthread_t threads[4];

	assert_int_equal(cache_new(&shared.cache, &options, &owner), 0);
	for (int i = 0; i < SLOTS; i++)
		pthread_mutex_init(&slot_locks[i], NULL);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, work, (void *)(i + 1));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cache_empty(shared.cache);
	assert_int_equal(figures_of(&shared).object_count, 0);
	assert_int_equal(figures_of(&shared).reserved, 0);
	cache_free(shared.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_admitted_at_its_second_open),
		cmocka_unit_test(an_object_holds_the_bytes_of_its_file),
		cmocka_unit_test(an_object_that_the_policy_has_no_memory_for_gives_its_own_back),
		cmocka_unit_test(a_file_that_shrank_while_it_was_copied_is_not_kept),
		cmocka_unit_test(the_budget_holds_whatever_is_added),
		cmocka_unit_test(open_objects_are_not_evicted),
		cmocka_unit_test(a_claimed_object_cannot_be_pinned_nor_a_pinned_one_claimed),
		cmocka_unit_test(a_full_cache_of_open_objects_takes_no_more),
		cmocka_unit_test(writes_follow_into_the_object_and_are_charged),
		cmocka_unit_test(an_object_that_outgrows_the_allowance_freezes_at_it),
		cmocka_unit_test(a_refresh_beyond_the_allowance_renews_what_there_is_and_freezes),
		cmocka_unit_test(a_refresh_replaces_the_contents_in_place),
		cmocka_unit_test(an_unwanted_object_leaves_with_its_last_user),
		cmocka_unit_test(an_unwanted_object_that_is_mapped_leaves_with_the_mapping),
		cmocka_unit_test(what_grew_beyond_the_budget_is_given_back_at_the_next_tick),
		cmocka_unit_test(objects_that_hold_descriptors_are_bounded_by_them),
		cmocka_unit_test(objects_give_descriptors_to_those_who_lack_them),
		cmocka_unit_test(a_file_of_an_eighth_of_the_budget_may_enter),
		cmocka_unit_test(nothing_enters_while_growth_takes_the_budget),
		cmocka_unit_test(a_mapped_object_stays_until_nobody_maps_it),
		cmocka_unit_test(mapped_objects_bound_what_a_fill_and_a_tick_do),
		cmocka_unit_test(a_smaller_budget_is_kept_at_once),
		cmocka_unit_test(every_change_of_size_or_time_changes_the_stamp),
		cmocka_unit_test(threads_may_fill_read_drop_and_evict_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
