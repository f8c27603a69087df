#include "backends/backend_stats.h"
#include "cache/flush/flusher.h"
#include "cache/trail/trail.h"
#include "fs/control/openmetrics.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNTERS_OF(type) (sizeof(type) / sizeof(atomic_uint_least64_t))
#define MOUNTPOINT "/mnt/\"a\\b\nc\xff"

/* A mount whose counters all differ, from 100000 on. */
struct mount {
	struct options options;
	struct stats stats;
	struct backend_stats direct;
	struct trail_stats trail;
	struct flusher_stats flusher;
	struct report report;
	uint64_t next;
};

static void fill(struct mount *mount, void *counters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		atomic_store((atomic_uint_least64_t *)counters + i, mount->next++);
}

static void make_mount(struct mount *mount)
{
	*mount = (struct mount){.next = 100000};
	mount->options.mountpoint = (char *)MOUNTPOINT;
	mount->report = (struct report){
		.options = &mount->options,
		.stats = &mount->stats,
		.direct = &mount->direct,
		.trail = &mount->trail,
		.flusher = &mount->flusher,
		.start_time = 1764399600,
	};
	for (int lane = 0; lane < LANE_COUNT; lane++)
		fill(mount, &mount->stats.lanes[lane].of, COUNTERS_OF(struct stats_lane));
	fill(mount, &mount->stats.mount, COUNTERS_OF(struct stats_mount));
	fill(mount, &mount->direct, COUNTERS_OF(struct backend_stats));
	fill(mount, &mount->trail, COUNTERS_OF(struct trail_stats));
	fill(mount, &mount->flusher, COUNTERS_OF(struct flusher_stats));
}

static char **render(const struct report *report)
{
	g_autoptr(GString) out = g_string_new(NULL);

	report_to_openmetrics(report, out);
	return g_strsplit(out->str, "\n", -1);
}

static int count_ending(char **lines, const char *end)
{
	int found = 0;

	for (; *lines; lines++)
		found += g_str_has_suffix(*lines, end);
	return found;
}

static void every_counter_has_one_sample(void **state)
{
	struct mount mount;
	g_auto(GStrv) lines = NULL;

	make_mount(&mount);
	lines = render(&mount.report);
	for (uint64_t value = 100000; value < mount.next; value++) {
		g_autofree char *plain = g_strdup_printf(" %" PRIu64, value);
		g_autofree char *ms = g_strdup_printf(" %" PRIu64 ".%03d", value / 1000, (int)(value % 1000));
		bool is_ms = value == atomic_load(&mount.flusher.throttled_ms) ||
			     value == atomic_load(&mount.flusher.oldest_ms);

		assert_int_equal(count_ending(lines, plain), !is_ms);
		assert_int_equal(count_ending(lines, ms), is_ms);
	}
}

static void each_value_has_its_name_and_labels(void **state)
{
	static const char *const metrics[] = {"sievefs_opens_total{lane=\"cached-write\"} 1",
		"sievefs_cache_lookups_total{result=\"hit\"} 2", "sievefs_cache_bytes 3",
		"sievefs_direct_read_bytes_total 4", "sievefs_trail_files 5", "sievefs_dirty_bytes 6",
		"sievefs_dirty_throttled_seconds_total 1234.005",
		"sievefs_cache_fill_failures_total{reason=\"no_room\"} 18446744073709551615",
		"sievefs_start_time_seconds 1764399600"};
	struct mount mount;
	g_auto(GStrv) lines = NULL;

	make_mount(&mount);
	stats_set(&mount.stats.lanes[LANE_CACHED_WRITE].of.opens, 1);
	stats_set(&mount.stats.mount.hits, 2);
	stats_set(&mount.stats.mount.object_bytes, 3);
	stats_set(&mount.stats.mount.no_room, UINT64_MAX);
	atomic_store(&mount.direct.read_bytes, 4);
	atomic_store(&mount.trail.files, 5);
	atomic_store(&mount.flusher.dirty_bytes, 6);
	atomic_store(&mount.flusher.throttled_ms, 1234005);
	lines = render(&mount.report);
	for (size_t i = 0; i < G_N_ELEMENTS(metrics); i++) {
		if (!g_strv_contains((const char *const *)lines, metrics[i]))
			fail_msg("lacks %s", metrics[i]);
	}
}

/* The line that its family starts with. */
static char *family_of(const char *series)
{
	g_autofree char *name = g_strndup(series, strcspn(series, "{ "));
	static const char *const suffixes[][2] = {{"_total", "counter"}, {"_info", "info"}};

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		if (g_str_has_suffix(name, suffixes[i][0]))
			return g_strdup_printf("# TYPE %.*s %s", (int)(strlen(name) - strlen(suffixes[i][0])),
				name, suffixes[i][1]);
	}
	return g_strdup_printf("# TYPE %s gauge", name);
}

static void families_are_whole_and_series_unique(void **state)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const char *type = "";
	struct mount mount;
	g_auto(GStrv) lines = NULL;
	size_t count;

	make_mount(&mount);
	lines = render(&mount.report);
	count = g_strv_length(lines);
	assert_string_equal(lines[count - 2], "# EOF");
	assert_string_equal(lines[count - 1], "");
	for (size_t i = 0; i < count - 2; i++) {
		if (g_str_has_prefix(lines[i], "# TYPE ")) {
			type = lines[i];
			assert_true(g_hash_table_add(seen, g_strndup(type, strrchr(type, ' ') - type)));
		} else if (lines[i][0] != '#') {
			g_autofree char *family = family_of(lines[i]);

			assert_string_equal(family, type);
			assert_true(g_hash_table_add(
				seen, g_strndup(lines[i], strrchr(lines[i], ' ') - lines[i])));
		}
	}
}

static void units_are_what_names_end_with(void **state)
{
	struct mount mount;
	g_auto(GStrv) lines = NULL;

	make_mount(&mount);
	lines = render(&mount.report);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", 4);
		g_autofree char *unit = NULL;
		const char *end;

		if (!g_str_has_prefix(*line, "# TYPE "))
			continue;
		end = strrchr(words[2], '_') + 1;
		unit = g_strdup_printf("# UNIT %s %s", words[2], end);
		assert_int_equal(g_strv_contains((const char *const *)lines, unit),
			strcmp(end, "bytes") == 0 || strcmp(end, "seconds") == 0);
	}
}

static void only_the_info_names_a_path_and_escapes_it(void **state)
{
	struct mount mount;
	g_auto(GStrv) lines = NULL;

	make_mount(&mount);
	lines = render(&mount.report);
	assert_true(g_strv_contains((const char *const *)lines,
		"sievefs_build_info{version=\"" SIEVEFS_VERSION
		"\",mountpoint=\"/mnt/\\\"a\\\\b\\nc\xef\xbf\xbd\"} 1"));
	for (char **line = lines; *line; line++) {
		if ((*line)[0] != '#' && !g_str_has_prefix(*line, "sievefs_build_info{"))
			assert_null(strchr(*line, '/'));
	}
}

static void what_a_mount_lacks_is_left_out(void **state)
{
	struct mount mount;
	g_auto(GStrv) lines = NULL;

	make_mount(&mount);
	mount.report.direct = NULL;
	mount.report.trail = NULL;
	mount.report.flusher = NULL;
	lines = render(&mount.report);
	for (char **line = lines; *line; line++) {
		assert_null(strstr(*line, "sievefs_direct_"));
		assert_null(strstr(*line, "sievefs_trail_"));
		assert_null(strstr(*line, "sievefs_dirty_"));
	}
}

static void the_verb_takes_nothing(void **state)
{
	char *const argv[] = {(char *)"metrics", (char *)"--json", NULL};
	g_autoptr(GString) out = g_string_new(NULL);
	struct mount mount;

	make_mount(&mount);
	assert_int_equal(report_metrics(&mount.report, 2, argv, out), -EINVAL);
	assert_string_equal(out->str, "metrics: takes no arguments");
	g_string_truncate(out, 0);
	assert_int_equal(report_metrics(&mount.report, 1, argv, out), 0);
	assert_true(g_str_has_suffix(out->str, "\n# EOF\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_counter_has_one_sample),
		cmocka_unit_test(each_value_has_its_name_and_labels),
		cmocka_unit_test(families_are_whole_and_series_unique),
		cmocka_unit_test(units_are_what_names_end_with),
		cmocka_unit_test(only_the_info_names_a_path_and_escapes_it),
		cmocka_unit_test(what_a_mount_lacks_is_left_out),
		cmocka_unit_test(the_verb_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
