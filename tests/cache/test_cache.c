/* Entering and leaving the cache, and its budget. */
#include "tests/cache/fixture.h"

#include <sys/mman.h>

static bool memory_is_short;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* The linker sends the cache's calls here. */
void *__wrap_realloc(void *old, size_t size)
{
	return memory_is_short ? NULL : __real_realloc(old, size);
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
		cmocka_unit_test(a_file_of_an_eighth_of_the_budget_may_enter),
		cmocka_unit_test(a_smaller_budget_is_kept_at_once),
		cmocka_unit_test(every_change_of_size_or_time_changes_the_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
