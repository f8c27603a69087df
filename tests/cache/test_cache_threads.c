/* Many threads, one small cache: run under TSan. */
#include "tests/cache/fixture.h"

#include <pthread.h>

#define SLOTS 64

static struct fixture shared;
static pthread_mutex_t slot_locks[SLOTS];
static struct object *slots[SLOTS];
static _Atomic unsigned let_go_count;
static _Atomic bool ended;

static int let_go_of_slot(void *ctx, struct object *object)
{
	unsigned slot = object->entry.id % SLOTS;

	if (atomic_fetch_add(&let_go_count, 1) % 16 == 0 && !ended)
		return -EBUSY; /* somebody maps it */
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
	if (cache_fill(shared.cache, &(struct store_source){read_fd, (void *)(intptr_t)fd}, id, sizeof(bytes),
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

/* It may grow, and may be unwanted from now on. */
static void use_slot(unsigned slot, bool grow, bool unwanted)
{
	struct object *object;
	uint64_t id = 0;

	pthread_mutex_lock(&slot_locks[slot]);
	object = slots[slot];
	if (object && !object_hold(object))
		object = NULL;
	pthread_mutex_unlock(&slot_locks[slot]);
	if (!object)
		return;
	cache_used(shared.cache, object);
	assert_int_equal(cache_read(shared.cache, object, &id, 8, 0), 8);
	assert_int_equal(id, object->entry.id);
	if (grow) {
		pthread_mutex_lock(&slot_locks[slot]);
		assert_int_equal(cache_write(shared.cache, object, "more", 4, 5 * PAGE), 0);
		pthread_mutex_unlock(&slot_locks[slot]);
		cache_shed(shared.cache);
	}
	if (unwanted)
		cache_release_unwanted(shared.cache, object);
	else
		cache_release(shared.cache, object);
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
			use_slot(slot, r / SLOTS % 16 == 7, r / SLOTS % 16 == 15);
	}
	return NULL;
}

static void *tick(void *unused)
{
	while (!ended) {
		shared.unwanted = !shared.unwanted;
		cache_tick(shared.cache);
		usleep(500);
	}
	return NULL;
}

static void threads_may_fill_use_grow_map_drop_and_evict_together(void **state)
{
	const struct cache_options options = {
		.budget = 80 * PAGE, .growth = 20 * PAGE, .admit = 2, .policy = evict_find("s3gd")};
	const struct cache_owner owner = {.let_go = let_go_of_slot, .watch = on_watch, .ctx = &shared};
	pthread_t threads[4], ticker;

	assert_int_equal(cache_new(&shared.cache, &options, &owner), 0);
	for (int i = 0; i < SLOTS; i++)
		pthread_mutex_init(&slot_locks[i], NULL);
	pthread_create(&ticker, NULL, tick, NULL);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, work, (void *)(i + 1));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ended = true;
	pthread_join(ticker, NULL);
	cache_tick(shared.cache);
	cache_empty(shared.cache);
	assert_int_equal(figures_of(&shared).object_count, 0);
	assert_int_equal(figures_of(&shared).reserved, 0);
	assert_int_equal(figures_of(&shared).grown_bytes, 0);
	assert_int_equal(figures_of(&shared).policy.charged, 0);
	assert_true(shared.watch_count > 0);
	cache_free(shared.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_may_fill_use_grow_map_drop_and_evict_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
