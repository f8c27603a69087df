#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/cache/policy/toy_host.h"

enum { SIZE = 1000, CAPACITY = 100 };

static void s3fifo_drops_what_is_read_once_and_keeps_what_is_used(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3fifo", CAPACITY * SIZE, 1, 5000, SIZE);
	for (size_t i = 0; i < 50; i++) {
		toy_open(&toy, i);
		toy_open(&toy, i);
	}
	for (size_t i = 50; i < 5000; i++)
		toy_open(&toy, i);
	for (size_t i = 0; i < 50; i++)
		assert_true(toy_open(&toy, i));
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3fifo_takes_back_what_it_just_dropped_into_the_main_queue(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3fifo", CAPACITY * SIZE, 1, 1000, SIZE);
	for (size_t i = 0; i < CAPACITY + 1; i++)
		toy_open(&toy, i);
	assert_false(toy.objects[0].cached);
	toy_open(&toy, 0);
	assert_int_equal(toy.objects[0].entry.where, EVICT_MAIN);
	assert_int_equal(toy.objects[50].entry.where, EVICT_SMALL);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3fifo_takes_a_file_larger_than_its_small_queue(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3fifo", CAPACITY * SIZE, 1, 1, CAPACITY * SIZE / 2);
	toy_open(&toy, 0);
	assert_true(toy_open(&toy, 0));
	toy_deinit(&toy);
}

static void s3fifo_passes_over_open_files(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3fifo", 3 * SIZE, 1, 3, SIZE);
	for (size_t i = 0; i < 3; i++)
		toy_open(&toy, i);
	toy_hold(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1);
	toy_release(&toy, 0);
	assert_int_equal(toy.objects[0].entry.where, EVICT_MAIN);
	toy_check(&toy);
	toy_deinit(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s3fifo_drops_what_is_read_once_and_keeps_what_is_used),
		cmocka_unit_test(s3fifo_takes_back_what_it_just_dropped_into_the_main_queue),
		cmocka_unit_test(s3fifo_takes_a_file_larger_than_its_small_queue),
		cmocka_unit_test(s3fifo_passes_over_open_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
