/* Objects that change while they are open. */
#include "tests/cache/fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_follow_into_the_object_and_are_charged),
		cmocka_unit_test(an_object_that_outgrows_the_allowance_freezes_at_it),
		cmocka_unit_test(a_refresh_beyond_the_allowance_renews_what_there_is_and_freezes),
		cmocka_unit_test(a_refresh_replaces_the_contents_in_place),
		cmocka_unit_test(what_grew_beyond_the_budget_is_given_back_at_the_next_tick),
		cmocka_unit_test(nothing_enters_while_growth_takes_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
