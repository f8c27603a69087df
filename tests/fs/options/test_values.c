/* What each option takes, what it is without a word, and how it is shown. */
#include "cache/policy/evict.h"
#include "tests/fs/options/read.h"

#include <string.h>

struct value_case {
	const char *given;
	const char *shown; /* part of options_to_string(); NULL: @given itself */
};

static void each_row_takes_its_values(void **state)
{
	static const struct value_case cases[] = {
		{"cache_size=1M", "cache_size=1M,cache_min=0,memory_floor=52428K,small_max=128K"},
		{"cache_size=3g", "cache_size=3G"},
		{"cache_size=1073741825"},
		{"cache_size=2048K", "cache_size=2M"},
		{"cache_size=25%", "cache_size=256M"},
		{"cache_size=0.5%", "cache_size=5240K"},
		{"cache_size=100%", "cache_size=1G"},
		{"cache_size=16777215T"},
		{"cache_min=0"},
		{"cache_min=64M"},
		{"cache_min=5%", "cache_min=52428K"},
		{"cache_size=32M,cache_min=32M"},
		{"small_max=32M,cache_size=256M",
			"cache_size=256M,cache_min=0,memory_floor=52428K,small_max=32M,large_min=32M"},
		{"memory_floor=0"},
		{"memory_floor=0%", "memory_floor=0"},
		{"memory_floor=2G"},
		{"memory_floor=50%", "memory_floor=512M"},
		{"rules=/etc/rules"},
		{"rules=a rule.ini"},
		{"rules=a\\,b\\\\c"},
		{"small_max=1"},
		{"small_max=64K"},
		{"large_min=1M"},
		{"large_min=1T"},
		{"dirty_expire=30s"},
		{"dirty_expire=1500ms,dirty_writeback=1m"},
		{"dirty_background=10%", "dirty_background=104856K"},
		{"dirty_max=64M,dirty_background=64M", "dirty_background=64M,dirty_max=64M"},
		{"dirty_max=kernel", "dirty_background=kernel,dirty_max=kernel"},
		{"admit=0"},
		{"admit=1"},
		{"admit=15"},
		{"settle=0", "settle=0s"},
		{"settle=500ms"},
		{"settle=90", "settle=90s"},
		{"settle=120s", "settle=2m"},
		{"settle=24h"},
		{"revalidate=0", "revalidate=0s"},
		{"revalidate=500ms"},
		{"revalidate=8784h"},
		{"evict=lru"},
		{"evict=sieve"},
		{"mid=plain"},
		{"mid=direct"},
		{"large=stream"},
		{"large=direct"},
		{"large=plain"},
		{"direct_readahead=0"},
		{"direct_readahead=64M"},
		{"direct_depth=1"},
		{"direct_depth=64"},
		{"stream_after=1M"},
		{"stream_gap=0"},
		{"stream_window=2M"},
		{"large_keep=0"},
		{"large_keep=50%", "large_keep=512M"},
		{"direct_memory=8M"},
		{"direct_memory=4M", "direct_readahead=4M,direct_depth=8,direct_memory=4M"},
		{"direct_memory=50%", "direct_memory=512M"},
		{"write=around"},
		{"coherence=open"},
		{"coherence=exclusive"},
		{"locks=shared"},
		{"locks=local"},
		{"coherence=exclusive", "coherence=exclusive,locks=local"},
		{"locks=local,coherence=exclusive", "coherence=exclusive,locks=local"},
		{"attr_timeout=0.25"},
		{"attr_timeout=1000000000"},
		{"entry_timeout=0"},
		{"negative_timeout=12.5"},
		{"transport=auto"},
		{"transport=uring"},
		{"transport=dev"},
		{"uring_depth=0"},
		{"uring_depth=1024"},
		{"queue_class=auto"},
		{"queue_class=normal"},
		{"max_read=4K"},
		{"max_read=1M"},
		{"passthrough=auto"},
		{"passthrough=on"},
		{"passthrough=off"},
		{"xattr=on"},
		{"xattr=off"},
		{"sandbox=on"},
		{"sandbox=off"},
		{"log=error"},
		{"log=warning"},
		{"log=info"},
		{"log=debug"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *expected =
			g_strdup_printf(",%s,", cases[i].shown ? cases[i].shown : cases[i].given);
		g_autofree char *error = NULL, *shown = NULL, *fenced = NULL;
		struct options options;

		assert_int_equal(read_list(&options, cases[i].given, &error), 0);
		shown = options_to_string(&options);
		fenced = g_strdup_printf(",%s,", shown);
		if (!strstr(fenced, expected))
			fail_msg("%s shows as %s", cases[i].given, shown);
		options_deinit(&options);
	}
}

/* Of an item of the help: a further line of it is indented more than its first. */
static size_t item_length(const char *item)
{
	const char *end = strchr(item, '\n');

	while (g_str_has_prefix(end, "\n   "))
		end = strchr(end + 1, '\n');
	return end - item;
}

static void every_row_has_a_line_in_the_help(void **state)
{
	g_autofree char *help = options_help();
	const struct option_table *table = options_table();

	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];
		g_autofree char *word = g_strdup_printf("\n  %s=", row->name);
		const char *value = option_fallback(row);
		g_autofree char *fallback =
			value ? g_strdup_printf(" (default %s)", value) : g_strdup(row->help);
		char *line = strstr(help, word);

		if (!line)
			fail_msg("--help lacks %s", row->name);
		line = g_strndup(line + 1, item_length(line + 1));
		if (!strstr(line, fallback) || !strstr(line, row->help))
			fail_msg("--help of %s lacks its default or its words: %s", row->name, line);
		g_free(line);
	}
}

static void defaults_are_the_documented_ones(void **state)
{
	g_autofree char *expected = g_strdup_printf(
		"cache_size=104856K,cache_min=0,memory_floor=52428K,small_max=1M,large_min=32M,admit=2,"
		"store=auto,settle=2s,evict=%s,mid=plain,"
		"large=stream,large_write=auto,large_keep=104856K,stream_window=32M,stream_after=256K,stream_"
		"gap=128K,direct_"
		"readahead=8M,direct_"
		"depth=8,direct_"
		"memory=64M,write=around,dirty_expire=kernel,dirty_writeback=kernel,dirty_background=kernel,"
		"dirty_max="
		"kernel,"
		"revalidate=0s,coherence="
		"open,locks=shared,"
		"attr_timeout=1,entry_timeout=1,negative_timeout=auto,transport=auto,uring_depth=0,queue_"
		"class="
		"auto,max_read=256K,"
		"passthrough="
		"auto,"
		"xattr=on,sandbox=on,log=info",
		evict_policy_name(evict_catalogue[0]));
	g_autofree char *error = NULL, *shown = NULL;
	struct options options;

	assert_int_equal(read_list(&options, NULL, &error), 0);
	shown = options_to_string(&options);
	assert_string_equal(shown, expected);
	assert_string_equal(options.source, "/src");
	assert_string_equal(options.mountpoint, "/mnt");
	assert_int_equal(options.action, OPTIONS_MOUNT);
	assert_false(options.foreground);
	assert_string_equal(options.kernel_options->str, "");
	options_deinit(&options);
}

static void printed_options_read_back_as_themselves(void **state)
{
	g_autofree char *error = NULL, *first = NULL, *second = NULL;
	struct options options;

	assert_int_equal(
		read_list(&options, "settle=1500ms,cache_size=7%,attr_timeout=0.125,evict=lru,rules=/a\\,b",
			&error),
		0);
	first = options_to_string(&options);
	options_deinit(&options);
	assert_int_equal(read_list(&options, first, &error), 0);
	second = options_to_string(&options);
	options_deinit(&options);
	assert_string_equal(first, second);
}

static void exclusive_lengthens_the_timeouts_not_given(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(read_list(&options, "attr_timeout=3,coherence=exclusive", &error), 0);
	assert_true(options.attr_timeout_s == 3);
	assert_true(options.entry_timeout_s >= 1e9);
	assert_true(options.negative_timeout_s >= 1e9);
	options_deinit(&options);
}

static void little_memory_still_gives_a_usable_default(void **state)
{
	char program[] = "sievefs", source[] = "/a", mountpoint[] = "/b";
	char *argv[] = {program, source, mountpoint, NULL};
	char *error = NULL;
	struct options options;

	options_init(&options);
	assert_int_equal(options_read(&options, 3, argv, 4 << 20, &error), 0);
	assert_int_equal(options.cache_size, 1 << 20);
	options_deinit(&options);
}

static void streams_take_an_eighth_of_little_memory(void **state)
{
	static const struct {
		const char *asked;
		uint64_t memory_mib, streams_mib, readahead_mib;
	} table[] = {
		{"admit=1", 64, 8, 8},
		{"admit=1", 16, 2, 2},
		{"admit=1", 4, 1, 1},
		{"admit=1", 511, 63, 8},
		{"admit=1", 8192, 64, 8},
		{"admit=1", 0, 64, 8},
		{"direct_memory=32M", 64, 32, 8},
		{"direct_memory=128M", 8192, 128, 8},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		char program[] = "sievefs", o[] = "-o", source[] = "/a", mountpoint[] = "/b";
		g_autofree char *asked = g_strdup(table[i].asked);
		char *argv[] = {program, o, asked, source, mountpoint, NULL};
		char *error = NULL;
		struct options options;

		options_init(&options);
		assert_int_equal(options_read(&options, 5, argv, table[i].memory_mib << 20, &error), 0);
		assert_int_equal(options.direct_memory >> 20, table[i].streams_mib);
		assert_int_equal(options.direct_readahead >> 20, table[i].readahead_mib);
		options_deinit(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_takes_its_values),
		cmocka_unit_test(every_row_has_a_line_in_the_help),
		cmocka_unit_test(defaults_are_the_documented_ones),
		cmocka_unit_test(printed_options_read_back_as_themselves),
		cmocka_unit_test(exclusive_lengthens_the_timeouts_not_given),
		cmocka_unit_test(little_memory_still_gives_a_usable_default),
		cmocka_unit_test(streams_take_an_eighth_of_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
