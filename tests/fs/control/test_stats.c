#include "fs/control/json.h"
#include "fs/control/stats.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void json_separates_and_escapes(void **state)
{
	g_autoptr(GString) out = g_string_new(NULL);

	json_begin_object(out, NULL);
	json_uint(out, "n", UINT64_MAX);
	json_begin_object(out, "texts");
	json_string(out, "escaped", "a\"b\\c\n\x01");
	json_string(out, "not UTF-8", "\xff{");
	json_begin_object(out, "empty");
	json_end_object(out);
	json_end_object(out);
	json_double(out, "x", 0.5);
	json_string(out, "ends with [", "[");
	json_uint(out, "after", 1);
	json_end_object(out);
	assert_string_equal(out->str,
		"{\"n\":18446744073709551615,\"texts\":{\"escaped\":\"a\\\"b\\\\c\\n\\u0001\","
		"\"not UTF-8\":\"\xef\xbf\xbd{\",\"empty\":{}},"
		"\"x\":0.5,\"ends with [\":\"[\",\"after\":1}");
}

struct names {
	const char *name[64];
	int count;
};

static void note_name(void *context, const char *name, uint64_t value, const char *help)
{
	struct names *names = context;

	assert_in_range(names->count, 0, G_N_ELEMENTS(names->name) - 1);
	assert_true(*help);
	for (int i = 0; i < names->count; i++)
		assert_string_not_equal(name, names->name[i]);
	names->name[names->count++] = name;
}

static void every_counter_and_lane_has_a_name_of_its_own(void **state)
{
	struct names names = {0}, lane_counters = {0};
	struct stats stats = {0};

	stats_each(&stats, note_name, &names);
	assert_int_equal(names.count, sizeof(stats.mount) / sizeof(stats_counter));
	stats_lane_each(&stats, LANE_DIRECT, note_name, &lane_counters);
	assert_int_equal(lane_counters.count, sizeof(struct stats_lane) / sizeof(stats_counter));
	for (int i = 0; i < LANE_COUNT; i++)
		assert_non_null(lane_names[i]);
}

static void both_forms_show_every_counter(void **state)
{
	g_autoptr(GString) text = g_string_new(NULL), json = g_string_new(NULL);
	struct names names = {0};
	struct stats stats = {0};

	stats_each(&stats, note_name, &names);
	for (int i = 0; i < names.count; i++)
		stats_set((stats_counter *)&stats.mount + i, 1000 + i);
	stats_opened(&stats, LANE_DIRECT);
	stats_read(&stats, LANE_DIRECT, 4096);
	stats_wrote(&stats, LANE_SERVED, 77);
	stats_to_text(&stats, text);
	json_begin_object(json, NULL);
	stats_to_json(&stats, json);
	json_end_object(json);
	for (int i = 0; i < names.count; i++) {
		g_autofree char *line = g_strdup_printf("\n%-14s %16d  ", names.name[i], 1000 + i);
		g_autofree char *member = g_strdup_printf("\"%s\":%d", names.name[i], 1000 + i);

		assert_non_null(strstr(text->str, line));
		assert_non_null(strstr(json->str, member));
	}
	for (int i = 0; i < LANE_COUNT; i++) {
		g_autofree char *line = g_strdup_printf("\n%-14s %16d ", lane_names[i], i == LANE_DIRECT);
		g_autofree char *member = g_strdup_printf("\"%s\":{\"opens\":", lane_names[i]);

		assert_non_null(strstr(text->str, line));
		assert_non_null(strstr(json->str, member));
	}
	assert_non_null(strstr(json->str,
		"\"direct\":{\"opens\":1,\"reads\":1,\"read_bytes\":4096,\"writes\":0,\"write_bytes\":0}"));
	assert_non_null(strstr(json->str,
		"\"served\":{\"opens\":0,\"reads\":0,\"read_bytes\":0,\"writes\":1,\"write_bytes\":77}"));
}

static void *count_many(void *data)
{
	for (int i = 0; i < 100000; i++)
		stats_opened(data, LANE_CACHED);
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	struct stats stats = {0};
	pthread_t threads[4];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, &stats), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(stats_counted(&stats.lanes[LANE_CACHED].of.opens), 400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_separates_and_escapes),
		cmocka_unit_test(every_counter_and_lane_has_a_name_of_its_own),
		cmocka_unit_test(both_forms_show_every_counter),
		cmocka_unit_test(threads_lose_no_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
