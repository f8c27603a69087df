/* The engine under the options, on a table of its own that has a row of every type. */
#include "fs/options/option_table.h"
#include "fs/options/option_value.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct sample {
	uint64_t size;
	unsigned int count;
	uint64_t time_ms;
	double seconds;
	int colour;
	int shape;
	char *path;
	uint64_t limit, pause_ms;
	double delay;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

static const char *shape_at(size_t i)
{
	return i < 2 ? (i == 0 ? "round" : "square") : NULL;
}

static const struct option_row rows[] = {
	{"size", OPTION_SIZE, offsetof(struct sample, size), .fallback = "50%", .percent = true, .min = 4096,
		.help = "bytes"},
	{"count", OPTION_UINT, offsetof(struct sample, count), .fallback = "3", .help = "a number"},
	{"time", OPTION_DURATION, offsetof(struct sample, time_ms), .fallback = "2s", .help = "a time"},
	{"seconds", OPTION_SECONDS, offsetof(struct sample, seconds), .fallback = "0.5", .help = "a timeout"},
	{"colour", OPTION_CHOICE, offsetof(struct sample, colour), .choices = colours, .fallback = "blue",
		.help = "a word"},
	{"shape", OPTION_CHOICE, offsetof(struct sample, shape), .choice_at = shape_at,
		.help = "of a catalogue"},
	{"limit", OPTION_SIZE, offsetof(struct sample, limit), .fallback = "none", .percent = true,
		.min = 4096, .word = "none", .help = "bytes, if any"},
	{"pause", OPTION_DURATION, offsetof(struct sample, pause_ms), .fallback = "1s", .word = "none",
		.help = "a time, if any"},
	{"delay", OPTION_SECONDS, offsetof(struct sample, delay), .fallback = "none", .word = "none",
		.help = "seconds, if any"},
	{"path", OPTION_PATH, offsetof(struct sample, path), .help = "a file"},
};

static const struct option_table table = {rows, G_N_ELEMENTS(rows)};

static int set(struct sample *sample, const char *name, const char *text)
{
	char *error = NULL;
	int r = option_set(option_find(&table, name), sample, text, 1 << 20, &error);

	assert_true((r < 0) == (error != NULL));
	g_free(error);
	return r;
}

static void fallbacks_fill_every_field(void **state)
{
	struct sample sample = {0};

	option_table_set_fallbacks(&table, &sample, 1 << 20);
	assert_int_equal(sample.size, 512 << 10);
	assert_int_equal(sample.count, 3);
	assert_int_equal(sample.time_ms, 2000);
	assert_true(sample.seconds == 0.5);
	assert_int_equal(sample.colour, 2);
	assert_int_equal(sample.shape, 0);
	assert_null(sample.path);
}

static void a_word_stands_beside_the_numbers(void **state)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct sample sample = {0};

	option_table_set_fallbacks(&table, &sample, 1 << 20);
	assert_true(sample.limit == OPTION_WORD);
	assert_int_equal(sample.pause_ms, 1000);
	assert_int_equal(set(&sample, "limit", "8K"), 0);
	assert_int_equal(sample.limit, 8192);
	assert_int_equal(set(&sample, "limit", "some"), -EINVAL);
	assert_int_equal(set(&sample, "limit", "4"), -EINVAL);
	assert_int_equal(set(&sample, "limit", "none"), 0);
	assert_int_equal(set(&sample, "pause", "none"), 0);
	assert_true(option_is_word(option_find(&table, "pause"), &sample));
	assert_false(option_is_word(option_find(&table, "size"), &sample));
	option_format(option_find(&table, "pause"), &sample, out);
	assert_string_equal(out->str, "none");
	assert_true(option_is_word(option_find(&table, "delay"), &sample));
	assert_int_equal(set(&sample, "delay", "-1"), -EINVAL);
	assert_int_equal(set(&sample, "delay", "0"), 0);
	assert_true(sample.delay == 0);
	assert_int_equal(set(&sample, "delay", "none"), 0);
	assert_true(sample.delay == OPTION_WORD_SECONDS);
	g_string_truncate(out, 0);
	option_format(option_find(&table, "delay"), &sample, out);
	assert_string_equal(out->str, "none");
}

static void a_share_of_too_little_memory_is_the_least_value(void **state)
{
	struct sample sample = {0};

	option_table_set_fallbacks(&table, &sample, 0);
	assert_int_equal(sample.size, 4096);
}

static void a_path_given_twice_is_the_last(void **state)
{
	struct sample sample = {0};

	assert_int_equal(set(&sample, "path", "/a"), 0);
	assert_int_equal(set(&sample, "path", "/b c"), 0);
	assert_string_equal(sample.path, "/b c");
	assert_int_equal(set(&sample, "path", ""), -EINVAL);
	assert_int_equal(set(&sample, "path", NULL), -EINVAL);
	assert_string_equal(sample.path, "/b c");
	option_table_clear(&table, &sample);
	assert_null(sample.path);
}

static void a_refused_value_leaves_the_field_alone(void **state)
{
	struct sample sample = {.size = 7, .count = 7, .time_ms = 7, .seconds = 7, .colour = 1};

	assert_int_equal(set(&sample, "size", "1K"), -EINVAL);
	assert_int_equal(set(&sample, "count", "4294967296"), -EINVAL);
	assert_int_equal(set(&sample, "time", "1x"), -EINVAL);
	assert_int_equal(set(&sample, "seconds", "x"), -EINVAL);
	assert_int_equal(set(&sample, "colour", "gree"), -EINVAL);
	assert_int_equal(set(&sample, "colour", "RED"), -EINVAL);
	assert_int_equal(sample.size, 7);
	assert_int_equal(sample.count, 7);
	assert_int_equal(sample.time_ms, 7);
	assert_true(sample.seconds == 7);
	assert_int_equal(sample.colour, 1);
}

static void every_formatted_value_reads_back(void **state)
{
	static const uint64_t sizes[] = {4096, 4097, 1 << 20, 3ull << 30, UINT64_MAX, (1ull << 40) * 5};
	static const uint64_t times[] = {0, 1, 999, 1000, 60000, 61000, 3600000, 86400000};
	static const double seconds[] = {0, 0.25, 1, 10, 100, 0.000001, 1e9, 123456.5};
	struct sample sample = {0}, back = {0};

	for (size_t i = 0; i < G_N_ELEMENTS(sizes) + G_N_ELEMENTS(times) + G_N_ELEMENTS(seconds); i++) {
		g_autoptr(GString) size = g_string_new(NULL), time = g_string_new(NULL),
				   timeout = g_string_new(NULL);

		sample.size = sizes[i % G_N_ELEMENTS(sizes)];
		sample.time_ms = times[i % G_N_ELEMENTS(times)];
		sample.seconds = seconds[i % G_N_ELEMENTS(seconds)];
		option_format(option_find(&table, "size"), &sample, size);
		option_format(option_find(&table, "time"), &sample, time);
		option_format(option_find(&table, "seconds"), &sample, timeout);
		assert_int_equal(set(&back, "size", size->str), 0);
		assert_int_equal(set(&back, "time", time->str), 0);
		assert_int_equal(set(&back, "seconds", timeout->str), 0);
		assert_true(back.size == sample.size);
		assert_true(back.time_ms == sample.time_ms);
		assert_true(back.seconds == sample.seconds);
	}
}

static void help_shows_the_word_the_values_and_the_default(void **state)
{
	g_autoptr(GString) help = g_string_new(NULL);

	option_table_help(&table, help);
	assert_non_null(strstr(help->str, "  colour=red|green|blue "));
	assert_non_null(strstr(help->str, " a word (default blue)\n"));
	assert_non_null(strstr(help->str, " of a catalogue (default round)\n"));
	assert_non_null(strstr(help->str, " a file\n"));
}

static void distance_counts_edits_and_swaps(void **state)
{
	assert_int_equal(option_distance("", ""), 0);
	assert_int_equal(option_distance("abc", ""), 3);
	assert_int_equal(option_distance("evict", "evict"), 0);
	assert_int_equal(option_distance("evcit", "evict"), 1);
	assert_int_equal(option_distance("kitten", "sitting"), 3);
	assert_int_equal(option_distance("cachesize", "cache_size"), 1);
}

static void values_that_do_not_fit_are_a_range_error(void **state)
{
	uint64_t value = 42;
	double seconds = 42;

	assert_int_equal(value_parse_uint("18446744073709551615", &value), 0);
	assert_true(value == UINT64_MAX);
	value = 42;
	assert_int_equal(value_parse_uint("18446744073709551616", &value), -ERANGE);
	assert_int_equal(value_parse_size("17592186044416M", &value), -ERANGE);
	assert_int_equal(value_parse_duration("307445734561825861m", &value), -ERANGE);
	assert_int_equal(value_parse_percent("100.5%", 1000, &value), -ERANGE);
	assert_int_equal(value_parse_decimal("9999999999999999999", &seconds), -ERANGE);
	assert_int_equal(value_parse_uint("", &value), -EINVAL);
	assert_int_equal(value_parse_uint("\xd9\xa3", &value), -EINVAL);
	assert_int_equal(value_parse_size("K", &value), -EINVAL);
	assert_int_equal(value_parse_decimal(".5", &seconds), -EINVAL);
	assert_int_equal(value, 42);
	assert_true(seconds == 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fallbacks_fill_every_field),
		cmocka_unit_test(a_word_stands_beside_the_numbers),
		cmocka_unit_test(a_share_of_too_little_memory_is_the_least_value),
		cmocka_unit_test(a_path_given_twice_is_the_last),
		cmocka_unit_test(a_refused_value_leaves_the_field_alone),
		cmocka_unit_test(every_formatted_value_reads_back),
		cmocka_unit_test(help_shows_the_word_the_values_and_the_default),
		cmocka_unit_test(distance_counts_edits_and_swaps),
		cmocka_unit_test(values_that_do_not_fit_are_a_range_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
