#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/cache/policy/toy_host.h"

enum { SIZE = 4096, CAPACITY = 1000 };

static void s3gd_keeps_a_hot_set_through_scans(void **state)
{
	struct toy_host toy;
	unsigned hits = 0;

	toy_init(&toy, "s3gd", (uint64_t)CAPACITY * SIZE, 1, 100000, SIZE);
	toy_open_range(&toy, 0, 900);
	toy_open_range(&toy, 0, 900);
	for (size_t begin = 1000; begin < 100000; begin += 9900) {
		toy_open_range(&toy, begin, begin + 9900);
		for (size_t i = 0; i < 900; i++)
			hits += toy_open(&toy, i);
	}
	assert_true(hits >= 8910); /* of 9000: 99 % */
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3gd_uses_the_whole_budget_before_it_evicts(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3gd", (uint64_t)CAPACITY * SIZE, 1, CAPACITY, SIZE);
	toy_open_range(&toy, 0, CAPACITY);
	assert_int_equal(toy.evicted, 0);
	toy_open_range(&toy, 0, CAPACITY);
	assert_int_equal(toy.evicted, 0);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3gd_prefers_small_files_among_those_used_alike(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3gd", 300 * SIZE, 1, 100, SIZE);
	toy_set_size(&toy, 50, 64 * SIZE);
	for (int round = 0; round < 3; round++)
		toy_open_range(&toy, 0, 100);
	for (int i = 0; i < 100; i++) {
		long victim = toy_evict(&toy);

		toy_check(&toy);
		if (victim == 50)
			return toy_deinit(&toy);
		assert_true(victim >= 95 && i < 5); /* what still stands in the small queue */
	}
	fail_msg("the large file never left");
}

static void s3gd_takes_back_what_it_dropped_with_half_its_frequency(void **state)
{
	struct toy_host toy;
	bool was_evicted;

	toy_init(&toy, "s3gd", 100 * SIZE, 1, 1000, SIZE);
	for (int round = 0; round < 8; round++) {
		toy_open_range(&toy, 0, 90);
		while (toy_evict(&toy) >= 90)
			;
	}
	while (toy.objects[5].cached)
		toy_evict(&toy);
	was_evicted = toy.objects[5].entry.freq > 2;
	assert_true(was_evicted);
	{
		unsigned before = toy.objects[5].entry.freq;

		toy_open(&toy, 5);
		assert_int_equal(toy.objects[5].entry.where, EVICT_MAIN);
		assert_int_equal(toy.objects[5].entry.freq, before / 2 + 1);
	}
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3gd_weighs_priority(void **state)
{
	struct toy_host toy;
	unsigned kept[2] = {0, 0};

	toy_init(&toy, "s3gd", 100 * SIZE, 1, 100, SIZE);
	for (size_t i = 0; i < 100; i++)
		toy.objects[i].entry.priority = i % 2 ? 1 : -1;
	toy_open_range(&toy, 0, 100);
	toy_open_range(&toy, 0, 100);
	for (int i = 0; i < 40; i++)
		toy_evict(&toy);
	for (size_t i = 0; i < 100; i++)
		kept[i % 2] += toy.objects[i].cached;
	assert_true(kept[1] >= 47); /* but for those still in the small queue */
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3gd_believes_the_reference_bit(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3gd", 10 * SIZE, 1, 40, SIZE);
	toy_open_range(&toy, 0, 10);
	for (size_t i = 10; i < 40; i++) {
		toy_read(&toy, 3);
		toy_open(&toy, i);
	}
	assert_true(toy.objects[3].cached);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3gd_passes_over_open_files_and_looks_at_each_once(void **state)
{
	struct evict_stats stats;
	struct toy_host toy;

	toy_init(&toy, "s3gd", (uint64_t)CAPACITY * SIZE, 1, CAPACITY, SIZE);
	toy_open_range(&toy, 0, CAPACITY);
	for (size_t i = 0; i < CAPACITY - 1; i++)
		toy_hold(&toy, i);
	assert_int_equal(toy_evict(&toy), CAPACITY - 1);
	assert_int_equal(toy_evict(&toy), -1);
	evict_read_stats(toy.evict, &stats);
	assert_int_equal(stats.examined, CAPACITY);
	toy_check(&toy);
	for (size_t i = 0; i < CAPACITY - 1; i++)
		toy_release(&toy, i);
	toy_check(&toy);
	assert_true(toy_evict(&toy) >= 0);
	toy_deinit(&toy);
}

static void s3gd_examines_a_bounded_number_even_when_all_is_in_use(void **state)
{
	struct evict_stats stats;
	struct toy_host toy;

	toy_init(&toy, "s3gd", 20000ULL * SIZE, 1, 20000, SIZE);
	for (int round = 0; round < 2; round++)
		toy_open_range(&toy, 0, 20000);
	assert_true(toy_evict(&toy) >= 0);
	evict_read_stats(toy.evict, &stats);
	assert_in_range(stats.most_examined, 1, EVICT_EXAMINE_MAX + 1);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3gd_gives_up_what_a_smaller_budget_has_no_room_for(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3gd", (uint64_t)CAPACITY * SIZE, 1, CAPACITY, SIZE);
	toy_open_range(&toy, 0, CAPACITY);
	evict_set_budget(toy.evict, (uint64_t)CAPACITY * SIZE / 10);
	while (evict_must_shed(toy.evict, 0))
		assert_true(toy_evict(&toy) >= 0);
	toy_check(&toy);
	toy_open_range(&toy, 0, CAPACITY); /* and goes on */
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3gd_counts_no_more_uses_than_it_can_remember(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3gd", 10 * SIZE, 1, 1, SIZE);
	toy_open(&toy, 0);
	for (int i = 0; i < 40; i++) {
		toy_open(&toy, 0);
		toy_hold(&toy, 0);
		assert_int_equal(toy_evict(&toy), -1);
		toy_release(&toy, 0);
	}
	toy_open(&toy, 0);
	assert_int_equal(toy_evict(&toy), 0);
	assert_int_equal(toy.objects[0].entry.freq, 15);
	toy_deinit(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s3gd_keeps_a_hot_set_through_scans),
		cmocka_unit_test(s3gd_uses_the_whole_budget_before_it_evicts),
		cmocka_unit_test(s3gd_prefers_small_files_among_those_used_alike),
		cmocka_unit_test(s3gd_takes_back_what_it_dropped_with_half_its_frequency),
		cmocka_unit_test(s3gd_weighs_priority),
		cmocka_unit_test(s3gd_believes_the_reference_bit),
		cmocka_unit_test(s3gd_passes_over_open_files_and_looks_at_each_once),
		cmocka_unit_test(s3gd_examines_a_bounded_number_even_when_all_is_in_use),
		cmocka_unit_test(s3gd_gives_up_what_a_smaller_budget_has_no_room_for),
		cmocka_unit_test(s3gd_counts_no_more_uses_than_it_can_remember),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
