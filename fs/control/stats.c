#include "fs/control/stats.h"

#include "fs/control/json.h"

#include <inttypes.h>

void stats_each(const struct stats *stats, stats_visit *each, void *context)
{
#define COUNTER(name, help) each(context, #name, stats_counted(&stats->mount.name), help);
#define FIGURE(name, help, from) COUNTER(name, help)
	STATS(COUNTER, FIGURE)
#undef COUNTER
#undef FIGURE
}

void stats_lane_each(const struct stats *stats, enum lane lane, stats_visit *each, void *context)
{
	const struct stats_lane *counters = &stats->lanes[lane].of;

#define COUNTER(name, help) each(context, #name, stats_counted(&counters->name), help);
	STATS_LANE(COUNTER)
#undef COUNTER
}

static void append_name(void *out, const char *name, uint64_t value, const char *help)
{
	(void)value;
	(void)help;
	g_string_append_printf(out, " %16s", name);
}

static void append_value(void *out, const char *name, uint64_t value, const char *help)
{
	(void)name;
	(void)help;
	g_string_append_printf(out, " %16" PRIu64, value);
}

static void append_lane_table(const struct stats *stats, GString *out)
{
	g_string_append_printf(out, "%-14s", "lane");
	stats_lane_each(stats, 0, append_name, out);
	g_string_append_c(out, '\n');
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		g_string_append_printf(out, "%-14s", lane_names[lane]);
		stats_lane_each(stats, lane, append_value, out);
		g_string_append_c(out, '\n');
	}
}

static void append_line(void *out, const char *name, uint64_t value, const char *help)
{
	g_string_append_printf(out, "%-14s %16" PRIu64 "  %s\n", name, value, help);
}

void stats_to_text(const struct stats *stats, GString *out)
{
	append_lane_table(stats, out);
	g_string_append_c(out, '\n');
	stats_each(stats, append_line, out);
}

static void append_member(void *out, const char *name, uint64_t value, const char *help)
{
	(void)help;
	json_uint(out, name, value);
}

void stats_to_json(const struct stats *stats, GString *out)
{
	json_begin_object(out, "lanes");
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		json_begin_object(out, lane_names[lane]);
		stats_lane_each(stats, lane, append_member, out);
		json_end_object(out);
	}
	json_end_object(out);
	json_begin_object(out, "cache");
	stats_each(stats, append_member, out);
	json_end_object(out);
}
