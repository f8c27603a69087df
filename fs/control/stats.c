#include "fs/control/stats.h"

#include "fs/control/json.h"

#include <inttypes.h>

struct counter_row {
	const char *name;
	const char *unit;
	const char *help;
};

static const char *const traffic_names[STATS_TRAFFIC_COUNT] = {
	[STATS_OPENS] = "opens",
	[STATS_READS] = "reads",
	[STATS_READ_BYTES] = "read_bytes",
	[STATS_WRITES] = "writes",
	[STATS_WRITE_BYTES] = "write_bytes",
};

/* clang-format off: a table reads by its columns */
static const struct counter_row counter_rows[STATS_COUNTER_COUNT] = {
	[STATS_HITS] = {"hits", "opens", "answered from the cache"},
	[STATS_MISSES] = {"misses", "opens", "of files that may be cached and were not"},
	[STATS_STALE] = {"stale", "opens", "that found a copy of an older version"},
	[STATS_REFRESHES] = {"refreshes", "files", "brought in again since they had changed"},
	[STATS_FILLS] = {"fills", "files", "brought into the cache"},
	[STATS_FILL_BYTES] = {"fill_bytes", "bytes", "brought into the cache"},
	[STATS_FILL_FAILURES] = {"fill_failures", "files", "not cached since bringing them in failed"},
	[STATS_SHORT_MEMORY] = {"short_memory", "files", "not cached since memory was below memory_floor"},
	[STATS_FILL_RACES] = {"fill_races", "files", "not cached since they changed meanwhile"},
	[STATS_NO_ROOM] = {"no_room", "files", "not cached since nothing could leave for them"},
	[STATS_EVICTIONS] = {"evictions", "files", "that left to make room"},
	[STATS_EXAMINED] = {"examined", "files", "looked at to find those"},
	[STATS_MOST_EXAMINED] = {"most_examined", "files", "looked at for a single one of them, at most"},
	[STATS_FROZEN] = {"frozen", "files", "that grew too far while open: served from the backing file"},
	[STATS_FALLBACKS] = {"fallbacks", "opens", "that the kernel did not let pass through"},
	[STATS_WRITEBACK_FAILURES] = {"writeback_failures", "times",
		"that what a mapping of a copy stored could not be written to the file"},
	[STATS_KEEPER_DEATHS] = {"keeper_deaths", "processes", "that held pinned pages and died"},
	[STATS_FOREIGN] = {"foreign", "files",
		"not pinned since the pages are charged to others who use them"},
	[STATS_OBJECTS] = {"objects", "files", "in the cache now"},
	[STATS_OBJECT_BYTES] = {"object_bytes", "bytes", "that they take now"},
	[STATS_BUDGET_BYTES] = {"budget_bytes", "bytes", "that they may take"},
	[STATS_RESERVED_BYTES] = {"reserved_bytes", "bytes", "set aside for files that are being brought in"},
	[STATS_GROWN_BYTES] = {"grown_bytes", "bytes", "by which open files outgrew what they came in with"},
	[STATS_POLICY_BYTES] = {"policy_bytes", "bytes", "of the policy's own: queues and ghost list"},
	[STATS_STORE_DESCRIPTORS] = {"store_descriptors", "descriptors",
		"that cached files hold: one each where no tmpfs may be mounted"},
	[STATS_MAPPED_OBJECTS] = {"mapped_objects", "files", "kept since somebody maps them"},
	[STATS_PARKED_OBJECTS] = {"parked_objects", "files", "passed over by eviction since they are open"},
	[STATS_KEPT_BYTES] = {"pinned_bytes", "bytes", "of files that rules pin"},
	[STATS_GHOSTS] = {"ghosts", "files", "not cached that are remembered from an open"},
	[STATS_KEEPERS] = {"keepers", "processes", "that hold pinned pages"},
	[STATS_LOCKED_BYTES] = {"locked_bytes", "bytes", "of pages that they hold"},
	[STATS_INODES] = {"inodes", "files", "known to the daemon now, cached or not"},
	[STATS_INODE_BYTES] = {"inode_bytes", "bytes", "that knowing them takes"},
};
/* clang-format on */

const char *stats_traffic_name(enum stats_traffic kind)
{
	return traffic_names[kind];
}

const char *stats_counter_name(enum stats_counter counter)
{
	return counter_rows[counter].name;
}

const char *stats_counter_help(enum stats_counter counter)
{
	return counter_rows[counter].help;
}

static void append_lane_table(const struct stats *stats, GString *out)
{
	g_string_append_printf(out, "%-14s", "lane");
	for (int kind = 0; kind < STATS_TRAFFIC_COUNT; kind++)
		g_string_append_printf(out, " %16s", traffic_names[kind]);
	g_string_append_c(out, '\n');
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		g_string_append_printf(out, "%-14s", lane_names[lane]);
		for (int kind = 0; kind < STATS_TRAFFIC_COUNT; kind++)
			g_string_append_printf(out, " %16" PRIu64, stats_traffic(stats, lane, kind));
		g_string_append_c(out, '\n');
	}
}

void stats_to_text(const struct stats *stats, GString *out)
{
	append_lane_table(stats, out);
	g_string_append_c(out, '\n');
	for (int i = 0; i < STATS_COUNTER_COUNT; i++) {
		const struct counter_row *row = &counter_rows[i];

		g_string_append_printf(out, "%-14s %16" PRIu64 "  %s %s\n", row->name, stats_get(stats, i),
			row->unit, row->help);
	}
}

void stats_to_json(const struct stats *stats, GString *out)
{
	json_begin_object(out, "lanes");
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		json_begin_object(out, lane_names[lane]);
		for (int kind = 0; kind < STATS_TRAFFIC_COUNT; kind++)
			json_uint(out, traffic_names[kind], stats_traffic(stats, lane, kind));
		json_end_object(out);
	}
	json_end_object(out);
	json_begin_object(out, "cache");
	for (int i = 0; i < STATS_COUNTER_COUNT; i++)
		json_uint(out, counter_rows[i].name, stats_get(stats, i));
	json_end_object(out);
}
