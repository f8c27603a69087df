/* What is made of `stat --json`: samples, rates, and the columns of stat -i. */
#include "cache/policy/classify.h"
#include "tools/sievectl/columns.h"
#include "tools/sievectl/short_number.h"

#include <errno.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define REPORT                                                                                              \
	"{\"version\":\"1.2\",\"pid\":77,\"start_time\":\"2026-11-29T08:00:00Z\",\"uptime\":60,\"lanes\":{" \
	"\"cached\":{\"opens\":100,\"read_bytes\":0},\"plain\":{\"opens\":50},"                             \
	"\"direct\":{\"opens\":10,\"read_bytes\":1000,\"write_bytes\":24},\"new-lane\":{\"opens\":5}},"     \
	"\"cache\":{\"hits\":90,\"misses\":10,\"objects\":3,\"object_bytes\":4096,\"budget_bytes\":65536}," \
	"\"direct\":{\"dropped_bytes\":5,\"write_memory\":6,\"memory\":7},"                                 \
	"\"trail\":{\"streams\":2,\"resident_bytes\":30,\"tail_bytes\":4,\"dropped_bytes\":100}"

static void read_well(const char *text, struct sample *sample)
{
	if (sample_parse(text, sample) < 0)
		fail_msg("not read: %s", text);
}

static void lanes_have_the_daemons_names(void **state)
{
	assert_int_equal(SAMPLE_LANES, LANE_COUNT);
	for (int i = 0; i < SAMPLE_LANES; i++)
		assert_true(g_strv_contains((const char *const[]){lane_names[0], lane_names[1], lane_names[2],
						    lane_names[3], lane_names[4], lane_names[5], NULL},
			sample_lane_names[i]));
	for (int i = 0; i < LANE_COUNT; i++) {
		for (int j = 0; j < SAMPLE_LANES; j++) {
			if (strcmp(sample_lane_names[j], lane_names[i]) == 0)
				assert_int_equal(sample_lane_has_bytes(j), !lane_is_of_kernel(i));
		}
	}
}

static void a_report_is_read(void **state)
{
	struct sample sample;

	read_well(REPORT ",\"dirty\":{\"dirty_bytes\":8,\"writeback_bytes\":9,\"oldest_ms\":1500,\"files\":2,"
			 "\"throttled\":11},\"operations\":{\"open\":{\"count\":12,\"p50_seconds\":0.5,"
			 "\"p99_seconds\":1,\"max_seconds\":2e0}}}\n",
		&sample);
	assert_int_equal(sample.pid, 77);
	assert_string_equal(sample.version, "1.2");
	assert_string_equal(sample.start_time, "2026-11-29T08:00:00Z");
	assert_int_equal(sample.uptime_s, 60);
	assert_int_equal(sample.lanes[SAMPLE_CACHED].opens, 100);
	assert_int_equal(sample.lanes[SAMPLE_DIRECT].bytes, 1024);
	assert_int_equal(sample.lanes[SAMPLE_SERVED].opens, 0);
	assert_int_equal(sample.hits, 90);
	assert_int_equal(sample.misses, 10);
	assert_int_equal(sample.objects, 3);
	assert_int_equal(sample.cached_bytes, 4096);
	assert_int_equal(sample.budget_bytes, 65536);
	assert_true(sample.has_dirty);
	assert_int_equal(sample.dirty_bytes, 8);
	assert_int_equal(sample.writeback_bytes, 9);
	assert_int_equal(sample.oldest_ms, 1500);
	assert_int_equal(sample.throttled, 11);
	assert_int_equal(sample.trail_streams, 2);
	assert_int_equal(sample.trail_bytes, 34);
	assert_int_equal(sample.dropped_bytes, 105);
	assert_int_equal(sample.unwritten_bytes, 6);
	assert_int_equal(sample.buffer_bytes, 7);
	assert_int_equal(sample.operation_count, 1);
	assert_string_equal(sample.operations[0].name, "open");
	assert_int_equal(sample.operations[0].count, 12);
	assert_true(sample.operations[0].p50_s == 0.5);
	assert_true(sample.operations[0].p99_s == 1);
	assert_true(sample.operations[0].max_s == 2);
}

static void what_is_no_report_is_refused(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "7", "{}", "{\"lanes\":{}}",
		"{\"lanes\":[],\"cache\":{}}", "{\"lanes\":{},\"cache\":3}", REPORT};
	struct sample sample;

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		assert_int_equal(sample_parse(texts[i], &sample), -EPROTO);
}

static void strange_members_are_nothing(void **state)
{
	struct sample sample;

	read_well("{\"lanes\":{\"cached\":7,\"plain\":{\"opens\":[1]}},\"cache\":{\"hits\":\"many\","
		  "\"misses\":-1,"
		  "\"objects\":null},\"pid\":{},\"start_time\":3,\"operations\":{\"open\":1,\"read\":{}}}",
		&sample);
	assert_int_equal(sample.lanes[SAMPLE_PLAIN].opens, 0);
	assert_int_equal(sample.hits, 0);
	assert_int_equal(sample.misses, 0);
	assert_int_equal(sample.objects, 0);
	assert_int_equal(sample.pid, 0);
	assert_string_equal(sample.start_time, "");
	assert_false(sample.has_dirty);
	assert_int_equal(sample.operation_count, 1);
	assert_string_equal(sample.operations[0].name, "read");
}

static void operations_beyond_the_room_are_left_out(void **state)
{
	g_autoptr(GString) text = g_string_new(REPORT ",\"operations\":{");
	struct sample sample;

	for (int i = 0; i < SAMPLE_OPERATIONS + 5; i++)
		g_string_append_printf(text, "%s\"op%d\":{\"count\":%d}", i ? "," : "", i, i);
	g_string_append(text, "}}");
	read_well(text->str, &sample);
	assert_int_equal(sample.operation_count, SAMPLE_OPERATIONS);
}

static void make_two(struct sample *before, struct sample *after)
{
	*before = (struct sample){.taken_s = 10, .pid = 1, .hits = 5, .misses = 5, .throttled = 1};
	*after = (struct sample){.taken_s = 12, .pid = 1, .hits = 8, .misses = 6, .throttled = 5};
	before->lanes[SAMPLE_CACHED].opens = 100;
	after->lanes[SAMPLE_CACHED].opens = 106;
	before->lanes[SAMPLE_DIRECT].bytes = 1000;
	after->lanes[SAMPLE_DIRECT].opens = 2;
	after->lanes[SAMPLE_DIRECT].bytes = 5000;
	before->operation_count = 1;
	before->operations[0] = (struct sample_operation){.name = "open", .count = 10};
	after->operation_count = 2;
	after->operations[0] = (struct sample_operation){.name = "create", .count = 4};
	after->operations[1] = (struct sample_operation){.name = "open", .count = 30};
}

static void rates_are_a_second(void **state)
{
	struct sample before, after;
	struct rates rates;

	make_two(&before, &after);
	rates_between(&before, &after, &rates);
	assert_false(rates.restarted);
	assert_true(rates.opens == 4);
	assert_true(rates.hit_share == 0.75);
	assert_true(rates.throttled == 2);
	assert_true(rates.lanes[SAMPLE_CACHED].open_share == 0.75);
	assert_true(rates.lanes[SAMPLE_DIRECT].open_share == 0.25);
	assert_true(rates.lanes[SAMPLE_DIRECT].bytes == 2000);
	assert_true(rates.operations[0] == 2);
	assert_true(rates.operations[1] == 10);
}

static void shares_of_nothing_are_none(void **state)
{
	struct sample before, after;
	struct rates rates;

	make_two(&before, &after);
	rates_between(&after, &after, &rates);
	assert_true(rates.opens == 0);
	assert_true(rates.hit_share < 0);
	assert_true(rates.lanes[SAMPLE_CACHED].open_share < 0);
}

static void another_daemon_counts_from_its_start(void **state)
{
	struct sample before, after;
	struct rates rates;

	make_two(&before, &after);
	after.pid = 2;
	rates_between(&before, &after, &rates);
	assert_true(rates.restarted);
	assert_true(rates.lanes[SAMPLE_CACHED].opens == 53);
	assert_true(rates.operations[1] == 15);
	after.pid = 1;
	strcpy(after.start_time, "later");
	rates_between(&before, &after, &rates);
	assert_true(rates.restarted);
}

static void numbers_are_short(void **state)
{
	static const struct {
		double value;
		const char *count, *bytes;
	} numbers[] = {{0, "0", "0"}, {7, "7", "7"}, {0.25, "0.2", "0"}, {12.34, "12.3", "12"},
		{999.4, "999", "999"}, {999.6, "1.0K", "999"}, {1000, "1K", "1000"}, {1023, "1.0K", "1023"},
		{1024, "1.0K", "1K"}, {12345, "12.3K", "12.1K"}, {999999, "1.0M", "977K"},
		{1048575, "1.0M", "1.0M"}, {1e9, "1G", "954M"}, {18446744073709551615.0, "18.4E", "16E"},
		{-1, "0", "0"}};
	static const struct {
		uint64_t ms;
		const char *text;
	} ages[] = {{0, "0ms"}, {99, "99ms"}, {100, "0.1s"}, {3210, "3.2s"}, {9990, "10s"}, {599000, "599s"},
		{600000, "10m"}, {35999999, "600m"}, {36000000, "10h"}, {864000000, "10d"},
		{UINT64_MAX, "999d"}};
	static const struct {
		double seconds;
		const char *text;
	} latencies[] = {{0, "0us"}, {1e-6, "1.0us"}, {12.3e-6, "12us"}, {999.7e-6, "1.0ms"},
		{0.0345, "34ms"}, {1.25, "1.2s"}, {60, "60s"}, {1e9, "9999s"}};
	char text[SHORT_NUMBER];

	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		short_count(text, numbers[i].value);
		assert_string_equal(text, numbers[i].count);
		short_bytes(text, numbers[i].value);
		assert_string_equal(text, numbers[i].bytes);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(ages); i++) {
		short_age(text, ages[i].ms);
		assert_string_equal(text, ages[i].text);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(latencies); i++) {
		short_latency(text, latencies[i].seconds);
		assert_string_equal(text, latencies[i].text);
	}
}

/* No number of the range is longer than what its column has. */
static void numbers_keep_to_their_columns(void **state)
{
	char text[SHORT_NUMBER];

	for (double value = 0.001; value < 1e19; value *= 1.013) {
		short_count(text, value);
		assert_true(strlen(text) <= 5);
		short_bytes(text, value);
		assert_true(strlen(text) <= 5);
		short_age(text, (uint64_t)value);
		assert_true(strlen(text) <= 4);
		short_latency(text, value / 1e16);
		assert_true(strlen(text) <= 5);
	}
}

static void columns_stand_below_their_titles(void **state)
{
	static const struct tm now = {.tm_hour = 9, .tm_min = 5, .tm_sec = 7};
	struct sample before, after;
	struct rates rates;
	char line[COLUMNS_LINE];

	make_two(&before, &after);
	after.cached_bytes = 3 << 20;
	after.budget_bytes = 64 << 20;
	rates_between(&before, &after, &rates);
	columns_header(COLUMNS_ALL, line);
	assert_string_equal(line,
		"    time open/s  hit% cach plai trai dire cwri serv cache limit dirty  age  wait "
		"dir/s cwr/s ser/s");
	columns_line(&after, &rates, &now, COLUMNS_ALL, line);
	assert_string_equal(line,
		"09:05:07      4  75.0   75    0    0   25    0    0    3M   64M     -    -     - "
		" 2.0K     0     0");
	after.has_dirty = true;
	after.dirty_bytes = 5 << 20;
	after.oldest_ms = 3210;
	columns_line(&after, &rates, &now, 80, line);
	assert_string_equal(
		line, "09:05:07      4  75.0   75    0    0   25    0    0    3M   64M    5M 3.2s     2");
}

static void narrow_screens_get_fewer_columns(void **state)
{
	char line[COLUMNS_LINE];

	for (int width = 1; width < 200; width++) {
		columns_header(width, line);
		assert_true(strlen(line) <= (size_t)MAX(width, 8));
		assert_non_null(strstr(line, "time"));
	}
	columns_header(80, line);
	assert_non_null(strstr(line, "wait"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes_have_the_daemons_names),
		cmocka_unit_test(a_report_is_read),
		cmocka_unit_test(what_is_no_report_is_refused),
		cmocka_unit_test(strange_members_are_nothing),
		cmocka_unit_test(operations_beyond_the_room_are_left_out),
		cmocka_unit_test(rates_are_a_second),
		cmocka_unit_test(shares_of_nothing_are_none),
		cmocka_unit_test(another_daemon_counts_from_its_start),
		cmocka_unit_test(numbers_are_short),
		cmocka_unit_test(numbers_keep_to_their_columns),
		cmocka_unit_test(columns_stand_below_their_titles),
		cmocka_unit_test(narrow_screens_get_fewer_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
