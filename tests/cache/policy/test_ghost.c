#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/base/hash.h"
#include "cache/policy/ghost.h"

static void ghost_remembers_nothing_without_a_capacity(void **state)
{
	struct ghost g;

	ghost_init(&g);
	ghost_put(&g, 7, 1, false);
	assert_int_equal(ghost_find(&g, 7).freq, 0);
	assert_int_equal(ghost_bytes(&g), 0);
	ghost_deinit(&g);
}

static void ghost_keeps_frequency_and_origin(void **state)
{
	struct ghost g;

	ghost_init(&g);
	ghost_set_capacity(&g, 100);
	ghost_put(&g, 7, 3, true);
	ghost_put(&g, 8, 99, false);
	assert_int_equal(ghost_find(&g, 7).freq, 3);
	assert_true(ghost_find(&g, 7).was_cached);
	assert_int_equal(ghost_find(&g, 8).freq, GHOST_FREQ_MAX);
	assert_false(ghost_find(&g, 8).was_cached);
	assert_int_equal(ghost_find(&g, 9).freq, 0);
	ghost_deinit(&g);
}

static void ghost_forgets_what_is_taken(void **state)
{
	struct ghost g;

	ghost_init(&g);
	ghost_set_capacity(&g, 100);
	ghost_put(&g, 7, 3, true);
	assert_int_equal(ghost_take(&g, 7).freq, 3);
	assert_int_equal(ghost_take(&g, 7).freq, 0);
	ghost_deinit(&g);
}

static void ghost_forgets_what_is_older_than_its_capacity(void **state)
{
	struct ghost g;

	ghost_init(&g);
	ghost_set_capacity(&g, 1000);
	for (uint64_t id = 1; id <= 10000; id++)
		ghost_put(&g, id, 1, false);
	for (uint64_t id = 1; id < 9000; id++)
		assert_int_equal(ghost_find(&g, id).freq, 0);
	assert_true(ghost_count(&g) <= 1001);
	assert_true(ghost_count(&g) >= 900); /* full buckets forget a few early */
	ghost_deinit(&g);
}

static void ghost_keeps_its_ids_when_it_grows(void **state)
{
	struct ghost g;

	ghost_init(&g);
	ghost_set_capacity(&g, 100);
	for (uint64_t id = 1; id <= 50; id++)
		ghost_put(&g, id, 1 + id % 15, true);
	ghost_set_capacity(&g, 100000);
	for (uint64_t id = 1; id <= 50; id++)
		assert_int_equal(ghost_find(&g, id).freq, 1 + id % 15);
	ghost_deinit(&g);
}

static void ghost_gives_memory_back_when_it_shrinks(void **state)
{
	struct ghost g;
	size_t large;

	ghost_init(&g);
	ghost_set_capacity(&g, 100000);
	large = ghost_bytes(&g);
	assert_in_range(large, 100000 * 8, 100000 * 17);
	ghost_put(&g, 7, 5, true);
	ghost_set_capacity(&g, 100);
	assert_true(ghost_bytes(&g) < large / 100);
	assert_int_equal(ghost_find(&g, 7).freq, 5);
	ghost_deinit(&g);
}

static void ghost_survives_the_wrap_of_its_clock(void **state)
{
	struct ghost g;

	ghost_init(&g);
	ghost_set_capacity(&g, 64);
	g.clock = (1U << 27) - 10;
	for (uint64_t id = 1; id <= 30; id++)
		ghost_put(&g, id, 2, false);
	assert_true(g.clock < 64);
	for (uint64_t id = 20; id <= 30; id++)
		assert_int_equal(ghost_find(&g, id).freq, 2);
	ghost_deinit(&g);
}

static void ghost_seldom_mistakes_one_id_for_another(void **state)
{
	struct ghost g;
	unsigned wrong = 0;

	ghost_init(&g);
	ghost_set_capacity(&g, 100000);
	for (uint64_t id = 1; id <= 100000; id++)
		ghost_put(&g, id * 0x9e3779b97f4a7c15ULL, 1, false);
	for (uint64_t id = 100001; id <= 200000; id++)
		wrong += ghost_find(&g, id * 0x9e3779b97f4a7c15ULL).freq > 0;
	assert_true(wrong < 100);
	ghost_deinit(&g);
}

/* Up to eight of them fit into one bucket, wherever they fall. */
static void ghost_forgets_an_id_after_exactly_as_many_puts_as_its_capacity(void **state)
{
	for (uint64_t capacity = 1; capacity <= 8; capacity++) {
		struct ghost g;

		ghost_init(&g);
		ghost_set_capacity(&g, capacity);
		ghost_put(&g, 1000, 1, false);
		for (uint64_t id = 1; id < capacity; id++)
			ghost_put(&g, id, 1, false);
		assert_int_equal(ghost_find(&g, 1000).freq, 1);
		ghost_put(&g, capacity, 1, false);
		assert_int_equal(ghost_find(&g, 1000).freq, 0);
		assert_int_equal(ghost_take(&g, 1000).freq, 0);
		ghost_deinit(&g);
	}
}

static void ghost_counts_each_id_once_and_no_more_than_its_capacity(void **state)
{
	struct ghost g;

	ghost_init(&g);
	ghost_set_capacity(&g, 4);
	for (int i = 0; i < 3; i++)
		ghost_put(&g, 7, 1, false);
	assert_int_equal(ghost_count(&g), 1);
	ghost_put(&g, 8, 1, false);
	assert_int_equal(ghost_count(&g), 2);
	ghost_take(&g, 7);
	assert_int_equal(ghost_count(&g), 1);
	ghost_take(&g, 7);
	ghost_take(&g, 99);
	assert_int_equal(ghost_count(&g), 1);
	for (uint64_t id = 100; id < 120; id++)
		ghost_put(&g, id, 1, false);
	assert_int_equal(ghost_count(&g), 4);
	ghost_set_capacity(&g, 2);
	assert_int_equal(ghost_count(&g), 2);
	ghost_deinit(&g);
}

/* Ids as they come from hashes, so that some buckets are full. */
static uint64_t scattered(uint64_t i)
{
	i = (i ^ i >> 31) * 0xbf58476d1ce4e5b9ULL;
	i = (i ^ i >> 29) * 0x94d049bb133111ebULL;
	return i ^ i >> 32;
}

static void ghost_gives_each_id_out_once(void **state)
{
	struct ghost g;
	unsigned found = 0;

	ghost_init(&g);
	ghost_set_capacity(&g, 1000);
	for (uint64_t id = 1; id <= 1000; id++)
		ghost_put(&g, scattered(id), 1, false);
	for (uint64_t id = 1; id <= 1000; id++) {
		found += ghost_take(&g, scattered(id)).freq;
		assert_int_equal(ghost_take(&g, scattered(id)).freq, 0);
	}
	assert_true(found >= 985); /* of a bucket that is full, all eight are found */
	ghost_deinit(&g);
}

static void ghost_remembers_at_least_one_use(void **state)
{
	struct ghost g;

	ghost_init(&g);
	ghost_set_capacity(&g, 10);
	ghost_put(&g, 7, 0, false);
	assert_int_equal(ghost_find(&g, 7).freq, 1);
	ghost_deinit(&g);
}

static void ghost_that_shrank_forgets_the_oldest_first(void **state)
{
	unsigned found = 0;
	struct ghost g;

	ghost_init(&g);
	ghost_set_capacity(&g, 10000);
	for (uint64_t id = 1; id <= 10000; id++)
		ghost_put(&g, scattered(id), 1, false);
	ghost_set_capacity(&g, 1000);
	for (uint64_t id = 10001; id <= 10900; id++)
		ghost_put(&g, scattered(id), 1, false);
	for (uint64_t id = 9901; id <= 10900; id++)
		found += ghost_find(&g, scattered(id)).freq;
	assert_true(found >= 970); /* full buckets forget a few early */
	ghost_deinit(&g);
}

static void ghost_finds_each_id_of_a_loop_in_the_end(void **state)
{
	enum { IDS = 100000 };
	static bool found[IDS];
	unsigned left = IDS, rounds;
	struct ghost g;

	ghost_init(&g);
	ghost_set_capacity(&g, IDS * 5 / 4); /* some buckets get more ids than they have slots */
	for (rounds = 0; left && rounds < 60; rounds++) {
		for (uint64_t id = 0; id < IDS; id++) {
			if (found[id])
				continue;
			found[id] = ghost_take(&g, hash_mix64(id)).freq;
			left -= found[id];
			if (!found[id])
				ghost_put(&g, hash_mix64(id), 1, false);
		}
		assert_true(rounds == 0 || left < IDS / 50);
	}
	assert_int_equal(left, 0);
	ghost_deinit(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ghost_remembers_nothing_without_a_capacity),
		cmocka_unit_test(ghost_keeps_frequency_and_origin),
		cmocka_unit_test(ghost_forgets_what_is_taken),
		cmocka_unit_test(ghost_forgets_what_is_older_than_its_capacity),
		cmocka_unit_test(ghost_keeps_its_ids_when_it_grows),
		cmocka_unit_test(ghost_gives_memory_back_when_it_shrinks),
		cmocka_unit_test(ghost_survives_the_wrap_of_its_clock),
		cmocka_unit_test(ghost_seldom_mistakes_one_id_for_another),
		cmocka_unit_test(ghost_forgets_an_id_after_exactly_as_many_puts_as_its_capacity),
		cmocka_unit_test(ghost_counts_each_id_once_and_no_more_than_its_capacity),
		cmocka_unit_test(ghost_gives_each_id_out_once),
		cmocka_unit_test(ghost_remembers_at_least_one_use),
		cmocka_unit_test(ghost_that_shrank_forgets_the_oldest_first),
		cmocka_unit_test(ghost_finds_each_id_of_a_loop_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
