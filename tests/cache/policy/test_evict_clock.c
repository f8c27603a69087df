#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/cache/policy/toy_host.h"

static void clock_gives_what_was_used_one_more_round(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "clock", 3000, 1, 3, 1000);
	for (size_t i = 0; i < 3; i++)
		toy_open(&toy, i);
	toy_open(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1);
	assert_int_equal(toy_evict(&toy), 2);
	assert_int_equal(toy_evict(&toy), 0);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void clock_counts_many_uses_as_one(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "clock", 2000, 1, 2, 1000);
	toy_open(&toy, 0);
	toy_open(&toy, 1);
	for (int i = 0; i < 10; i++)
		toy_open(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1);
	assert_int_equal(toy_evict(&toy), 0);
	toy_deinit(&toy);
}

static void clock_passes_over_open_files(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "clock", 3000, 1, 3, 1000);
	for (size_t i = 0; i < 3; i++)
		toy_open(&toy, i);
	toy_hold(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1);
	toy_check(&toy);
	toy_release(&toy, 0);
	assert_int_equal(toy_evict(&toy), 2);
	assert_int_equal(toy_evict(&toy), 0);
	toy_deinit(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_gives_what_was_used_one_more_round),
		cmocka_unit_test(clock_counts_many_uses_as_one),
		cmocka_unit_test(clock_passes_over_open_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
