#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/cache/policy/toy_host.h"

static void lru_evicts_the_least_recently_opened(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", 3000, 1, 5, 1000);
	for (size_t i = 0; i < 3; i++)
		toy_open(&toy, i);
	assert_true(toy_open(&toy, 0));
	assert_false(toy_open(&toy, 3)); /* 1 leaves */
	assert_true(toy_open(&toy, 0));
	assert_false(toy_open(&toy, 1)); /* 2 leaves */
	assert_true(toy_open(&toy, 3));
	assert_int_equal(toy_evict(&toy), 0);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void lru_passes_over_open_files(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", 3000, 1, 5, 1000);
	for (size_t i = 0; i < 3; i++)
		toy_open(&toy, i);
	toy_pin(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1);
	toy_check(&toy);
	toy_unpin(&toy, 0); /* closed now: the newest */
	assert_int_equal(toy_evict(&toy), 2);
	assert_int_equal(toy_evict(&toy), 0);
	assert_int_equal(toy_evict(&toy), -1);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void lru_ignores_the_reference_bit_when_it_sees_every_open(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", 2000, 1, 2, 1000);
	toy_open(&toy, 0);
	toy_open(&toy, 1);
	toy_read(&toy, 0);
	assert_int_equal(toy_evict(&toy), 0);
	toy_deinit(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lru_evicts_the_least_recently_opened),
		cmocka_unit_test(lru_passes_over_open_files),
		cmocka_unit_test(lru_ignores_the_reference_bit_when_it_sees_every_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
