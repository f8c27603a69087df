#include "backends/pace.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS 1000000ull

static uint64_t write_of(struct pace *pace, uint64_t now, uint64_t took)
{
	pace_begin(pace, now);
	pace_end(pace, now, now + took);
	return now + took;
}

static void quick_writes_go_on_here(void **state)
{
	struct pace pace = {0};
	uint64_t now = 5000 * MS;

	for (int i = 0; i < 100; i++) {
		assert_true(pace_is_quick(&pace, now));
		now = write_of(&pace, now, MS) + 50 * MS;
	}
}

static void a_slow_write_sends_the_next_elsewhere_for_a_while(void **state)
{
	struct pace pace = {0};
	uint64_t now = write_of(&pace, 5000 * MS, 30 * MS);

	assert_false(pace_is_quick(&pace, now));
	assert_false(pace_is_quick(&pace, now + 199 * MS));
	assert_true(pace_is_quick(&pace, now + 200 * MS));
}

static void each_slow_try_makes_the_rest_longer_and_a_quick_one_short_again(void **state)
{
	static const unsigned rests_ms[] = {200, 400, 800, 1600, 2000, 2000};
	struct pace pace = {0};
	uint64_t now = 5000 * MS;

	for (size_t i = 0; i < sizeof(rests_ms) / sizeof(*rests_ms); i++) {
		now = write_of(&pace, now, 100 * MS);
		assert_false(pace_is_quick(&pace, now + rests_ms[i] * MS - 1));
		now += rests_ms[i] * MS;
		assert_true(pace_is_quick(&pace, now));
	}
	now = write_of(&pace, now, MS);
	now = write_of(&pace, now, 100 * MS);
	assert_false(pace_is_quick(&pace, now + 199 * MS));
	assert_true(pace_is_quick(&pace, now + 200 * MS));
}

static void a_write_that_does_not_come_back_sends_the_others_elsewhere(void **state)
{
	struct pace pace = {0};
	uint64_t now = 5000 * MS;

	pace_begin(&pace, now);
	assert_true(pace_is_quick(&pace, now + MS));
	assert_false(pace_is_quick(&pace, now + 10 * MS));
	assert_false(pace_is_quick(&pace, now + 60000 * MS));
	pace_end(&pace, now, now + 60000 * MS);
	assert_true(pace_is_quick(&pace, now + 60200 * MS));
}

static void writes_that_follow_closely_are_not_taken_for_one_that_hangs(void **state)
{
	struct pace pace = {0};
	uint64_t now = 5000 * MS;

	pace_begin(&pace, now);
	for (int i = 0; i < 100; i++) {
		assert_true(pace_is_quick(&pace, now));
		pace_begin(&pace, now);
		pace_end(&pace, now, now + 5 * MS);
		now += 5 * MS;
	}
}

static void slow_writes_elsewhere_keep_them_there(void **state)
{
	struct pace pace = {0};
	uint64_t now = write_of(&pace, 5000 * MS, 30 * MS);

	for (int i = 0; i < 20; i++) {
		pace_elsewhere(&pace, now, now + 150 * MS);
		now += 150 * MS;
		assert_false(pace_is_quick(&pace, now));
	}
	pace_elsewhere(&pace, now, now + MS);
	assert_true(pace_is_quick(&pace, now + 200 * MS));
}

static void a_write_that_hangs_is_not_hidden_by_those_that_begin_after_it(void **state)
{
	struct pace pace = {0};
	uint64_t now = 5000 * MS;

	for (int i = 0; i < 5; i++)
		pace_begin(&pace, now + i * 2 * MS);
	assert_true(pace_is_quick(&pace, now + 10 * MS - 1));
	assert_false(pace_is_quick(&pace, now + 10 * MS));
}

/* Its clock was read a moment after ours. */
static void a_write_that_began_meanwhile_is_no_slow_one(void **state)
{
	struct pace pace = {0};
	uint64_t now = 5000 * MS;

	pace_begin(&pace, now + 1);
	assert_true(pace_is_quick(&pace, now));
}

static void ten_milliseconds_are_slow_here_and_elsewhere(void **state)
{
	struct pace here = {0}, elsewhere = {0};
	uint64_t now = 5000 * MS;

	write_of(&here, now, 10 * MS - 1);
	pace_elsewhere(&elsewhere, now, now + 10 * MS - 1);
	assert_true(pace_is_quick(&here, now + 11 * MS));
	assert_true(pace_is_quick(&elsewhere, now + 11 * MS));
	write_of(&here, now, 10 * MS);
	pace_elsewhere(&elsewhere, now, now + 10 * MS);
	assert_false(pace_is_quick(&here, now + 11 * MS));
	assert_false(pace_is_quick(&elsewhere, now + 11 * MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quick_writes_go_on_here),
		cmocka_unit_test(a_slow_write_sends_the_next_elsewhere_for_a_while),
		cmocka_unit_test(each_slow_try_makes_the_rest_longer_and_a_quick_one_short_again),
		cmocka_unit_test(a_write_that_does_not_come_back_sends_the_others_elsewhere),
		cmocka_unit_test(writes_that_follow_closely_are_not_taken_for_one_that_hangs),
		cmocka_unit_test(slow_writes_elsewhere_keep_them_there),
		cmocka_unit_test(a_write_that_hangs_is_not_hidden_by_those_that_begin_after_it),
		cmocka_unit_test(a_write_that_began_meanwhile_is_no_slow_one),
		cmocka_unit_test(ten_milliseconds_are_slow_here_and_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
