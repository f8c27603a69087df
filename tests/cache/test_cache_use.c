/* What counts as a use of a cached file: who was used leaves later. */
#include "tests/cache/fixture.h"

#include "cache/store/store_copy.h"

#include <fcntl.h>
#include <poll.h>

static void start_policy(struct fixture *f, const char *policy)
{
	const struct cache_options options = {.budget = BUDGET, .admit = 1, .policy = evict_find(policy)};
	const struct cache_owner owner = {.let_go = on_let_go, .watch = on_watch, .ctx = f};

	memset(f, 0, sizeof(*f));
	assert_int_equal(cache_new(&f->cache, &options, &owner), 0);
}

/* As the kernel reads an object that is passed through to it. */
static void read_by_kernel(struct fixture *f, struct object *object)
{
	struct store *store = cache_store(f->cache);
	int fd = store_copy_open(store, &object->place, O_RDONLY);
	char byte;

	poll(NULL, 0, 20); /* the clock that reads are stamped with has moved */
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	store_copy_close(store, fd);
}

static void assert_order(struct fixture *f, uint64_t first, uint64_t second, uint64_t third)
{
	f->let_go_count = 0;
	assert_int_equal(cache_empty(f->cache), 3);
	assert_int_equal(f->left[0], first);
	assert_int_equal(f->left[1], second);
	assert_int_equal(f->left[2], third);
}

static void a_read_that_the_kernel_made_spares_the_file_once(void **state)
{
	struct fixture f;

	start_policy(&f, "clock");
	read_by_kernel(&f, add(&f, 1, PAGE));
	add(&f, 2, PAGE);
	add(&f, 3, PAGE);
	assert_order(&f, 2, 3, 1);
	assert_int_equal(figures_of(&f).policy.most_examined, 2);
	stop(&f);
}

static void what_the_daemon_reads_or_writes_itself_is_no_use(void **state)
{
	struct object *object;
	struct fixture f;
	char byte;

	start_policy(&f, "clock");
	object = add(&f, 1, PAGE);
	add(&f, 2, PAGE);
	add(&f, 3, PAGE);
	poll(NULL, 0, 20);
	assert_true(object_hold(object));
	assert_int_equal(cache_read(f.cache, object, &byte, 1, 0), 1);
	assert_int_equal(cache_write(f.cache, object, "x", 1, 0), 0);
	cache_release(f.cache, object);
	assert_order(&f, 1, 2, 3);
	stop(&f);
}

static void the_copying_itself_is_no_use(void **state)
{
	struct object *object;
	struct fixture f;

	start_policy(&f, "clock");
	object = add(&f, 1, PAGE);
	assert_true(object_hold(object));
	assert_int_equal(cache_empty(f.cache), 0); /* has looked at it */
	assert_int_equal(object->entry.freq, 1);
	cache_release(f.cache, object);
	stop(&f);
}

static void an_open_spares_the_file(void **state)
{
	static const char *const policies[] = {"clock", "lru"};

	for (int i = 0; i < 2; i++) {
		struct object *object;
		struct fixture f;

		start_policy(&f, policies[i]);
		object = add(&f, 1, PAGE);
		add(&f, 2, PAGE);
		add(&f, 3, PAGE);
		assert_true(object_hold(object));
		cache_used(f.cache, object);
		cache_release(f.cache, object);
		assert_order(&f, 2, 3, 1);
		stop(&f);
	}
}

static void a_priority_weighs_from_the_next_look_on(void **state)
{
	struct object *object;
	struct fixture f;

	start_policy(&f, "gdsf");
	object = add(&f, 1, PAGE);
	add(&f, 2, PAGE);
	add(&f, 3, PAGE);
	assert_true(object_hold(object));
	cache_set_priority(f.cache, object, 1);
	cache_used(f.cache, object);
	cache_release(f.cache, object);
	object = add(&f, 4, PAGE);
	assert_true(object_hold(object));
	cache_used(f.cache, object);
	cache_used(f.cache, object);
	cache_release(f.cache, object); /* opened more often, yet not four times as often */
	f.let_go_count = 0;
	assert_int_equal(cache_empty(f.cache), 4);
	assert_int_equal(f.left[2], 4);
	assert_int_equal(f.left[3], 1);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_that_the_kernel_made_spares_the_file_once),
		cmocka_unit_test(what_the_daemon_reads_or_writes_itself_is_no_use),
		cmocka_unit_test(the_copying_itself_is_no_use),
		cmocka_unit_test(an_open_spares_the_file),
		cmocka_unit_test(a_priority_weighs_from_the_next_look_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
