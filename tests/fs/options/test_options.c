/* The command line as a user types it: every row's values, every refusal and its words. */
#include "cache/policy/evict.h"
#include "fs/options/generic_options.h"
#include "fs/options/options.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define GIB (1ull << 30)

/* Reads "sievefs -o LIST SOURCE MOUNTPOINT", LIST NULL: without -o. */
static int read_list(struct options *options, const char *list, char **error)
{
	char program[] = "sievefs", flag[] = "-o", source[] = "/src", mountpoint[] = "/mnt";
	g_autofree char *text = g_strdup(list);
	char *with[] = {program, flag, text, source, mountpoint, NULL};
	char *without[] = {program, source, mountpoint, NULL};

	*error = NULL;
	options_init(options);
	return list ? options_read(options, 5, with, GIB, error)
		    : options_read(options, 3, without, GIB, error);
}

/* Reads a whole command line, split at blanks. */
static int read_line(struct options *options, const char *line, char **error)
{
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	/* getopt reorders the array, so that the strings are freed through a copy of it. */
	g_autofree char **view = g_memdup2(argv, sizeof(*argv) * (g_strv_length(argv) + 1));

	*error = NULL;
	options_init(options);
	return options_read(options, g_strv_length(argv), view, GIB, error);
}

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
		{"admit=0"},
		{"admit=1"},
		{"admit=15"},
		{"settle=0", "settle=0s"},
		{"settle=500ms"},
		{"settle=90", "settle=90s"},
		{"settle=120s", "settle=2m"},
		{"settle=24h"},
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
		{"max_read=4K"},
		{"max_read=1M"},
		{"passthrough=auto"},
		{"passthrough=on"},
		{"passthrough=off"},
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
		"large=stream,stream_after=256K,stream_gap=128K,direct_readahead=8M,direct_depth=8,direct_"
		"memory=64M,write=around,coherence="
		"open,locks=shared,"
		"attr_timeout=1,entry_timeout=1,negative_timeout=0,transport=auto,uring_depth=0,max_read="
		"256K,"
		"passthrough="
		"auto,"
		"log=info",
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
	{"rules", "rules: takes a path"},
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
	{"evict=fifo", "evict=fifo: takes EVICT"},
	{"evict", "evict: takes EVICT"},
	{"mid=cached", "mid=cached: takes plain or direct"},
	{"large=Direct", "large=Direct: takes stream, direct or plain"},
	{"direct_readahead=2G", "direct_readahead=2G: takes bytes with K, M, G or T, at most 64M"},
	{"direct_depth=0", "direct_depth=0: takes a whole number, 1 to 64"},
	{"direct_depth=65", "direct_depth=65: takes a whole number, 1 to 64"},
	{"stream_after=2G", "stream_after=2G: takes bytes with K, M, G or T, at most 1G"},
	{"stream_gap=far", "stream_gap=far: takes bytes with K, M, G or T"},
	{"direct_memory=1K", "direct_memory=1K: takes bytes with K, M, G or T, or % of memory, 1M or more"},
	{"write=back", "write=back: takes around"},
	{"coherence=none", "coherence=none: takes open or exclusive"},
	{"locks=none", "locks=none: takes shared or local"},
	{"store=tmpfs", "store=tmpfs: takes auto, pin or copy"},
	{"attr_timeout=1s", "attr_timeout=1s: takes seconds"},
	{"attr_timeout=inf", "attr_timeout=inf: takes seconds"},
	{"attr_timeout=1e3", "attr_timeout=1e3: takes seconds"},
	{"attr_timeout=1.", "attr_timeout=1.: takes seconds"},
	{"attr_timeout=1000000001", "attr_timeout=1000000001: takes seconds, at most 1000000000"},
	{"entry_timeout=-1", "entry_timeout=-1: takes seconds"},
	{"negative_timeout=", "negative_timeout=: takes seconds"},
	{"transport=io_uring", "transport=io_uring: takes auto, uring or dev"},
	{"uring_depth=1025", "uring_depth=1025: takes a whole number, at most 1024"},
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
	{"coherence=exclusive,locks=shared",
		"locks=shared and coherence=exclusive: locks=shared takes coherence=open, with exclusive "
		"there is nobody to share them with"},
	/* the first bad word of a list is the one named */
	{"ro,admit=x,evict=y", "admit=x: takes a whole number"},
};

/* Of 1 GiB of memory. */
static void sizes_that_leave_nothing_get_a_warning(void **state)
{
	static const struct value_case cases[] = {
		{"cache_size=100%", "cache_size=1G and memory_floor=52428K: of the memory, 1G, less than an "
				    "eighth is left: the cache will be kept smaller"},
		{"memory_floor=99%", "memory_floor=1038088K"},
		{"cache_size=90%,memory_floor=0",
			"less than an eighth is left, and the cache gives none back"},
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
		{"sievefs /a /b /c", "/c: one operand too many behind SOURCE and MOUNTPOINT"},
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

static void operands_and_flags_may_come_in_any_order(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(read_line(&options, "sievefs /a -fo admit=1 /b -o evict=lru", &error), 0);
	assert_string_equal(options.source, "/a");
	assert_string_equal(options.mountpoint, "/b");
	assert_true(options.foreground);
	assert_int_equal(options.admit, 1);
	options_deinit(&options);
}

static void last_word_wins(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(read_line(&options, "sievefs -o ro,admit=1,admit=7 -o rw,admit=3 /a /b", &error), 0);
	assert_int_equal(options.admit, 3);
	assert_int_equal(options.generic_flags & GENERIC_RO, 0);
	assert_string_equal(options.kernel_options->str, "ro,rw");
	options_deinit(&options);
}

static void generic_options_are_sorted_by_who_takes_them(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(
		read_list(&options,
			"rw,noauto,_netdev,x-systemd.automount,X-mount.mkdir=0755,nofail,user,user=joe,"
			"defaults,"
			",comment=a\\,b,relatime,nonempty,dev,suid,nosuid,noatime,dirsync,allow_other,"
			"default_permissions,fsname=my\\,disk\\\\x,x-systemd.requires=/srv",
			&error),
		0);
	assert_string_equal(options.kernel_options->str,
		"rw,dev,suid,nosuid,noatime,dirsync,allow_other,default_permissions,fsname=my\\,disk\\\\x");
	assert_true(options_has_generic(&options, "allow_other"));
	assert_false(options_has_generic(&options, "allow"));
	assert_int_equal(options.generic_flags & GENERIC_RO, 0);
	options_deinit(&options);
	assert_int_equal(read_list(&options, "ro", &error), 0);
	assert_int_equal(options.generic_flags, GENERIC_RO);
	options_deinit(&options);
	assert_int_equal(read_list(&options, "sync,dirsync,noatime", &error), 0);
	assert_int_equal(options.generic_flags, GENERIC_SYNC | GENERIC_DIRSYNC | GENERIC_NOATIME);
	options_deinit(&options);
	assert_int_equal(read_list(&options, "ro,dirsync,sync,nodiratime,async,rw,relatime", &error), 0);
	assert_int_equal(options.generic_flags, GENERIC_DIRSYNC | GENERIC_NODIRATIME);
	options_deinit(&options);
}

static void help_and_version_ask_for_nothing_else(void **state)
{
	static const struct {
		const char *line;
		enum options_action action;
	} cases[] = {
		{"sievefs -h", OPTIONS_HELP},
		{"sievefs --help -x", OPTIONS_HELP},
		{"sievefs -V", OPTIONS_VERSION},
		{"sievefs --version", OPTIONS_VERSION},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *error = NULL;
		struct options options;

		assert_int_equal(read_line(&options, cases[i].line, &error), 0);
		assert_int_equal(options.action, cases[i].action);
		options_deinit(&options);
	}
}

static void debug_stays_in_the_foreground_and_logs_all(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(read_line(&options, "sievefs -d -o log=error /a /b", &error), 0);
	assert_true(options.foreground);
	assert_int_equal(options.log, LOG_LEVEL_DEBUG);
	options_deinit(&options);
}

static void mount_helpers_flags_are_understood(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(
		read_line(&options,
			"/sbin/mount.fuse.sievefs /a /b -nsv -t fuse.sievefs -o rw,noexec,admit=1", &error),
		0);
	assert_int_equal(options.action, OPTIONS_MOUNT);
	assert_false(options.foreground);
	assert_int_equal(options.admit, 1);
	options_deinit(&options);
	assert_int_equal(read_line(&options, "/sbin/mount.fuse.sievefs /a /b -f", &error), 0);
	assert_int_equal(options.action, OPTIONS_CHECK);
	assert_false(options.foreground);
	options_deinit(&options);
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

/* Runs options_parse() on a command line and gives its error line, NULL where there was none. */
static char *parse_words(struct options *options, const char *const *words)
{
	g_auto(GStrv) argv = g_strdupv((char **)words);
	/* getopt reorders the array, so that the strings are freed through a copy of it. */
	g_autofree char **view = g_memdup2(argv, sizeof(*argv) * (g_strv_length(argv) + 1));
	char *error = NULL;
	int r;

	options_init(options);
	r = options_parse(options, g_strv_length(argv), view, &error);
	assert_int_equal(r, error ? -EINVAL : 0);
	return error;
}

static char *parse_operands(struct options *options, const char *source, const char *mountpoint)
{
	const char *const words[] = {"sievefs", source, mountpoint, NULL};

	return parse_words(options, words);
}

static char *parse_rules(struct options *options, const char *directory, const char *rules)
{
	g_autofree char *list = g_strconcat("rules=", rules, NULL);
	const char *const words[] = {"sievefs", "-o", list, "/", directory, NULL};

	return parse_words(options, words);
}

static void operands_must_be_directories(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(dir, "file", NULL);
	g_autofree char *none = g_build_filename(dir, "none", NULL);
	g_autofree char *link = g_build_filename(dir, "link", NULL);
	const char *const pairs[][2] = {{none, dir}, {file, dir}, {dir, none}, {dir, file}};
	char *expected[] = {
		g_strdup_printf("SOURCE %s: No such file or directory", none),
		g_strdup_printf("SOURCE %s: takes a directory", file),
		g_strdup_printf("MOUNTPOINT %s: No such file or directory", none),
		g_strdup_printf("MOUNTPOINT %s: takes a directory", file),
	};
	struct options options;

	assert_true(g_file_set_contents(file, "", 0, NULL));
	assert_int_equal(symlink(".", link), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		g_autofree char *error = parse_operands(&options, pairs[i][0], pairs[i][1]);

		assert_string_equal(error, expected[i]);
		options_deinit(&options);
		g_free(expected[i]);
		expected[i] = NULL;
	}
	assert_null(parse_operands(&options, link, dir));
	assert_string_equal(options.source, options.mountpoint);
	options_deinit(&options);
	g_unlink(file);
	g_unlink(link);
	g_rmdir(dir);
}

static void rules_must_be_a_file_outside_the_mount(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *none = g_build_filename(dir, "none", NULL);
	g_autofree char *inside = g_build_filename(dir, "inside", NULL);
	const char *const rules[] = {none, dir, "/dev/null", inside};
	char *expected[] = {
		g_strdup_printf("rules=%s: No such file or directory", none),
		g_strdup_printf("rules=%s: takes a regular file", dir),
		g_strdup("rules=/dev/null: takes a regular file"),
		g_strdup_printf("rules=%s: takes a file outside MOUNTPOINT %s", inside, dir),
	};
	struct options options;

	assert_true(g_file_set_contents(inside, "", 0, NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		g_autofree char *error = parse_rules(&options, dir, rules[i]);

		assert_string_equal(error, expected[i]);
		options_deinit(&options);
		g_free(expected[i]);
		expected[i] = NULL;
	}
	g_unlink(inside);
	g_rmdir(dir);
}

/* DIR/a.rules lies beside MOUNTPOINT DIR/a, not in it. */
static void rules_may_lie_beside_a_mount_point_of_a_like_name(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *mountpoint = g_build_filename(dir, "a", NULL);
	g_autofree char *beside = g_build_filename(dir, "a.rules", NULL);
	g_autofree char *inside = g_build_filename(mountpoint, "rules", NULL);
	g_autofree char *refused =
		g_strdup_printf("rules=%s: takes a file outside MOUNTPOINT %s", inside, mountpoint);
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(g_mkdir(mountpoint, 0700), 0);
	assert_true(g_file_set_contents(beside, "", 0, NULL));
	assert_true(g_file_set_contents(inside, "", 0, NULL));
	assert_null(parse_rules(&options, mountpoint, beside));
	options_deinit(&options);
	error = parse_rules(&options, mountpoint, inside);
	assert_string_equal(error, refused);
	options_deinit(&options);
	g_unlink(inside);
	g_unlink(beside);
	g_rmdir(mountpoint);
	g_rmdir(dir);
}

/* The daemon leaves its working directory; a link stays one, for it may be switched before a reload. */
static void rules_become_an_absolute_path(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *mountpoint = g_build_filename(dir, "mnt", NULL);
	g_autofree char *link = g_build_filename(dir, "link", NULL);
	g_autofree char *file = g_build_filename(dir, "file", NULL);
	g_autofree char *old = g_get_current_dir();
	struct options options;

	assert_int_equal(g_mkdir(mountpoint, 0700), 0);
	assert_true(g_file_set_contents(file, "", 0, NULL));
	assert_int_equal(symlink("file", link), 0);
	assert_int_equal(chdir(dir), 0);
	assert_null(parse_rules(&options, mountpoint, "link"));
	assert_string_equal(options.rules, link);
	options_deinit(&options);
	assert_null(parse_rules(&options, mountpoint, file));
	assert_string_equal(options.rules, file);
	options_deinit(&options);
	assert_int_equal(chdir(old), 0);
	g_unlink(link);
	g_unlink(file);
	g_rmdir(mountpoint);
	g_rmdir(dir);
}

/* root may enter any directory: so another user tries. */
static void a_source_that_may_not_be_entered_is_refused(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *expected = g_strdup_printf("SOURCE %s: Permission denied", dir);
	int status;
	pid_t child;

	assert_int_equal(g_chmod(dir, geteuid() ? 0400 : 0700), 0);
	child = fork();
	if (child == 0) {
		struct options options;
		char *error;

		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		error = parse_operands(&options, dir, "/");
		_exit(g_strcmp0(error, expected) ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	g_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_takes_its_values),
		cmocka_unit_test(every_row_has_a_line_in_the_help),
		cmocka_unit_test(defaults_are_the_documented_ones),
		cmocka_unit_test(printed_options_read_back_as_themselves),
		cmocka_unit_test(sizes_that_leave_nothing_get_a_warning),
		cmocka_unit_test(each_bad_value_gets_a_line_that_names_it),
		cmocka_unit_test(every_row_has_a_bad_value_above),
		cmocka_unit_test(bad_command_lines_get_a_line_that_names_the_word),
		cmocka_unit_test(operands_and_flags_may_come_in_any_order),
		cmocka_unit_test(last_word_wins),
		cmocka_unit_test(generic_options_are_sorted_by_who_takes_them),
		cmocka_unit_test(help_and_version_ask_for_nothing_else),
		cmocka_unit_test(debug_stays_in_the_foreground_and_logs_all),
		cmocka_unit_test(mount_helpers_flags_are_understood),
		cmocka_unit_test(exclusive_lengthens_the_timeouts_not_given),
		cmocka_unit_test(little_memory_still_gives_a_usable_default),
		cmocka_unit_test(streams_take_an_eighth_of_little_memory),
		cmocka_unit_test(operands_must_be_directories),
		cmocka_unit_test(rules_must_be_a_file_outside_the_mount),
		cmocka_unit_test(rules_may_lie_beside_a_mount_point_of_a_like_name),
		cmocka_unit_test(rules_become_an_absolute_path),
		cmocka_unit_test(a_source_that_may_not_be_entered_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
