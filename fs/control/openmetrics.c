#include "fs/control/openmetrics.h"

#include "backends/backend_stats.h"
#include "cache/flush/flusher.h"
#include "cache/trail/trail.h"
#include "fs/control/latency.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PREFIX "sievefs_"

/* How a counter of a list is shown. The suffix of the name gives the type and unit. */
struct metric {
	const char *name;  /* without the prefix; several counters of one list may share it */
	const char *label; /* distinguishes counters that share a name; else NULL */
	const char *help;  /* NULL: the help of the list */
};

/* clang-format off */
/*
 * One metric for each counter, named LIST_COUNTER, as the macros in collect() expect. Counters share a name
 * if their sum has a meaning.
 */
static const struct metric
	lane_opens = {"opens_total", NULL, "files opened, by lane"},
	lane_reads = {"reads_total", NULL, "read requests that the daemon saw, by lane"},
	lane_read_bytes = {"read_bytes_total", NULL, "bytes that those reads returned, by lane"},
	lane_writes = {"writes_total", NULL, "write requests that the daemon saw, by lane"},
	lane_write_bytes = {"write_bytes_total", NULL, "bytes that those wrote, by lane"};

#define LOOKUPS "cache_lookups_total"
#define LOOKUPS_HELP "opens of files that may be cached, by result"
#define NOT_CACHED "cache_fill_failures_total"
#define NOT_CACHED_HELP "files not brought into the cache, by reason"

static const struct metric
	cache_hits = {LOOKUPS, "result=\"hit\"", LOOKUPS_HELP},
	cache_unasked = {"cache_unasked_total", NULL, "hits that did not check SOURCE (revalidate)"},
	cache_misses = {LOOKUPS, "result=\"miss\"", LOOKUPS_HELP},
	cache_stale = {"cache_stale_total"},
	cache_refreshes = {"cache_refreshes_total"},
	cache_fills = {"cache_fills_total"},
	cache_fill_bytes = {"cache_fill_bytes_total"},
	cache_fill_failures = {NOT_CACHED, "reason=\"failed\"", NOT_CACHED_HELP},
	cache_fill_races = {NOT_CACHED, "reason=\"changed\"", NOT_CACHED_HELP},
	cache_short_memory = {NOT_CACHED, "reason=\"short_memory\"", NOT_CACHED_HELP},
	cache_no_room = {NOT_CACHED, "reason=\"no_room\"", NOT_CACHED_HELP},
	cache_foreign = {NOT_CACHED, "reason=\"foreign\"", NOT_CACHED_HELP},
	cache_evictions = {"cache_evictions_total"},
	cache_examined = {"cache_eviction_examined_total", NULL, "files examined to find those to evict"},
	cache_most_examined = {"cache_eviction_examined_max", NULL, "files examined for one eviction, at most"},
	cache_frozen = {"cache_frozen_total"},
	cache_fallbacks = {"passthrough_refused_total"},
	cache_writeback_failures = {"mapping_writeback_failures_total"},
	cache_keeper_deaths = {"keeper_deaths_total"},
	cache_queue_returns = {"queue_returns_total"},
	cache_objects = {"cache_objects"},
	cache_object_bytes = {"cache_bytes", NULL, "bytes that the files in the cache take"},
	cache_budget_bytes = {"cache_budget_bytes", NULL, "bytes that the files in the cache may take"},
	cache_reserved_bytes = {"cache_reserved_bytes"},
	cache_grown_bytes = {"cache_grown_bytes"},
	cache_policy_bytes = {"cache_policy_bytes"},
	cache_store_descriptors = {"cache_descriptors"},
	cache_mapped_objects = {"cache_mapped_objects"},
	cache_parked_objects = {"cache_parked_objects"},
	cache_pinned_bytes = {"cache_pinned_bytes"},
	cache_ghosts = {"cache_ghosts"},
	cache_keepers = {"keepers"},
	cache_locked_bytes = {"keeper_locked_bytes", NULL, "bytes of pages that keepers hold"},
	cache_idle_queues = {"idle_queues"},
	cache_inodes = {"inodes"},
	cache_inode_bytes = {"inode_bytes", NULL, "bytes of memory that inodes take"};

#define FROM "direct_source_reads_total"
#define FROM_HELP "reads of the lane direct, by source; one read may have several"
#define FROM_BYTES "direct_source_bytes_total"
#define FROM_BYTES_HELP "bytes that the lane direct read, by source; not counted for bounce"
#define READAHEAD "direct_readahead_outcome_bytes_total"
#define READAHEAD_HELP "bytes read ahead and no longer buffered, by outcome"
#define TO "direct_target_writes_total"
#define TO_HELP "writes of the lane direct, by target; one write may have several"

static const struct metric
	direct_opens = {"direct_opens_total"},
	direct_reads = {"direct_reads_total"},
	direct_read_bytes = {"direct_read_bytes_total"},
	direct_resident_reads = {FROM, "source=\"resident\"", FROM_HELP},
	direct_resident_bytes = {FROM_BYTES, "source=\"resident\"", FROM_BYTES_HELP},
	direct_straight_reads = {FROM, "source=\"straight\"", FROM_HELP},
	direct_straight_bytes = {FROM_BYTES, "source=\"straight\"", FROM_BYTES_HELP},
	direct_bounce_reads = {FROM, "source=\"bounce\"", FROM_HELP},
	direct_buffered_reads = {FROM, "source=\"buffered\"", FROM_HELP},
	direct_buffered_bytes = {FROM_BYTES, "source=\"buffered\"", FROM_BYTES_HELP},
	direct_readahead_bytes = {"direct_readahead_bytes_total"},
	direct_readahead_used_bytes = {READAHEAD, "outcome=\"used\"", READAHEAD_HELP},
	direct_readahead_wasted_bytes = {READAHEAD, "outcome=\"wasted\"", READAHEAD_HELP},
	direct_readahead_shared_bytes = {"direct_readahead_shared_bytes_total"},
	direct_readahead_stale = {"direct_readahead_stale_total"},
	direct_streams = {"direct_streams_total"},
	direct_window_opened = {"direct_stream_choices_total", "choice=\"window\"", "choices of streams"},
	direct_window_shut = {"direct_stream_choices_total", "choice=\"straight\"", "choices of streams"},
	direct_writes = {"direct_writes_total"},
	direct_write_bytes = {"direct_write_bytes_total"},
	direct_direct_writes = {TO, "target=\"device\"", TO_HELP},
	direct_direct_write_bytes = {"direct_device_write_bytes_total", NULL, "bytes written around the page cache"},
	direct_buffered_writes = {TO, "target=\"page_cache\"", TO_HELP},
	direct_window_writes = {"direct_window_writes_total", NULL,
		"large writes through the page cache that could have gone around it"},
	direct_write_memory = {"direct_unwritten_bytes"},
	direct_dropped_bytes = {"direct_dropped_bytes_total"},
	direct_fallback_files = {"direct_fallback_files_total"},
	direct_fallback_requests = {"direct_fallback_requests_total"},
	direct_retries = {"direct_retries_total"},
	direct_errors = {"direct_errors_total"},
	direct_memory = {"direct_buffer_bytes"},
	direct_memory_max = {"direct_buffer_limit_bytes", NULL, "bytes of buffers that may be in use"},
	direct_memory_refused = {"direct_buffers_refused_total"};

static const struct metric
	trail_opens = {"trail_opens_total"},
	trail_refused = {"trail_refused_total"},
	trail_looks = {"trail_looks_total"},
	trail_searches = {"trail_searches_total", NULL, "times that pages were looked for, since they were too many"},
	trail_dropped_bytes = {"trail_dropped_bytes_total"},
	trail_stuck_bytes = {"trail_stuck_bytes_total"},
	trail_kept_bytes = {"trail_kept_bytes_total"},
	trail_written_bytes = {"trail_written_bytes_total"},
	trail_excesses = {"trail_excesses_total", NULL,
		"times that write streams exceeded their bound in the page cache"},
	trail_replaced = {"trail_threads_replaced_total"},
	trail_staying = {"trail_staying_files"},
	trail_staying_bytes = {"trail_staying_bytes", NULL, "bytes that files that stay may take"},
	trail_files = {"trail_files"},
	trail_resting = {"trail_resting_files", NULL, "trailed files that are idle"},
	trail_streams = {"trail_streams"},
	trail_resident_bytes = {"trail_resident_bytes"},
	trail_most_resident_bytes = {"trail_resident_max_bytes", NULL,
		"most bytes that streams had in the page cache at a time"},
	trail_tail_bytes = {"trail_tail_bytes"},
	trail_most_tail_bytes = {"trail_tail_max_bytes", NULL,
		"most bytes that write streams had in the page cache at a time"},
	trail_unwritten_bytes = {"trail_unwritten_bytes", NULL,
		"bytes of write streams that the disk does not have yet"};

static const struct metric
	dirty_looks = {"dirty_looks_total"},
	dirty_started_bytes = {"dirty_started_bytes_total"},
	dirty_spared_bytes = {"dirty_spared_bytes_total"},
	dirty_failures = {"dirty_failures_total"},
	dirty_throttled = {"dirty_throttled_total"},
	dirty_throttled_ms = {"dirty_throttled_seconds_total", NULL, "seconds that writers waited for dirty_max"},
	dirty_refused = {"dirty_refused_total"},
	dirty_files = {"dirty_files"},
	dirty_dirty_bytes = {"dirty_bytes"},
	dirty_writeback_bytes = {"dirty_writeback_bytes"},
	dirty_oldest_ms = {"dirty_oldest_seconds", NULL, "seconds since the oldest dirty page may have been written"};
/* clang-format on */

struct sample {
	const struct metric *metric;
	const char *lane; /* NULL: not counted by lane */
	const char *help;
	uint64_t value;
	bool is_ms;
};

static void add(GArray *samples, const struct metric *metric, const char *lane, const char *counter,
	const char *help, uint64_t value)
{
	const struct sample sample = {
		metric, lane, metric->help ? metric->help : help, value, g_str_has_suffix(counter, "_ms")};

	g_array_append_val(samples, sample);
}

static void collect_lanes(GArray *samples, const struct stats *stats)
{
	for (int lane = 0; lane < LANE_COUNT; lane++) {
#define COUNTER(name, help) \
	add(samples, &lane_##name, lane_names[lane], #name, help, stats_counted(&stats->lanes[lane].of.name));
		STATS_LANE(COUNTER)
#undef COUNTER
	}
}

static void collect(GArray *samples, const struct report *report)
{
	collect_lanes(samples, report->stats);
#define COUNTER(name, help) \
	add(samples, &cache_##name, NULL, #name, help, stats_counted(&report->stats->mount.name));
#define FIGURE(name, help, from) COUNTER(name, help)
	STATS(COUNTER, FIGURE)
#undef COUNTER
#undef FIGURE
#define COUNTER(name, help) \
	add(samples, &direct_##name, NULL, #name, help, backend_counted(&report->direct->name));
	if (report->direct) {
		BACKEND_STATS(COUNTER)
	}
#undef COUNTER
#define COUNTER(name, help) add(samples, &trail_##name, NULL, #name, help, atomic_load(&report->trail->name));
	if (report->trail) {
		TRAIL_STATS(COUNTER)
	}
#undef COUNTER
#define COUNTER(name, help) \
	add(samples, &dirty_##name, NULL, #name, help, atomic_load(&report->flusher->name));
	if (report->flusher) {
		FLUSHER_STATS(COUNTER)
	}
#undef COUNTER
}

/* Appends @text quoted for OpenMetrics, which is UTF-8 and has no other escapes. */
static void append_escaped(GString *out, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	for (const char *c = valid; *c; c++) {
		if (*c == '\n') {
			g_string_append(out, "\\n");
			continue;
		}
		if (*c == '"' || *c == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *c);
	}
}

static void append_help(GString *out, const char *family, const char *help)
{
	g_string_append_printf(out, "# HELP " PREFIX "%s ", family);
	append_escaped(out, help);
	g_string_append_c(out, '\n');
}

/* Appends the header of a metric's samples. The family is the name without the suffix of the type. */
static void append_family(GString *out, const char *name, const char *help)
{
	bool counts = g_str_has_suffix(name, "_total");
	g_autofree char *family = g_strndup(name, strlen(name) - (counts ? strlen("_total") : 0));
	const char *type = counts ? "counter" : "gauge";

	g_string_append_printf(out, "# TYPE " PREFIX "%s %s\n", family, type);
	if (g_str_has_suffix(family, "_bytes"))
		g_string_append_printf(out, "# UNIT " PREFIX "%s bytes\n", family);
	else if (g_str_has_suffix(family, "_seconds"))
		g_string_append_printf(out, "# UNIT " PREFIX "%s seconds\n", family);
	append_help(out, family, help);
}

static void append_sample(GString *out, const struct sample *sample)
{
	g_string_append_printf(out, PREFIX "%s", sample->metric->name);
	if (sample->lane)
		g_string_append_printf(out, "{lane=\"%s\"}", sample->lane);
	else if (sample->metric->label)
		g_string_append_printf(out, "{%s}", sample->metric->label);
	if (sample->is_ms)
		g_string_append_printf(
			out, " %" PRIu64 ".%03u\n", sample->value / 1000, (unsigned)(sample->value % 1000));
	else
		g_string_append_printf(out, " %" PRIu64 "\n", sample->value);
}

/* The format requires that the samples of one metric follow each other, but the lists may mix metrics. */
static void append_samples(GString *out, const GArray *samples)
{
	g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < samples->len; i++) {
		const struct sample *first = &g_array_index(samples, struct sample, i);
		const char *name = first->metric->name;

		if (!g_hash_table_add(done, (void *)name))
			continue;
		append_family(out, name, first->help);
		for (guint j = i; j < samples->len; j++) {
			const struct sample *sample = &g_array_index(samples, struct sample, j);

			if (strcmp(sample->metric->name, name) == 0)
				append_sample(out, sample);
		}
	}
}

/* The only metric with a path: as a label of the others, it would give each mount series of its own. */
static void append_info(const struct report *report, GString *out)
{
	g_string_append(out, "# TYPE " PREFIX "build info\n");
	append_help(out, "build", "version of the daemon, and where it is mounted");
	g_string_append(out, PREFIX "build_info{version=\"");
	append_escaped(out, SIEVEFS_VERSION);
	g_string_append(out, "\",mountpoint=\"");
	append_escaped(out, report->options->mountpoint);
	g_string_append(out, "\"} 1\n");
}

void report_to_openmetrics(const struct report *report, GString *out)
{
	g_autoptr(GArray) samples = g_array_new(FALSE, FALSE, sizeof(struct sample));

	append_info(report, out);
	append_family(out, "start_time_seconds", "when the daemon started, seconds since 1970");
	g_string_append_printf(out, PREFIX "start_time_seconds %" PRId64 "\n", (int64_t)report->start_time);
	collect(samples, report);
	append_samples(out, samples);
	if (report->latency)
		latency_to_openmetrics(report->latency, out);
	g_string_append(out, "# EOF\n");
}

int report_metrics(const struct report *report, int argc, char *const *argv, GString *out)
{
	if (argc != 1) {
		g_string_append_printf(out, "%s: takes no arguments", argv[0]);
		return -EINVAL;
	}
	report_to_openmetrics(report, out);
	return 0;
}
