#include "fs/control/report.h"

#include "backends/backend_stats.h"
#include "cache/flush/flusher.h"
#include "cache/trail/trail.h"
#include "fs/control/json.h"
#include "fs/control/latency.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MIB (1024.0 * 1024.0)

static const struct report_fact no_facts[] = {{NULL}};

static const struct report_fact *first_fact(const struct report *report)
{
	return report->facts ? report->facts : no_facts;
}

static void counter_to_text(void *out, const char *name, uint64_t value, const char *help)
{
	g_string_append_printf(out, "%-22s %16" PRIu64 "  %s\n", name, value, help);
}

static void counter_to_json(void *out, const char *name, uint64_t value, const char *help)
{
	(void)help;
	json_uint(out, name, value);
}

/* In ISO 8601, UTC. */
static void format_time(time_t time, char text[32])
{
	struct tm tm;

	if (!gmtime_r(&time, &tm) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		text[0] = '\0';
}

static void dirty_to_text(const struct flusher_stats *flusher, GString *out)
{
	uint64_t dirty, writeback;

	g_string_append_printf(out, "%-14s ", "dirty");
	if (!flusher) {
		g_string_append(
			out, "not known: mounted without dirty_expire, dirty_background and dirty_max\n");
		return;
	}
	dirty = atomic_load(&flusher->dirty_bytes);
	writeback = atomic_load(&flusher->writeback_bytes);
	g_string_append_printf(out, "%.1f MiB", (double)dirty / MIB);
	if (dirty)
		g_string_append_printf(
			out, ", the oldest for %.1f s", (double)atomic_load(&flusher->oldest_ms) / 1000);
	if (writeback)
		g_string_append_printf(out, "; %.1f MiB being written back", (double)writeback / MIB);
	g_string_append_c(out, '\n');
}

/* The figures that are asked for most often. */
static void headline_to_text(const struct report *report, GString *out)
{
	const struct stats_mount *mount = &report->stats->mount;
	uint64_t hits = stats_counted(&mount->hits), lookups = hits + stats_counted(&mount->misses);

	dirty_to_text(report->flusher, out);
	g_string_append_printf(out, "%-14s ", "hit_ratio");
	if (lookups)
		g_string_append_printf(out, "%.1f %%, %" PRIu64 " of %" PRIu64,
			100.0 * (double)hits / (double)lookups, hits, lookups);
	else
		g_string_append(out, "none, 0 of 0");
	g_string_append(out, " opens of files that may be cached\n");
	g_string_append_printf(out, "%-14s %.1f of %.1f MiB, %" PRIu64 " files\n\n", "budget",
		(double)stats_counted(&mount->object_bytes) / MIB,
		(double)stats_counted(&mount->budget_bytes) / MIB, stats_counted(&mount->objects));
}

void report_to_text(const struct report *report, GString *out)
{
	g_autofree char *options = options_to_string(report->options);
	char start_time[32];

	headline_to_text(report, out);
	format_time(report->start_time, start_time);
	g_string_append_printf(out, "%-14s %s\n", "version", SIEVEFS_VERSION);
	g_string_append_printf(out, "%-14s %d\n", "pid", (int)report->pid);
	g_string_append_printf(out, "%-14s %s\n", "start_time", start_time);
	g_string_append_printf(out, "%-14s %" PRIu64 " s\n", "uptime", report->uptime_s);
	g_string_append_printf(out, "%-14s %s\n", "source", report->options->source);
	g_string_append_printf(out, "%-14s %s\n", "mountpoint", report->options->mountpoint);
	for (const struct report_fact *fact = first_fact(report); fact->name; fact++)
		g_string_append_printf(out, "%-14s %s\n", fact->name, fact->value);
	g_string_append_printf(out, "%-14s %s\n\n", "options", options);
	stats_to_text(report->stats, out);
	if (report->direct) {
		g_string_append(out, "\nI/O engine of the lane direct\n");
		backend_stats_each(report->direct, counter_to_text, out);
	}
	if (report->trail) {
		g_string_append(out, "\ntrail of large files\n");
		trail_stats_each(report->trail, counter_to_text, out);
	}
	if (report->flusher) {
		g_string_append(out, "\ndirty data, by the mount's own thresholds\n");
		flusher_stats_each(report->flusher, counter_to_text, out);
	}
	if (report->latency) {
		g_string_append_c(out, '\n');
		latency_to_text(report->latency, out);
	}
}

/* Numbers if the unit is plain (bytes, counts, seconds), else text as -o takes it. */
static void option_to_json(const struct option_row *row, const struct options *options, GString *out)
{
	const void *field = (const char *)options + row->offset;
	g_autoptr(GString) words = g_string_new(NULL);

	if (option_is_word(row, options)) {
		json_string(out, row->name, row->word);
		return;
	}
	switch (row->type) {
	case OPTION_SIZE:
		json_uint(out, row->name, *(const uint64_t *)field);
		break;
	case OPTION_UINT:
		json_uint(out, row->name, *(const unsigned int *)field);
		break;
	case OPTION_SECONDS:
		json_double(out, row->name, *(const double *)field);
		break;
	default:
		option_format(row, options, words);
		json_string(out, row->name, words->str);
	}
}

static void options_to_json(const struct options *options, GString *out)
{
	const struct option_table *table = options_table();

	json_begin_object(out, "options");
	for (size_t i = 0; i < table->row_count; i++)
		option_to_json(&table->rows[i], options, out);
	json_end_object(out);
}

void report_to_json(const struct report *report, GString *out)
{
	char start_time[32];

	format_time(report->start_time, start_time);
	json_begin_object(out, NULL);
	json_string(out, "version", SIEVEFS_VERSION);
	json_uint(out, "pid", (uint64_t)report->pid);
	json_string(out, "start_time", start_time);
	json_uint(out, "uptime", report->uptime_s);
	json_string(out, "source", report->options->source);
	json_string(out, "mountpoint", report->options->mountpoint);
	for (const struct report_fact *fact = first_fact(report); fact->name; fact++)
		json_string(out, fact->name, fact->value);
	options_to_json(report->options, out);
	stats_to_json(report->stats, out);
	if (report->direct) {
		json_begin_object(out, "direct");
		backend_stats_each(report->direct, counter_to_json, out);
		json_end_object(out);
	}
	if (report->trail) {
		json_begin_object(out, "trail");
		trail_stats_each(report->trail, counter_to_json, out);
		json_end_object(out);
	}
	if (report->flusher) {
		json_begin_object(out, "dirty");
		flusher_stats_each(report->flusher, counter_to_json, out);
		json_end_object(out);
	}
	if (report->latency)
		latency_to_json(report->latency, out);
	json_end_object(out);
	g_string_append_c(out, '\n');
}

int report_stat(const struct report *report, int argc, char *const *argv, GString *out)
{
	if (argc == 1) {
		report_to_text(report, out);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--json") == 0) {
		report_to_json(report, out);
		return 0;
	}
	g_string_append_printf(out, "stat %s: takes --json or no arguments", argv[argc - 1]);
	return -EINVAL;
}
