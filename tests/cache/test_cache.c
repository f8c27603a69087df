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
		cache_fill(f.cache, &(struct store_source){read_fd, (void *)(intptr_t)fd}, 1, 12, &object),
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
		assert_int_equal(cache_fill(f.cache, &(struct store_source){read_fd, (void *)(intptr_t)fd},
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
		cache_fill(f.cache, &(struct store_source){read_fd, (void *)(intptr_t)fd}, 1, 500, &object),
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
	assert_true(object_hold(open));
	for (uint64_t i = 2; i < 1000; i++) {
		add(&f, i, PAGE);
		assert_ptr_not_equal(f.last_let_go, open);
	}
	assert_int_equal(cache_read(f.cache, open, buf, 8, 0), 8);
	assert_memory_equal(buf, &id, 8);
	cache_release(f.cache, open);
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
	assert_true(object_hold(object));
	assert_false(object_claim(object));
	cache_release(f.cache, object);
	assert_true(object_claim(object));
	assert_false(object_hold(object));
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
		assert_true(object_hold(object));
		open[count++] = object;
	}
	assert_null(object);
	assert_true(count > 100 && count < 257);
	assert_int_equal(figures_of(&f).no_room, 1);
	while (count > 0)
		cache_release(f.cache, open[--count]);
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

static void the_figures_tell_the_budget_as_it_was_set(void **state)
{
	struct fixture f;

	start_with(&f, BUDGET, 0);
	assert_int_equal(figures_of(&f).budget, BUDGET);
	cache_set_budget(f.cache, BUDGET / 2);
	assert_int_equal(figures_of(&f).budget, BUDGET / 2);
	for (uint64_t id = 1; id < 200; id++)
		add(&f, id, PAGE);
	assert_true(figures_of(&f).bytes <= BUDGET / 2);
	assert_true(figures_of(&f).bytes > BUDGET / 2 - 4 * PAGE);
	cache_set_budget(f.cache, 3 * BUDGET);
	assert_int_equal(figures_of(&f).budget, 3 * BUDGET);
	stop(&f);
}

/* A source that looks at the cache while it is being copied. */
struct onlooker {
	struct fixture *f;
	struct cache_figures figures;
	uint64_t budget; /* to be set meanwhile, or 0 */
	struct object *grows;
};

static ssize_t read_and_look(void *ctx, void *buf, size_t size, uint64_t offset)
{
	struct onlooker *onlooker = ctx;

	if (onlooker->budget)
		cache_set_budget(onlooker->f->cache, onlooker->budget);
	if (onlooker->grows)
		assert_int_equal(cache_truncate(onlooker->f->cache, onlooker->grows,
					 onlooker->grows->entry.size + PAGE),
			0);
	onlooker->figures = figures_of(onlooker->f);
	memset(buf, 'l', size);
	return (ssize_t)size;
}

static void a_file_that_is_being_copied_takes_its_room_already(void **state)
{
	struct onlooker onlooker = {0};
	struct object *object;
	struct fixture f;
	uint64_t before;

	start_with(&f, BUDGET, 0);
	onlooker.f = &f;
	while (figures_of(&f).bytes < BUDGET / 2 - 4 * PAGE)
		assert_non_null(add(&f, figures_of(&f).object_count, PAGE));
	before = figures_of(&f).bytes;
	onlooker.budget = BUDGET / 2; /* what is there fits, and what comes does not */
	assert_int_equal(cache_fill(f.cache, &(struct store_source){read_and_look, &onlooker}, 1000, 8 * PAGE,
				 &object),
		0);
	assert_in_range(onlooker.figures.reserved, 8 * PAGE, 9 * PAGE);
	assert_true(onlooker.figures.bytes <= BUDGET / 2);
	assert_int_equal(onlooker.figures.bytes,
		onlooker.figures.policy.charged + onlooker.figures.policy.memory + onlooker.figures.reserved);
	assert_true(onlooker.figures.policy.charged < before);
	cache_drop(f.cache, object);
	assert_int_equal(figures_of(&f).reserved, 0);
	stop(&f);
}

static void what_is_being_copied_leaves_no_room_to_grow_into(void **state)
{
	struct onlooker onlooker = {0};
	struct object *object;
	struct fixture f;

	start_with(&f, BUDGET, 0);
	onlooker.f = &f;
	onlooker.grows = add(&f, 1, BUDGET / 2);
	assert_true(object_hold(onlooker.grows));
	assert_int_equal(cache_fill(f.cache, &(struct store_source){read_and_look, &onlooker}, 2,
				 BUDGET - figures_of(&f).bytes - 2 * PAGE, &object),
		0);
	assert_true(onlooker.grows->frozen);
	cache_drop(f.cache, object);
	cache_release(f.cache, onlooker.grows);
	stop(&f);
}

static ssize_t read_fails(void *ctx, void *buf, size_t size, uint64_t offset)
{
	return offset ? -EIO : (ssize_t)size;
}

static void every_fill_is_counted_as_it_ended(void **state)
{
	const uint64_t size = 1 << 20;
	struct object *object;
	struct fixture f;

	start_with(&f, 4 * BUDGET, 0);
	assert_non_null(add(&f, 1, 5000));
	assert_non_null(add(&f, 2, 100));
	assert_int_equal(figures_of(&f).fills, 2);
	assert_int_equal(figures_of(&f).fill_bytes, 5100);
	assert_int_equal(cache_fill(f.cache, &(struct store_source){read_fails}, 3, size, &object), -EIO);
	assert_int_equal(figures_of(&f).fills, 2);
	assert_int_equal(figures_of(&f).reserved, 0);
	stop(&f);
}

static void files_make_way_for_what_is_remembered_of_others(void **state)
{
	const uint64_t budget = 16 * BUDGET;
	uint64_t before, id = 1;
	struct fixture f;

	start_with(&f, budget, 0);
	for (; figures_of(&f).policy.evictions == 0; id++)
		assert_non_null(add(&f, id, 100000));
	for (; budget - figures_of(&f).bytes > 4 * PAGE; id++)
		assert_non_null(add(&f, id, 100));
	before = figures_of(&f).policy.memory;
	for (; id < 20000; id++) {
		cache_ask(f.cache, id, 100);
		assert_true(figures_of(&f).bytes <= budget);
	}
	assert_true(figures_of(&f).policy.memory > before + 50000);
	stop(&f);
}

/* add() gives the files no name; what they leave for otherwise is the name. */
static void it_is_remembered_for_whom_a_file_left(void **state)
{
	struct store_source source = {.read = read_fd, .name = 77};
	struct cache_departure departure;
	struct object *object;
	struct fixture f;
	int fd = file_of("x", 1);
	uint64_t last = 1;

	start_with(&f, BUDGET, 0);
	assert_non_null(add(&f, 1, 1));
	assert_false(cache_find_departure(f.cache, 1, &departure));
	source.ctx = (void *)(intptr_t)fd;
	while (f.let_go_count == 0) {
		assert_int_equal(cache_fill(f.cache, &source, ++last, 1, &object), 0);
		assert_int_equal(cache_publish(f.cache, object), 0);
	}
	assert_true(cache_find_departure(f.cache, 1, &departure));
	assert_int_equal(departure.by, 77);
	assert_in_range(departure.ago_s, 0, 60);
	cache_empty(f.cache);
	assert_true(cache_find_departure(f.cache, last, &departure));
	assert_int_equal(departure.by, 0);
	close(fd);
	stop(&f);
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
		cmocka_unit_test(the_figures_tell_the_budget_as_it_was_set),
		cmocka_unit_test(a_file_that_is_being_copied_takes_its_room_already),
		cmocka_unit_test(what_is_being_copied_leaves_no_room_to_grow_into),
		cmocka_unit_test(every_fill_is_counted_as_it_ended),
		cmocka_unit_test(files_make_way_for_what_is_remembered_of_others),
		cmocka_unit_test(it_is_remembered_for_whom_a_file_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
