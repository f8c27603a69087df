#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache/policy/pressure.h"

#define M (1ULL << 20)

static const struct pressure_limits limits = {.floor = 400 * M, .cache_min = 64 * M, .cache_size = 1024 * M};

static void without_a_floor_the_cache_has_its_size(void **state)
{
	const struct pressure_limits none = {.cache_size = 1024 * M};
	struct pressure p;

	pressure_init(&p, &none);
	assert_int_equal(pressure_measured(&p, &none, 0, 1024 * M), 1024 * M);
}

static void memory_is_given_back_in_steps(void **state)
{
	struct pressure p;
	uint64_t used = 1024 * M;

	pressure_init(&p, &limits);
	assert_int_equal(pressure_measured(&p, &limits, 200 * M, used), used - used / 8);
	used = p.target;
	assert_int_equal(
		pressure_measured(&p, &limits, 399 * M, used), used - 1 * M); /* no more than lacks */
}

static void what_is_not_used_is_not_given_back(void **state)
{
	struct pressure p;

	pressure_init(&p, &limits);
	assert_int_equal(pressure_measured(&p, &limits, 390 * M, 500 * M), 490 * M);
}

static void in_dire_need_all_that_lacks_goes_at_once(void **state)
{
	struct pressure p;

	pressure_init(&p, &limits);
	assert_int_equal(pressure_measured(&p, &limits, 50 * M, 1024 * M), 674 * M);
}

static void the_cache_keeps_its_minimum(void **state)
{
	struct pressure p;

	pressure_init(&p, &limits);
	for (int i = 0; i < 100; i++)
		pressure_measured(&p, &limits, 10 * M, p.target);
	assert_int_equal(p.target, 64 * M);
}

static void it_grows_again_after_a_calm_time_and_slowly(void **state)
{
	struct pressure p;
	uint64_t low;

	pressure_init(&p, &limits);
	low = pressure_measured(&p, &limits, 100 * M, 1024 * M);
	for (int i = 0; i < PRESSURE_CALM; i++)
		assert_int_equal(pressure_measured(&p, &limits, 4096 * M, low), low);
	assert_int_equal(pressure_measured(&p, &limits, 4096 * M, low), low + 16 * M);
	for (int i = 0; i < 100; i++)
		pressure_measured(&p, &limits, 4096 * M, p.target);
	assert_int_equal(p.target, 1024 * M);
}

static void it_does_not_grow_into_the_floor(void **state)
{
	struct pressure p;
	uint64_t low;

	pressure_init(&p, &limits);
	low = pressure_measured(&p, &limits, 300 * M, 1024 * M);
	for (int i = 0; i < 100; i++)
		assert_int_equal(pressure_measured(&p, &limits, 440 * M, low), low);
}

static void a_short_lack_starts_the_calm_time_anew(void **state)
{
	struct pressure p;
	uint64_t low;

	pressure_init(&p, &limits);
	pressure_measured(&p, &limits, 300 * M, 1024 * M);
	for (int i = 0; i < PRESSURE_CALM; i++)
		pressure_measured(&p, &limits, 4096 * M, p.target);
	low = pressure_measured(&p, &limits, 399 * M, p.target);
	assert_int_equal(pressure_measured(&p, &limits, 4096 * M, low), low);
}

/* A machine whose memory the cache and others share: the cache settles where the floor stays free, and stays
 * there. */
static void it_settles_beside_a_hungry_neighbour(void **state)
{
	uint64_t memory = 2048 * M, others = 1200 * M, last = 0, swings = 0;
	struct pressure p;

	pressure_init(&p, &limits);
	for (int i = 0; i < 400; i++) {
		uint64_t used = p.target;
		uint64_t available = memory > others + used ? memory - others - used : 0;

		pressure_measured(&p, &limits, available, used);
		if (i > 200)
			swings += p.target != last;
		last = p.target;
	}
	assert_in_range(last, 350 * M, 448 * M);
	assert_int_equal(swings, 0);
}

static void any_measurement_stays_within_the_limits(void **state)
{
	struct pressure p;
	unsigned seed = 3;

	pressure_init(&p, &limits);
	for (int i = 0; i < 100000; i++) {
		pressure_measured(&p, &limits, rand_r(&seed) % 1024 * M, rand_r(&seed) % 2048 * M);
		assert_in_range(p.target, limits.cache_min, limits.cache_size);
	}
}

static void dire_need_begins_below_its_part_of_the_floor(void **state)
{
	uint64_t dire = limits.floor / PRESSURE_DIRE_PART;
	struct pressure p;

	pressure_init(&p, &limits);
	assert_int_equal(pressure_measured(&p, &limits, dire, 1024 * M), 1024 * M - 128 * M);
	pressure_init(&p, &limits);
	assert_int_equal(pressure_measured(&p, &limits, dire - 1, 1024 * M), 1024 * M - (400 * M - dire + 1));
}

static void it_grows_by_no_more_than_is_spare(void **state)
{
	const uint64_t spare = limits.floor + limits.floor / PRESSURE_DISTANCE_PART;
	struct pressure p;
	uint64_t low;

	pressure_init(&p, &limits);
	low = pressure_measured(&p, &limits, 100 * M, 1024 * M);
	for (int i = 0; i < PRESSURE_CALM; i++)
		pressure_measured(&p, &limits, 4096 * M, low);
	assert_int_equal(pressure_measured(&p, &limits, spare + 3 * M, low), low + 3 * M);
}

static void a_cache_of_less_than_lacks_ends_at_its_minimum(void **state)
{
	const struct pressure_limits none = {.floor = 400 * M, .cache_size = 1024 * M};
	struct pressure p;

	pressure_init(&p, &none);
	assert_int_equal(pressure_measured(&p, &none, 10 * M, 100 * M), 0);
}

static void what_was_taken_comes_back_slowly_whether_there_is_a_floor_or_not(void **state)
{
	static const uint64_t floors[] = {0, 100};

	for (size_t i = 0; i < sizeof(floors) / sizeof(*floors); i++) {
		const struct pressure_limits small = {
			.floor = floors[i], .cache_min = 10, .cache_size = 6400};
		struct pressure p;

		pressure_init(&p, &small);
		pressure_lost(&p, &small);
		assert_int_equal(p.target, 3200);
		for (unsigned calm = 0; calm < PRESSURE_CALM; calm++)
			assert_int_equal(pressure_measured(&p, &small, 1 << 20, 3000), 3200);
		assert_int_equal(pressure_measured(&p, &small, 1 << 20, 3000), 3300);
		assert_int_equal(pressure_measured(&p, &small, 1 << 20, 3000), 3400);
		for (unsigned lost = 0; lost < 20; lost++)
			pressure_lost(&p, &small);
		assert_int_equal(p.target, 10);
	}
}

static void other_limits_hold_at_once(void **state)
{
	const struct pressure_limits small = {.cache_min = 10, .cache_size = 800};
	const struct pressure_limits large = {.cache_min = 10, .cache_size = 6400};
	struct pressure p;

	pressure_init(&p, &small);
	pressure_limit(&p, &small, &large);
	assert_int_equal(p.target, 6400);
	pressure_lost(&p, &large);
	pressure_limit(&p, &large, &small);
	assert_int_equal(p.target, 800);
	pressure_lost(&p, &small); /* a cache that was shrunk is not enlarged */
	pressure_limit(&p, &small, &large);
	assert_int_equal(p.target, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_floor_the_cache_has_its_size),
		cmocka_unit_test(memory_is_given_back_in_steps),
		cmocka_unit_test(what_is_not_used_is_not_given_back),
		cmocka_unit_test(in_dire_need_all_that_lacks_goes_at_once),
		cmocka_unit_test(the_cache_keeps_its_minimum),
		cmocka_unit_test(it_grows_again_after_a_calm_time_and_slowly),
		cmocka_unit_test(it_does_not_grow_into_the_floor),
		cmocka_unit_test(a_short_lack_starts_the_calm_time_anew),
		cmocka_unit_test(it_settles_beside_a_hungry_neighbour),
		cmocka_unit_test(any_measurement_stays_within_the_limits),
		cmocka_unit_test(dire_need_begins_below_its_part_of_the_floor),
		cmocka_unit_test(it_grows_by_no_more_than_is_spare),
		cmocka_unit_test(a_cache_of_less_than_lacks_ends_at_its_minimum),
		cmocka_unit_test(what_was_taken_comes_back_slowly_whether_there_is_a_floor_or_not),
		cmocka_unit_test(other_limits_hold_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
