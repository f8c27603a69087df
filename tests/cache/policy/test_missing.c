#include "cache/policy/missing.h"
#include "tests/support/check.h"
#include <stdio.h>

#define NOW_MS (100 * MISSING_EPOCH_MS)

static struct missing missing;

static int forget_all(void **state)
{
	(void)state;
	missing = (struct missing){0};
	return 0;
}

static void a_name_may_be_cached_from_the_second_time_on(void **state)
{
	assert_false(missing_again(&missing, 1, "stdio.h", NOW_MS));
	for (int i = 0; i < 10; i++)
		assert_true(missing_again(&missing, 1, "stdio.h", NOW_MS + i));
}

static void another_name_or_directory_has_to_be_missing_twice_itself(void **state)
{
	missing_again(&missing, 1, "stdio.h", NOW_MS);
	assert_false(missing_again(&missing, 2, "stdio.h", NOW_MS));
	assert_false(missing_again(&missing, 1, "stdio", NOW_MS));
	assert_false(missing_again(&missing, 1, "stdio.hh", NOW_MS));
	assert_false(missing_again(&missing, 1, "", NOW_MS));
	assert_true(missing_again(&missing, 2, "stdio.h", NOW_MS));
}

static void in_the_next_epoch_a_name_is_new_again(void **state)
{
	missing_again(&missing, 1, "stdio.h", NOW_MS);
	assert_true(missing_again(&missing, 1, "stdio.h", NOW_MS + MISSING_EPOCH_MS - 1));
	assert_false(missing_again(&missing, 1, "stdio.h", NOW_MS + MISSING_EPOCH_MS));
	assert_true(missing_again(&missing, 1, "stdio.h", NOW_MS + MISSING_EPOCH_MS));
}

static unsigned again(unsigned names)
{
	unsigned count = 0;
	char name[32];

	for (unsigned i = 0; i < names; i++) {
		snprintf(name, sizeof(name), "header%u.h", i);
		count += missing_again(&missing, i % 20, name, NOW_MS);
	}
	return count;
}

static void thousands_of_names_are_remembered(void **state)
{
	unsigned names = MISSING_SETS * MISSING_WAYS / 4;

	assert_in_range(again(names), 0, 5); /* taken for others */
	assert_in_range(again(names), names * 99 / 100, names);
}

static void more_names_than_fit_are_forgotten_and_not_mistaken(void **state)
{
	unsigned names = 40 * MISSING_SETS * MISSING_WAYS;

	for (int i = 0; i < 2; i++)
		assert_in_range(again(names), 0, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_name_may_be_cached_from_the_second_time_on, forget_all),
		cmocka_unit_test_setup(another_name_or_directory_has_to_be_missing_twice_itself, forget_all),
		cmocka_unit_test_setup(in_the_next_epoch_a_name_is_new_again, forget_all),
		cmocka_unit_test_setup(thousands_of_names_are_remembered, forget_all),
		cmocka_unit_test_setup(more_names_than_fit_are_forgotten_and_not_mistaken, forget_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
