#include "cache/policy/ways.h"
#include "tests/support/check.h"

#define DISK 8
#define FAST 2500000000ull
#define SLOW 600000000ull

/* How many of so many opens go around the page cache. */
static int around(struct ways *ways, int opens, uint64_t trailed, uint64_t direct)
{
	int count = 0;

	for (int i = 0; i < opens; i++)
		count += ways_choose(ways, DISK, trailed, direct);
	return count;
}

static void files_are_trailed_until_something_is_known(void **state)
{
	struct ways ways = {0};

	assert_int_equal(around(&ways, 1000, 0, 0), 0);
}

static void the_other_way_is_tried_once_the_first_is_known(void **state)
{
	struct ways ways = {0};

	assert_int_equal(around(&ways, WAYS_FIRST_TRY - 1, FAST, 0), 0);
	assert_int_equal(around(&ways, 1, FAST, 0), 1);
	/* what was too short to be measured is tried again */
	assert_int_equal(around(&ways, WAYS_FIRST_TRY, FAST, 0), 1);
}

static void the_faster_way_is_taken_and_the_other_tried_ever_more_rarely(void **state)
{
	struct ways ways = {0};

	struct ways slow = {0};

	assert_int_equal(around(&ways, 1000, FAST, SLOW), 5); /* after 16, 32, 64, 128 and 256 */
	assert_int_equal(around(&slow, 1000, SLOW, FAST), 995);
}

static void what_was_fast_is_remembered_for_some_opens(void **state)
{
	struct ways ways = {0};

	around(&ways, 1, FAST, SLOW);
	/* a program with a pace of its own, the same both ways */
	assert_int_equal(around(&ways, 10, SLOW / 4, SLOW / 4), 0);
	/* the device has become slow, but not around the page cache */
	assert_true(around(&ways, 100, SLOW / 4, SLOW) > 50);
}

static void nearly_the_same_is_trailed(void **state)
{
	struct ways ways = {0};

	assert_int_equal(around(&ways, 1, SLOW, FAST), 1);
	around(&ways, 200, SLOW / 4, SLOW / 4);
	assert_false(ways.volumes[WAYS_VOLUMES - 1].around);
}

static void a_small_difference_changes_nothing(void **state)
{
	struct ways ways = {0};

	around(&ways, 1, FAST, FAST + FAST / 5);
	assert_false(ways.volumes[WAYS_VOLUMES - 1].around);
	around(&ways, 1, FAST, FAST + FAST / 3);
	assert_true(ways.volumes[WAYS_VOLUMES - 1].around);
	around(&ways, 1, FAST + FAST / 10, FAST + FAST / 3);
	assert_true(ways.volumes[WAYS_VOLUMES - 1].around);
	around(&ways, 1, FAST + FAST / 5, FAST + FAST / 3);
	assert_false(ways.volumes[WAYS_VOLUMES - 1].around);
}

static void each_volume_has_its_own_way(void **state)
{
	struct ways ways = {0};

	for (uint64_t volume = 1; volume <= 40; volume++) { /* more than are remembered */
		assert_int_equal(ways_choose(&ways, volume, SLOW, FAST), true);
		assert_int_equal(ways_choose(&ways, volume + 1000, FAST, SLOW), false);
	}
}

/* Of streams that are written. */
#define WRITTEN                                                \
	{                                                      \
		.around_first = true, .around_min = 1000000000 \
	}

static void trailing_is_not_tried_where_the_disk_is_slow(void **state)
{
	struct ways ways = WRITTEN;

	assert_int_equal(around(&ways, 1000, 0, 0), 1000);
	assert_int_equal(around(&ways, 1000, 0, SLOW), 1000);
	assert_int_equal(around(&ways, WAYS_FIRST_TRY, 0, FAST), WAYS_FIRST_TRY - 1);
}

static void trailing_is_given_up_when_it_breaks_its_bound_and_tried_ever_more_rarely(void **state)
{
	struct ways ways = WRITTEN;

	around(&ways, WAYS_FIRST_TRY, 0, 2 * SLOW);
	assert_int_equal(around(&ways, 10, FAST, 2 * SLOW), 0); /* faster, and within its bound */
	ways_exceeded(&ways, DISK);
	assert_int_equal(around(&ways, 2 * WAYS_TRY_MIN - 1, FAST, 2 * SLOW), 2 * WAYS_TRY_MIN - 1);
	assert_int_equal(around(&ways, 1, FAST, 2 * SLOW), 0);
	ways_exceeded(&ways, DISK);
	assert_int_equal(around(&ways, 8 * WAYS_TRY_MIN - 1, FAST, 2 * SLOW), 8 * WAYS_TRY_MIN - 1);
	assert_int_equal(around(&ways, 10, FAST, 2 * SLOW), 0); /* it held its bound this time */
}

static void the_way_can_be_asked_without_an_open(void **state)
{
	struct ways ways = {0}, first = {.around_first = true};

	assert_false(ways_peek(&ways, DISK));
	assert_true(ways_peek(&first, DISK));
	around(&ways, 1, SLOW, FAST);
	for (int i = 0; i < 100; i++)
		assert_true(ways_peek(&ways, DISK)); /* no turn of the slower one */
	assert_false(ways_peek(&ways, DISK + 1));
	for (int i = 0; i < WAYS_VOLUMES; i++)
		assert_true(ways.volumes[i].volume != DISK + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_trailed_until_something_is_known),
		cmocka_unit_test(the_other_way_is_tried_once_the_first_is_known),
		cmocka_unit_test(the_faster_way_is_taken_and_the_other_tried_ever_more_rarely),
		cmocka_unit_test(a_small_difference_changes_nothing),
		cmocka_unit_test(what_was_fast_is_remembered_for_some_opens),
		cmocka_unit_test(nearly_the_same_is_trailed),
		cmocka_unit_test(each_volume_has_its_own_way),
		cmocka_unit_test(trailing_is_not_tried_where_the_disk_is_slow),
		cmocka_unit_test(the_way_can_be_asked_without_an_open),
		cmocka_unit_test(trailing_is_given_up_when_it_breaks_its_bound_and_tried_ever_more_rarely),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
