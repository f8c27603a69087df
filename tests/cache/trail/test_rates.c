#include "cache/trail/rates.h"

#include "tests/support/check.h"

static void a_slower_stream_lets_the_rate_fade(void **state)
{
	struct rates rates = {0};

	assert_int_equal(rates_of(&rates, 5), 0);
	rates_note(&rates, 5, 1000);
	assert_int_equal(rates_of(&rates, 5), 1000);
	rates_note(&rates, 5, 6500);
	assert_int_equal(rates_of(&rates, 5), 6500);
	rates_note(&rates, 5, 100);
	assert_int_equal(rates_of(&rates, 5), 6400);
	for (int i = 0; i < 1000; i++)
		rates_note(&rates, 5, 100);
	assert_in_range(rates_of(&rates, 5), 100, 200);
	assert_int_equal(rates_of(&rates, 6), 0);
}

static void an_excess_is_told_once_and_keeps_the_rate(void **state)
{
	struct rates rates = {0};

	assert_false(rates_take_exceeded(&rates, 5));
	rates_exceeded(&rates, 5);
	assert_false(rates_take_exceeded(&rates, 6));
	assert_true(rates_take_exceeded(&rates, 5));
	assert_false(rates_take_exceeded(&rates, 5));
	rates_note(&rates, 5, 1000);
	rates_exceeded(&rates, 5);
	assert_int_equal(rates_of(&rates, 5), 1000);
	assert_true(rates_take_exceeded(&rates, 5));
	assert_int_equal(rates_of(&rates, 5), 1000);
}

static void more_devices_than_there_is_room_for_displace_each_other(void **state)
{
	struct rates rates = {0};

	for (dev_t device = 1; device <= 3 * RATES_DEVICES; device++) {
		rates_note(&rates, device, 1000 + device);
		assert_int_equal(rates_of(&rates, device), 1000 + device);
	}
	assert_int_equal(rates_of(&rates, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slower_stream_lets_the_rate_fade),
		cmocka_unit_test(an_excess_is_told_once_and_keeps_the_rate),
		cmocka_unit_test(more_devices_than_there_is_room_for_displace_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
