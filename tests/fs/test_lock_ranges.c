/* Ranges of locks against what fcntl(2) says byte by byte. */
#include "fs/lock_ranges.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define BYTES 24

static void check(const struct lock_ranges *ranges, const short bytes[BYTES])
{
	unsigned at = 0;

	for (unsigned i = 0; i < ranges->count; i++) {
		const struct lock_range *range = &ranges->items[i];

		for (; at < range->first; at++)
			assert_int_equal(bytes[at], F_UNLCK);
		for (; at < BYTES && at <= range->last; at++)
			assert_int_equal(bytes[at], range->type);
		assert_true(range->first <= range->last);
		if (i && range->first == range[-1].last + 1)
			assert_int_not_equal(range->type, range[-1].type);
	}
	for (; at < BYTES; at++)
		assert_int_equal(bytes[at], F_UNLCK);
}

static void any_sequence_gives_what_single_bytes_give(void **state)
{
	static const short types[] = {F_RDLCK, F_WRLCK, F_UNLCK};
	struct lock_ranges ranges = {0};
	short bytes[BYTES];

	srandom(1);
	for (int i = 0; i < BYTES; i++)
		bytes[i] = F_UNLCK;
	for (int n = 0; n < 20000; n++) {
		int first = (int)(random() % BYTES), last = first + (int)(random() % (BYTES - first));
		short type = types[random() % 3];
		bool open_end = random() % 8 == 0;

		assert_int_equal(lock_ranges_set(&ranges, first, open_end ? LOCK_RANGE_LAST : last, type), 0);
		for (int i = first; i <= (open_end ? BYTES - 1 : last); i++)
			bytes[i] = type;
		check(&ranges, bytes);
	}
	lock_ranges_deinit(&ranges);
}

static void the_last_byte_of_all_can_be_locked_and_unlocked(void **state)
{
	struct lock_ranges ranges = {0};

	assert_int_equal(lock_ranges_set(&ranges, LOCK_RANGE_LAST, LOCK_RANGE_LAST, F_RDLCK), 0);
	assert_int_equal(lock_ranges_set(&ranges, 0, LOCK_RANGE_LAST - 1, F_RDLCK), 0);
	assert_int_equal(ranges.count, 1);
	assert_int_equal(lock_ranges_set(&ranges, LOCK_RANGE_LAST, LOCK_RANGE_LAST, F_UNLCK), 0);
	assert_int_equal(ranges.count, 1);
	assert_true(ranges.items[0].last == LOCK_RANGE_LAST - 1);
	lock_ranges_deinit(&ranges);
}

static void readers_are_in_the_way_of_writers_only(void **state)
{
	struct lock_ranges ranges = {0};

	lock_ranges_set(&ranges, 10, 19, F_RDLCK);
	lock_ranges_set(&ranges, 30, 39, F_WRLCK);
	assert_null(lock_ranges_conflict(&ranges, 0, 9, F_WRLCK));
	assert_null(lock_ranges_conflict(&ranges, 0, 29, F_RDLCK));
	assert_int_equal(lock_ranges_conflict(&ranges, 19, 25, F_WRLCK)->first, 10);
	assert_int_equal(lock_ranges_conflict(&ranges, 0, 30, F_RDLCK)->first, 30);
	assert_null(lock_ranges_conflict(&ranges, 40, LOCK_RANGE_LAST, F_WRLCK));
	lock_ranges_deinit(&ranges);
}

static void there_is_an_end_to_how_many_can_be_had(void **state)
{
	struct lock_ranges ranges = {0};
	int64_t n = 0;

	while (n < LOCK_RANGES_MAX && lock_ranges_set(&ranges, 2 * n, 2 * n, F_RDLCK) == 0)
		n++;
	assert_true(n < LOCK_RANGES_MAX && n > LOCK_RANGES_MAX - 3);
	assert_int_equal(ranges.count, n);
	lock_ranges_deinit(&ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_sequence_gives_what_single_bytes_give),
		cmocka_unit_test(the_last_byte_of_all_can_be_locked_and_unlocked),
		cmocka_unit_test(readers_are_in_the_way_of_writers_only),
		cmocka_unit_test(there_is_an_end_to_how_many_can_be_had),
	};

	return cmocka_run_group_tests_name("lock_ranges", tests, NULL, NULL);
}
