/* Every refusal and warning, word for word. */
#include "cache/policy/evict.h"
#include "tests/fs/options/read.h"

#include <errno.h>
#include <string.h>

struct error_case {
	const char *given;
	const char *error;
};

static const struct error_case bad_lists[] = {
	{"cache_size=12Q", "cache_size=12Q: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size=", "cache_size=: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size", "cache_size: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size=-1", "cache_size=-1: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size=+1G", "cache_size=+1G: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size= 1G", "cache_size= 1G: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size=1GB", "cache_size=1GB: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size=0x10M", "cache_size=0x10M: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size=1.5.2%", "cache_size=1.5.2%: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size=%", "cache_size=%: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size=-5%", "cache_size=-5%: takes bytes with K, M, G or T, or % of memory"},
	{"cache_size=4K", "cache_size=4K: takes bytes with K, M, G or T, or % of memory, 1M or more"},
	{"cache_size=0%", "cache_size=0%: takes bytes with K, M, G or T, or % of memory, 1M or more"},
	{"cache_size=101%", "cache_size=101%: takes bytes with K, M, G or T, or % of memory, 1M or more"},
	{"cache_size=16777216T",
		"cache_size=16777216T: takes bytes with K, M, G or T, or % of memory, 1M or more"},
	{"cache_size=99999999999999999999",
		"cache_size=99999999999999999999: takes bytes with K, M, G or T, or % of memory, 1M or more"},
	{"cache_min=some", "cache_min=some: takes bytes with K, M, G or T, or % of memory"},
	{"memory_floor=101%", "memory_floor=101%: takes bytes with K, M, G or T, or % of memory"},
	{"memory_floor=", "memory_floor=: takes bytes with K, M, G or T, or % of memory"},
	{"rules=", "rules=: takes a path"},
	{"metrics=", "metrics=: takes unix:PATH, 127.0.0.1:PORT or [::1]:PORT"},
	{"rules", "rules: takes a path"},
	{"pins=", "pins=: takes a path"},
	{"small_max=5%", "small_max=5%: takes bytes with K, M, G or T"},
	{"small_max=0", "small_max=0: takes bytes with K, M, G or T, 1 or more"},
	{"large_min=big", "large_min=big: takes bytes with K, M, G or T"},
	{"large_min=0", "large_min=0: takes bytes with K, M, G or T, 1 or more"},
	{"admit=", "admit=: takes a whole number"},
	{"admit=two", "admit=two: takes a whole number"},
	{"admit=2.0", "admit=2.0: takes a whole number"},
	{"admit=-1", "admit=-1: takes a whole number"},
	{"admit=16", "admit=16: takes a whole number, at most 15"},
	{"admit=4294967298", "admit=4294967298: takes a whole number, at most 15"},
	{"settle=2d", "settle=2d: takes a time in ms, s, m or h"},
	{"settle=s", "settle=s: takes a time in ms, s, m or h"},
	{"settle=25h", "settle=25h: takes a time in ms, s, m or h, at most 24h"},
	{"settle=18446744073709551615h",
		"settle=18446744073709551615h: takes a time in ms, s, m or h, at most 24h"},
	{"revalidate=always", "revalidate=always: takes a time in ms, s, m or h"},
	{"revalidate=8785h", "revalidate=8785h: takes a time in ms, s, m or h, at most 8784h"},
	{"evict=fifo", "evict=fifo: takes EVICT"},
	{"evict", "evict: takes EVICT"},
	{"mid=cached", "mid=cached: takes plain or direct"},
	{"large=Direct", "large=Direct: takes stream, trail, direct or plain"},
	{"direct_readahead=2G", "direct_readahead=2G: takes bytes with K, M, G or T, at most 64M"},
	{"direct_depth=0", "direct_depth=0: takes a whole number, 1 to 64"},
	{"direct_depth=65", "direct_depth=65: takes a whole number, 1 to 64"},
	{"stream_after=2G", "stream_after=2G: takes bytes with K, M, G or T, at most 1G"},
	{"large_write=around", "large_write=around: takes auto, direct, trail, measured or plain"},
	{"large_keep=some", "large_keep=some: takes bytes with K, M, G or T, or % of memory"},
	{"stream_window=1M", "stream_window=1M: takes bytes with K, M, G or T, 2M to 1G"},
	{"stream_gap=far", "stream_gap=far: takes bytes with K, M, G or T"},
	{"direct_memory=1K", "direct_memory=1K: takes bytes with K, M, G or T, or % of memory, 1M or more"},
	{"write=back", "write=back: takes around or through"},
	{"dirty_expire=soon", "dirty_expire=soon: takes a time in ms, s, m or h, or kernel"},
	{"dirty_expire=0", "dirty_expire=0: takes a time in ms, s, m or h, or kernel, 100ms to 24h"},
	{"dirty_writeback=1ms", "dirty_writeback=1ms: takes a time in ms, s, m or h, or kernel, 10ms to 24h"},
	{"dirty_background=1K",
		"dirty_background=1K: takes bytes with K, M, G or T, or % of memory, or kernel, 1M or more"},
	{"dirty_max=200%",
		"dirty_max=200%: takes bytes with K, M, G or T, or % of memory, or kernel, 1M or more"},
	{"coherence=none", "coherence=none: takes open or exclusive"},
	{"locks=none", "locks=none: takes shared or local"},
	{"store=tmpfs", "store=tmpfs: takes auto, pin or copy"},
	{"attr_timeout=1s", "attr_timeout=1s: takes seconds"},
	{"attr_timeout=inf", "attr_timeout=inf: takes seconds"},
	{"attr_timeout=1e3", "attr_timeout=1e3: takes seconds"},
	{"attr_timeout=1.", "attr_timeout=1.: takes seconds"},
	{"attr_timeout=1000000001", "attr_timeout=1000000001: takes seconds, at most 1000000000"},
	{"entry_timeout=-1", "entry_timeout=-1: takes seconds"},
	{"negative_timeout=", "negative_timeout=: takes seconds, or auto"},
	{"transport=io_uring", "transport=io_uring: takes auto, uring or dev"},
	{"sandbox=yes", "sandbox=yes: takes on or off"},
	{"xattr=user", "xattr=user: takes on or off"},
	{"xattr", "xattr: takes on or off"},
	{"uring_depth=1025", "uring_depth=1025: takes a whole number, at most 1024"},
	{"queue_class=idle", "queue_class=idle: takes auto or normal"},
	{"max_read=2M", "max_read=2M: takes bytes with K, M, G or T, 4K to 1M"},
	{"max_read=512", "max_read=512: takes bytes with K, M, G or T, 4K to 1M"},
	{"passthrough=yes", "passthrough=yes: takes auto, on or off"},
	{"log=verbose", "log=verbose: takes error, warning, info or debug"},
	/* unknown words */
	{"cache_sise=1G", "cache_sise: unknown option, did you mean cache_size?"},
	{"evcit=lru", "evcit: unknown option, did you mean evict?"},
	{"pasthrough=on", "pasthrough: unknown option, did you mean passthrough?"},
	{"noauto,nosiud", "nosiud: unknown option, did you mean nosuid?"},
	{"big_writes", "big_writes: unknown option, sievefs -h lists them"},
	{"=3", ": unknown option, sievefs -h lists them"},
	{"ro=1", "ro=1: takes no value"},
	{"fsname", "fsname: takes a value, fsname=VALUE"},
	/* contradictions */
	{"small_max=64M",
		"small_max=64M and large_min=32M: small_max takes at most large_min, or a file would be both "
		"small and large"},
	{"cache_size=8M,small_max=2M",
		"small_max=2M and cache_size=8M: small_max takes at most an eighth of cache_size, since no "
		"file may take more of it"},
	{"cache_size=32M,cache_min=33M",
		"cache_min=33M and cache_size=32M: cache_min takes at most cache_size"},
	{"direct_readahead=8M,direct_memory=4M",
		"direct_readahead=8M and direct_memory=4M: direct_readahead takes at most direct_memory"},
	{"dirty_writeback=1s", "dirty_writeback: takes dirty_expire, dirty_background or dirty_max as well, "
			       "since it times their checks"},
	{"dirty_background=2G,dirty_max=1G",
		"dirty_background=2G and dirty_max=1G: dirty_background takes at most dirty_max, or writers "
		"would wait before writeback starts"},
	{"coherence=exclusive,locks=shared",
		"locks=shared and coherence=exclusive: locks=shared takes coherence=open: exclusive says "
		"that only the mount uses SOURCE"},
	/* the first bad word of a list is the one named */
	{"ro,admit=x,evict=y", "admit=x: takes a whole number"},
};

static void sizes_that_leave_nothing_get_a_warning(void **state)
{
	static const struct {
		const char *given;
		const char *shown; /* part of the warning; NULL: there is none */
	} cases[] = {
		{"cache_size=100%", "cache_size=1G and memory_floor=52428K leave less than an eighth of "
				    "the memory, 1G: the cache will be kept smaller"},
		{"memory_floor=99%", "memory_floor=1038088K"},
		{"cache_size=90%,memory_floor=0",
			"less than an eighth of the memory, 1G, and the cache never shrinks"},
		{"cache_size=16777215T", "cache_size=16777215T"},
		{"cache_size=50%,memory_floor=38%", "memory_floor=398456K"},
		{"cache_size=50%,memory_floor=37%", NULL},
		{"memory_floor=70%", NULL},
		{"cache_size=64M", NULL},
		{NULL, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *error = NULL;
		struct options options;

		assert_int_equal(read_list(&options, cases[i].given, &error), 0);
		if (!cases[i].shown != !options.warning ||
			(options.warning && !strstr(options.warning, cases[i].shown)))
			fail_msg("%s: the warning is %s", cases[i].given, options.warning);
		options_deinit(&options);
	}
}

static void assert_names_all_policies(const char *error)
{
	const char *takes = strstr(error, ": takes ");

	assert_non_null(takes);
	for (size_t i = 0; evict_catalogue[i]; i++)
		assert_non_null(strstr(takes, evict_policy_name(evict_catalogue[i])));
}

static void each_bad_value_gets_a_line_that_names_it(void **state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bad_lists); i++) {
		g_autofree char *error = NULL;
		struct options options;
		int r = read_list(&options, bad_lists[i].given, &error);

		if (r != -EINVAL)
			fail_msg("%s gave %d", bad_lists[i].given, r);
		if (g_str_has_suffix(bad_lists[i].error, "EVICT"))
			assert_names_all_policies(error);
		else
			assert_string_equal(error, bad_lists[i].error);
		options_deinit(&options);
	}
}

static void every_row_has_a_bad_value_above(void **state)
{
	const struct option_table *table = options_table();

	for (size_t i = 0; i < table->row_count; i++) {
		g_autofree char *start = g_strdup_printf("%s=", table->rows[i].name);
		bool found = false;

		for (size_t j = 0; j < G_N_ELEMENTS(bad_lists); j++)
			found |= g_str_has_prefix(bad_lists[j].error, start);
		if (!found)
			fail_msg("no bad value of %s is tried", table->rows[i].name);
	}
}

static void bad_command_lines_get_a_line_that_names_the_word(void **state)
{
	static const struct error_case cases[] = {
		{"sievefs", "SOURCE is missing: sievefs [-o OPT[=VALUE],...] SOURCE MOUNTPOINT"},
		{"sievefs /a", "MOUNTPOINT is missing: sievefs [-o OPT[=VALUE],...] SOURCE MOUNTPOINT"},
		{"sievefs /a /b /c", "/c: one operand too many after SOURCE and MOUNTPOINT"},
		{"sievefs  /b", "SOURCE is empty: takes a directory"},
		{"sievefs -x /a /b", "-x: unknown flag, sievefs -h lists them"},
		{"sievefs -s /a /b", "-s: unknown flag, sievefs -h lists them"},
		{"sievefs --fast /a /b", "--fast: unknown flag, sievefs -h lists them"},
		{"sievefs /a /b -o", "-o: takes a value"},
		{"mount.fuse.sievefs /a /b -d", "-d: unknown flag, sievefs -h lists them"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *error = NULL;
		struct options options;
		int r = read_line(&options, cases[i].given, &error);

		if (r != -EINVAL)
			fail_msg("%s gave %d", cases[i].given, r);
		assert_string_equal(error, cases[i].error);
		options_deinit(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_that_leave_nothing_get_a_warning),
		cmocka_unit_test(each_bad_value_gets_a_line_that_names_it),
		cmocka_unit_test(every_row_has_a_bad_value_above),
		cmocka_unit_test(bad_command_lines_get_a_line_that_names_the_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
