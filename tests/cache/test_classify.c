#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/policy/classify.h"

static const struct classify_limits limits = {
	.small_max = 1000,
	.large_min = 5000,
	.mid = LANE_PLAIN,
	.large = LANE_DIRECT,
	.large_write = LANE_DIRECT,
};

static enum lane lane_of(uint64_t size, bool writes)
{
	const struct file_facts facts = {.size = size, .writes = writes};

	return classify(&limits, &facts);
}

static void sizes_choose_the_lane(void **state)
{
	assert_int_equal(lane_of(0, false), LANE_CACHED);
	assert_int_equal(lane_of(1000, false), LANE_CACHED);
	assert_int_equal(lane_of(1001, false), LANE_PLAIN);
	assert_int_equal(lane_of(4999, false), LANE_PLAIN);
	assert_int_equal(lane_of(5000, false), LANE_DIRECT);
	assert_int_equal(lane_of(UINT64_MAX, false), LANE_DIRECT);
}

static void a_small_file_opened_for_writing_is_not_read_from_the_cache(void **state)
{
	assert_int_equal(lane_of(10, true), LANE_PLAIN);
}

static void mid_and_large_travel_as_the_options_say(void **state)
{
	struct classify_limits other = limits;
	struct file_facts facts = {.size = 2000};

	other.mid = LANE_DIRECT;
	other.large = LANE_PLAIN;
	assert_int_equal(classify(&other, &facts), LANE_DIRECT);
	facts.size = 6000;
	assert_int_equal(classify(&other, &facts), LANE_PLAIN);
}

static void a_database_is_told_from_a_stream(void **state)
{
	struct classify_limits stream = limits;
	struct file_facts facts = {.size = 6000};

	stream.stream = true;
	assert_int_equal(classify(&stream, &facts), LANE_DIRECT);
	facts.random = true;
	assert_int_equal(classify(&stream, &facts), LANE_PLAIN);
	assert_int_equal(classify(&limits, &facts), LANE_DIRECT);
	facts.random = false;
	facts.writes = true;
	assert_int_equal(classify(&stream, &facts), LANE_DIRECT);
	facts.in_place = true;
	assert_int_equal(classify(&stream, &facts), LANE_PLAIN);
	assert_int_equal(classify(&limits, &facts), LANE_DIRECT);
}

static void what_is_read_may_travel_otherwise_than_what_is_written(void **state)
{
	struct classify_limits trails = limits;
	struct file_facts facts = {.size = 6000};

	trails.large = LANE_TRAILED;
	assert_int_equal(classify(&trails, &facts), LANE_TRAILED);
	facts.writes = true;
	assert_int_equal(classify(&trails, &facts), LANE_DIRECT);
	facts.size = 0;
	facts.grows = true;
	assert_int_equal(classify(&trails, &facts), LANE_DIRECT);
}

static void a_new_file_may_become_large(void **state)
{
	const struct file_facts facts = {.size = 0, .writes = true, .grows = true};
	struct classify_limits plain = limits;

	plain.large_write = LANE_PLAIN;
	assert_int_equal(classify(&limits, &facts), LANE_DIRECT);
	assert_int_equal(classify(&plain, &facts), LANE_PLAIN);
}

static void writes_to_set_uid_files_pass_the_daemon(void **state)
{
	struct file_facts facts = {.size = 10, .writes = true, .privileged_bits = true};

	assert_int_equal(classify(&limits, &facts), LANE_DIRECT);
	facts.writes = false;
	assert_int_equal(classify(&limits, &facts), LANE_CACHED);
}

static void what_decides_has_a_name_of_its_own(void **state)
{
	const struct file_facts small = {.size = 1000}, mid = {.size = 1001}, large = {.size = 5000};
	const struct file_facts grows = {.writes = true, .grows = true};
	const struct file_facts random = {.size = 5000, .random = true};
	const struct file_facts privileged = {.size = 5000, .writes = true, .privileged_bits = true};
	struct classify_limits stream = limits;

	stream.stream = true;
	assert_string_equal(class_names[class_of(&limits, &small)], "small");
	assert_string_equal(class_names[class_of(&limits, &mid)], "mid");
	assert_string_equal(class_names[class_of(&limits, &large)], "large");
	assert_string_equal(class_names[class_of(&limits, &grows)], "growing");
	assert_string_equal(class_names[class_of(&limits, &random)], "large");
	assert_string_equal(class_names[class_of(&stream, &random)], "random");
	assert_string_equal(class_names[class_of(&stream, &privileged)], "privileged");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_choose_the_lane),
		cmocka_unit_test(a_small_file_opened_for_writing_is_not_read_from_the_cache),
		cmocka_unit_test(mid_and_large_travel_as_the_options_say),
		cmocka_unit_test(a_database_is_told_from_a_stream),
		cmocka_unit_test(what_is_read_may_travel_otherwise_than_what_is_written),
		cmocka_unit_test(a_new_file_may_become_large),
		cmocka_unit_test(what_decides_has_a_name_of_its_own),
		cmocka_unit_test(writes_to_set_uid_files_pass_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
