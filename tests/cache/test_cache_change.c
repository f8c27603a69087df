/* Objects that change while they are open. */
#include "tests/cache/fixture.h"

#include "cache/policy/charge.h"
#include <signal.h>
#include <sys/resource.h>

static void writes_follow_into_the_object_and_are_charged(void **state)
{
	struct fixture f;
	struct object *object;
	char buf[3 * PAGE], got[3 * PAGE];
	uint64_t before;

	start_with(&f, BUDGET, BUDGET / 4);
	object = add(&f, 1, 100);
	assert_true(object_hold(object));
	before = figures_of(&f).bytes;
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(cache_write(f.cache, object, buf, sizeof(buf), 100), 0);
	assert_int_equal(object->entry.size, 100 + sizeof(buf));
	assert_int_equal(figures_of(&f).bytes, before + charge_of(100 + 3 * PAGE) - charge_of(100));
	assert_int_equal(figures_of(&f).grown_bytes, 3 * PAGE);
	assert_int_equal(cache_read(f.cache, object, got, sizeof(got), 100), sizeof(got));
	assert_memory_equal(got, buf, sizeof(got));
	assert_int_equal(cache_truncate(f.cache, object, 10), 0);
	assert_int_equal(figures_of(&f).bytes, before);
	assert_int_equal(figures_of(&f).grown_bytes, 0);
	cache_release(f.cache, object);
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
	assert_true(object_hold(object));
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
	cache_release(f.cache, object);
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
	assert_true(object_hold(object));
	memset(bytes, 'n', sizeof(bytes));
	fd = file_of(bytes, sizeof(bytes));
	assert_int_equal(cache_refresh(f.cache, object, &(struct store_source){read_fd, (void *)(intptr_t)fd},
				 sizeof(bytes)),
		0);
	assert_true(object->frozen);
	assert_false(object->damaged);
	assert_int_equal(object->entry.size, PAGE);
	assert_int_equal(cache_read(f.cache, object, got, 4, 0), 4);
	assert_memory_equal(got, "nnnn", 4);
	cache_release(f.cache, object);
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
	assert_true(object_hold(object));
	assert_int_equal(
		cache_refresh(f.cache, object, &(struct store_source){read_fd, (void *)(intptr_t)fd}, 12), 0);
	assert_int_equal(cache_read(f.cache, object, buf, sizeof(buf), 0), 12);
	assert_memory_equal(buf, "new contents", 12);
	assert_int_equal(object->entry.size, 12);
	cache_release(f.cache, object);
	close(fd);
	stop(&f);
}

static void what_grew_beyond_the_budget_is_given_back_at_the_next_tick(void **state)
{
	struct object *grown;
	struct fixture f;

	start_with(&f, BUDGET, BUDGET);
	grown = add(&f, 1, PAGE);
	assert_true(object_hold(grown));
	assert_int_equal(cache_write(f.cache, grown, "x", 1, BUDGET + PAGE), 0);
	cache_shed(f.cache); /* in vain */
	cache_release(f.cache, grown);
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
	assert_true(object_hold(grown));
	assert_int_equal(cache_truncate(f.cache, grown, BUDGET), 0);
	assert_null(add(&f, 3, PAGE));
	assert_int_equal(figures_of(&f).no_room, 1);
	assert_int_equal(figures_of(&f).object_count, 1); /* all others had to leave for it */
	assert_int_equal(cache_truncate(f.cache, grown, PAGE), 0);
	assert_non_null(add(&f, 3, PAGE));
	cache_release(f.cache, grown);
	stop(&f);
}

static void fill_until_frozen(struct fixture *f, struct object *object)
{
	char buf[PAGE];

	memset(buf, 'g', sizeof(buf));
	while (!object->frozen && object->entry.size < 4 * BUDGET)
		assert_int_equal(cache_write(f->cache, object, buf, sizeof(buf), object->entry.size), 0);
	assert_true(object->frozen);
}

/* It has missed some of its file: room that comes later must not let it go on behind the gap. */
static void a_frozen_object_stays_as_long_as_it_was(void **state)
{
	char buf[2 * PAGE], got[4];
	struct object *object;
	struct fixture f;
	uint64_t size;

	start_with(&f, BUDGET, BUDGET / 4);
	object = add(&f, 1, 8);
	assert_true(object_hold(object));
	fill_until_frozen(&f, object);
	size = object->entry.size;
	cache_set_budget(f.cache, 4 * BUDGET);
	memset(buf, 'n', sizeof(buf));
	assert_int_equal(cache_write(f.cache, object, buf, sizeof(buf), size - 2), 0);
	assert_int_equal(cache_write(f.cache, object, buf, sizeof(buf), size), 0);
	assert_int_equal(cache_write(f.cache, object, buf, sizeof(buf), size + 10 * PAGE), 0);
	assert_int_equal(cache_truncate(f.cache, object, size + 20 * PAGE), 0);
	assert_int_equal(object->entry.size, size);
	assert_true(object->frozen);
	assert_false(object->damaged);
	assert_int_equal(cache_read(f.cache, object, got, 4, size - 3), 3);
	assert_memory_equal(got, "gnn", 3);
	assert_int_equal(figures_of(&f).frozen, 1);
	cache_release(f.cache, object);
	stop(&f);
}

static void a_frozen_object_is_whole_again_once_it_was_copied_anew(void **state)
{
	static char bytes[2 * BUDGET];
	struct object *object;
	struct fixture f;
	char got[4];
	int fd;

	memset(bytes, 'w', sizeof(bytes));
	fd = file_of(bytes, sizeof(bytes));
	start_with(&f, 4 * BUDGET, BUDGET / 4);
	cache_set_budget(f.cache, BUDGET);
	object = add(&f, 1, 8);
	assert_true(object_hold(object));
	fill_until_frozen(&f, object);
	cache_set_budget(f.cache, 4 * BUDGET);
	assert_int_equal(cache_refresh(f.cache, object, &(struct store_source){read_fd, (void *)(intptr_t)fd},
				 sizeof(bytes)),
		0);
	assert_false(object->frozen);
	assert_int_equal(object->entry.size, sizeof(bytes));
	assert_int_equal(cache_read(f.cache, object, got, 4, sizeof(bytes) - 3), 3);
	assert_memory_equal(got, "www", 3);
	/* and follows its file again */
	assert_int_equal(cache_write(f.cache, object, "more", 4, sizeof(bytes)), 0);
	assert_int_equal(object->entry.size, sizeof(bytes) + 4);
	cache_release(f.cache, object);
	close(fd);
	stop(&f);
}

static void growth_adds_up_and_is_given_back(void **state)
{
	struct object *object;
	struct fixture f;

	start_with(&f, BUDGET, BUDGET / 4);
	object = add(&f, 1, PAGE);
	assert_true(object_hold(object));
	for (uint64_t pages = 1; pages < 5; pages++) {
		assert_int_equal(cache_write(f.cache, object, "x", 1, pages * PAGE), 0);
		assert_int_equal(figures_of(&f).grown_bytes, pages * PAGE);
	}
	assert_int_equal(cache_truncate(f.cache, object, 3 * PAGE), 0);
	assert_int_equal(figures_of(&f).grown_bytes, 2 * PAGE);
	cache_release_unwanted(f.cache, object);
	assert_int_equal(figures_of(&f).object_count, 0);
	assert_int_equal(figures_of(&f).grown_bytes, 0);
	stop(&f);
}

static void an_object_may_shrink_where_nothing_may_grow(void **state)
{
	struct object *object;
	struct fixture f;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, BUDGET / 2);
	assert_true(object_hold(object));
	cache_set_budget(f.cache, BUDGET / 16);
	assert_int_equal(cache_truncate(f.cache, object, BUDGET / 4), 0);
	assert_int_equal(object->entry.size, BUDGET / 4);
	assert_true(figures_of(&f).bytes < BUDGET / 2);
	assert_false(object->frozen);
	cache_release(f.cache, object);
	stop(&f);
}

static void zeroing_reaches_what_there_is_and_no_further(void **state)
{
	char got[3 * PAGE], zeros[PAGE] = "";
	struct object *object;
	struct fixture f;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, 3 * PAGE);
	assert_true(object_hold(object));
	memset(got, 'a', sizeof(got));
	assert_int_equal(cache_write(f.cache, object, got, sizeof(got), 0), 0);
	assert_int_equal(cache_zero(f.cache, object, 100, PAGE), 0);
	assert_int_equal(cache_zero(f.cache, object, 3 * PAGE - 10, 10 * PAGE), 0);
	assert_int_equal(cache_zero(f.cache, object, 3 * PAGE, 10), 0);
	assert_int_equal(cache_zero(f.cache, object, 30 * PAGE, 10), 0);
	assert_false(object->damaged);
	assert_int_equal(object->entry.size, 3 * PAGE);
	assert_int_equal(cache_read(f.cache, object, got, sizeof(got), 0), sizeof(got));
	assert_int_equal(got[99], 'a');
	assert_memory_equal(got + 100, zeros, PAGE);
	assert_int_equal(got[100 + PAGE], 'a');
	assert_int_equal(got[3 * PAGE - 11], 'a');
	assert_memory_equal(got + 3 * PAGE - 10, zeros, 10);
	cache_release(f.cache, object);
	stop(&f);
}

static void limit_files(rlim_t size)
{
	struct rlimit limit;

	assert_return_code(getrlimit(RLIMIT_FSIZE, &limit), errno);
	limit.rlim_cur = size;
	assert_return_code(setrlimit(RLIMIT_FSIZE, &limit), errno);
}

static int refresh(struct fixture *f, struct object *object, const char *bytes, size_t size)
{
	int fd = file_of(bytes, size);
	int r = cache_refresh(f->cache, object, &(struct store_source){read_fd, (void *)(intptr_t)fd}, size);

	close(fd);
	return r;
}

/* Nobody is to read what could not follow, until it was copied anew. */
static void an_object_that_could_not_follow_is_damaged(void **state)
{
	struct object *written, *truncated, *refreshed;
	char bytes[4 * PAGE] = "";
	struct fixture f;

	signal(SIGXFSZ, SIG_IGN);
	start_with(&f, BUDGET, BUDGET / 4);
	written = add(&f, 1, PAGE);
	truncated = add(&f, 2, PAGE);
	refreshed = add(&f, 3, PAGE);
	assert_true(object_hold(written) && object_hold(truncated) && object_hold(refreshed));
	limit_files(2 * PAGE);
	assert_int_equal(cache_write(f.cache, written, "x", 1, 3 * PAGE), -EFBIG);
	assert_int_equal(cache_truncate(f.cache, truncated, 3 * PAGE), -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_int_equal(cache_refresh(f.cache, refreshed,
				 &(struct store_source){read_fd, (void *)(intptr_t)-1}, PAGE),
		-1);
	assert_true(written->damaged && truncated->damaged && refreshed->damaged);
	assert_true(written->frozen && truncated->frozen && refreshed->frozen);
	assert_int_equal(figures_of(&f).frozen, 3);
	assert_int_equal(refresh(&f, written, bytes, sizeof(bytes)), 0);
	assert_false(written->damaged || written->frozen);
	cache_release(f.cache, written);
	cache_release(f.cache, truncated);
	cache_release(f.cache, refreshed);
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
		cmocka_unit_test(a_frozen_object_stays_as_long_as_it_was),
		cmocka_unit_test(a_frozen_object_is_whole_again_once_it_was_copied_anew),
		cmocka_unit_test(growth_adds_up_and_is_given_back),
		cmocka_unit_test(an_object_may_shrink_where_nothing_may_grow),
		cmocka_unit_test(zeroing_reaches_what_there_is_and_no_further),
		cmocka_unit_test(an_object_that_could_not_follow_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
