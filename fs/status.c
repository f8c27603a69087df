#include "fs/status.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/backend.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/flush/flusher.h"
#include "cache/store/keeper.h"
#include "cache/store/store_copy.h"
#include "cache/store/store_pin.h"
#include "cache/trail/trail.h"
#include "fs/advice.h"
#include "fs/cached.h"
#include "fs/control/openmetrics.h"
#include "fs/control/report.h"
#include "fs/control/tap.h"
#include "fs/copy.h"
#include "fs/hottest.h"
#include "fs/large.h"
#include "fs/observe.h"
#include "fs/queues.h"
#include "fs/server.h"
#include "fs/settings.h"

/* Figures that other modules keep. */
struct status_figures {
	struct cache_figures cache;
	struct queues_figures queues;
	uint64_t keepers, locked_bytes, pinned_bytes, inodes, inode_bytes;
};

static void read_figures(struct server *server, struct status_figures *figures)
{
	struct store *store = cache_store(server->cache);
	struct keepers_figures keepers = {0};

	cache_read_figures(server->cache, &figures->cache);
	if (store_is_the_file(store))
		store_pin_figures(store, &keepers);
	queues_read_figures(server->queues, &figures->queues);
	figures->keepers = keepers.keepers;
	figures->locked_bytes = keepers.pages * KEEPER_PAGE;
	figures->pinned_bytes = server->kept_bytes;
	figures->inodes = tree_inode_count(server->tree);
	figures->inode_bytes = tree_bytes(server->tree);
}

static void collect(struct server *server)
{
	struct stats_mount *stats = &server->stats.mount;
	struct status_figures figures;

	read_figures(server, &figures);
#define COUNTER(name, help)
#define FIGURE(name, help, from) stats_set(&stats->name, figures.from);
	STATS(COUNTER, FIGURE)
#undef COUNTER
#undef FIGURE
}

static void sum_up_dirty(const struct flusher_stats *stats, struct mount_answer *answer)
{
	answer->knows_dirty = 1;
	answer->dirty_files = stats->files;
	answer->dirty_bytes = stats->dirty_bytes;
	answer->writeback_bytes = stats->writeback_bytes;
	answer->oldest_ms = stats->oldest_ms;
	answer->failures = stats->failures;
}

void status_sum_up(struct server *server, struct mount_answer *answer)
{
	const struct stats_mount *stats = &server->stats.mount;

	collect(server);
	*answer = (struct mount_answer){
		.start_time = (uint64_t)server->start_time,
		.hits = stats_counted(&stats->hits),
		.misses = stats_counted(&stats->misses),
		.fills = stats_counted(&stats->fills),
		.evictions = stats_counted(&stats->evictions),
		.cached_files = stats_counted(&stats->objects),
		.cached_bytes = stats_counted(&stats->object_bytes),
		.budget_bytes = stats_counted(&stats->budget_bytes),
		.pinned_bytes = stats_counted(&stats->pinned_bytes),
	};
	for (enum lane lane = 0; lane < LANE_COUNT; lane++)
		answer->opens += stats_counted(&server->stats.lanes[lane].of.opens);
	if (server->flusher)
		sum_up_dirty(flusher_stats(server->flusher), answer);
}

const char *status_store_name(struct server *server)
{
	if (server->pins)
		return "page cache";
	return store_copy_mount_error(cache_store(server->cache)) ? "memfd" : "tmpfs";
}

/* options: room for the options in force, which the report borrows. The caller fills in the facts. */
static void read_report(struct server *server, struct options *options, struct report *report)
{
	settings_read(server, options);
	collect(server);
	*report = (struct report){
		.options = options,
		.stats = &server->stats,
		.direct = backend_stats(server->backend),
		.trail = server->trail ? trail_stats(server->trail) : NULL,
		.flusher = server->flusher ? flusher_stats(server->flusher) : NULL,
		.latency = observe_latency(server->observer),
		.pid = getpid(),
		.start_time = server->start_time,
		.uptime_s = (uint64_t)(clock_now_us() - server->started_us) / G_USEC_PER_SEC,
	};
}

static int answer_stat(void *context, int argc, char *const *argv, GString *reply)
{
	struct server *server = context;
	struct options options;
	g_autoptr(GString) large_why = large_read_why(server);
	g_autoptr(GString) write_why = large_write_why(server);
	const struct report_fact facts[] = {
		{"transport_used", server->uring ? "uring" : "dev"},
		{"transport_why", server->transport_why},
		{"store_used", store_name(cache_store(server->cache))},
		{"store_why", server->store_why},
		{"large_used", lane_names[server->limits.large]},
		{"large_why", large_why->str},
		{"large_write_used", lane_names[server->limits.large_write]},
		{"large_write_why", write_why->str},
		{"passthrough_used", server->passthrough ? "on" : "off"},
		{"handles", tree_has_handles(server->tree) ? "yes" : "no"},
		{"engine", backend_engine_name(server->backend)},
		{"store_memory", status_store_name(server)},
		{NULL, NULL},
	};
	struct report report;

	read_report(server, &options, &report);
	report.facts = facts;
	return report_stat(&report, argc, argv, reply);
}

void status_metrics(struct server *server, GString *out)
{
	struct options options;
	struct report report;

	read_report(server, &options, &report);
	report_to_openmetrics(&report, out);
}

static int answer_metrics(void *context, int argc, char *const *argv, GString *reply)
{
	struct options options;
	struct report report;

	read_report(context, &options, &report);
	return report_metrics(&report, argc, argv, reply);
}

int status_reload(struct server *server, GString *reply)
{
	g_autofree char *error = NULL;
	int r = live_rules_load(&server->live_rules, server->options.rules, &error);

	if (r < 0) {
		g_string_append(reply, error);
		return r;
	}
	cached_unkeep_all(server);
	copy_forget_answers(server);
	g_string_append_printf(reply, "%u rules in force\n", live_rules_count(&server->live_rules));
	return 0;
}

static int answer_reload(void *context, int argc, char *const *argv, GString *reply)
{
	struct server *server = context;

	(void)argv;
	if (argc != 1 || !server->options.rules) {
		g_string_append(reply,
			argc != 1 ? "reload: takes no arguments" : "reload: mounted without rules=FILE");
		return -EINVAL;
	}
	return status_reload(server, reply);
}

/* Replies "FILES BYTES": what is left of the flush. Without --left the request starts a flush. */
static int answer_flush(void *context, int argc, char *const *argv, GString *reply)
{
	struct server *server = context;
	bool starts = argc == 1;
	struct flusher_left left;

	if (argc > 2 || (!starts && strcmp(argv[1], "--left") != 0)) {
		g_string_append(reply, "flush: takes --left or no arguments");
		return -EINVAL;
	}
	if (!server->flusher) {
		g_string_append(reply,
			"flush: the mount has none of dirty_expire, dirty_background and dirty_max, "
			"so the daemon does not know what is dirty");
		return -EINVAL;
	}
	if (starts)
		flusher_flush(server->flusher);
	flusher_left(server->flusher, &left);
	g_string_append_printf(reply, "%" PRIu64 " %" PRIu64 "\n", left.files, left.bytes);
	return 0;
}

struct names {
	struct server *server;
	GString *lines;
	uint64_t nameless;
};

static void append_name(struct inode *inode, void *context)
{
	struct names *names = context;
	struct server *server = names->server;
	g_autofree char *escaped = NULL;
	char path[PATH_MAX];

	if (!tree_path(server->tree, server->options.source, inode, path)) {
		names->nameless++;
		return;
	}
	escaped = g_strescape(path, NULL);
	g_string_append_printf(names->lines, "%s\n", escaped);
}

/* Replies "PARTS NAMELESS" and the paths of the cached files in one part: there may be a million in all, and
 * the request occupies a queue thread. */
static int answer_ls(void *context, int argc, char *const *argv, GString *reply)
{
	struct names names = {.server = context, .lines = g_string_new(NULL)};
	char *end = NULL;
	unsigned long part = argc == 2 ? strtoul(argv[1], &end, 10) : TREE_SLICES;

	if (part >= TREE_SLICES || *end) {
		g_string_free(names.lines, TRUE);
		g_string_append_printf(reply, "ls: takes the number of a part, 0 to %d", TREE_SLICES - 1);
		return -EINVAL;
	}
	tree_each_slice(names.server->tree, (unsigned)part, append_name, &names);
	g_string_append_printf(reply, "%d %" PRIu64 "\n%s", TREE_SLICES, names.nameless, names.lines->str);
	g_string_free(names.lines, TRUE);
	return 0;
}

/* Evicts all files that are neither in use nor exempt from eviction. */
static int answer_evict(void *context, int argc, char *const *argv, GString *reply)
{
	struct server *server = context;

	(void)argv;
	if (argc != 1) {
		g_string_append(reply, "evict: takes no arguments");
		return -EINVAL;
	}
	g_string_append_printf(reply, "%" PRIu64 " files evicted\n", cache_empty(server->cache));
	return 0;
}

static int listen_to(struct server *server, enum tap_kind kind, GString *reply, struct tap **tap)
{
	int r = tap_open(observe_taps(server->observer), kind, tap);

	if (r == -EBUSY)
		g_string_append(reply, kind == TAP_TRACE ? "trace: another one is being recorded"
							 : "accesslog: too many readers already");
	else if (r < 0)
		g_string_append(reply, strerror(-r));
	return r;
}

static int listen_to_accesses(void *context, GString *reply, struct tap **tap)
{
	return listen_to(context, TAP_ACCESS, reply, tap);
}

static int listen_to_opens(void *context, GString *reply, struct tap **tap)
{
	return listen_to(context, TAP_TRACE, reply, tap);
}

/* Replies "RECORDERS RECORDS LOST": listeners that have not closed yet, records queued for them, records
 * lost. */
static int answer_trace_stop(void *context, int argc, char *const *argv, GString *reply)
{
	struct server *server = context;
	struct tap_figures figures;

	if (argc != 1) {
		g_string_append_printf(reply, "%s: takes no arguments", argv[0]);
		return -EINVAL;
	}
	taps_end(observe_taps(server->observer), TAP_TRACE, &figures);
	g_string_append_printf(
		reply, "%u %" PRIu64 " %" PRIu64 "\n", figures.listeners, figures.pushed, figures.lost);
	return 0;
}

const struct control_verb status_verbs[] = {
	{"stat", false, answer_stat},
	{"metrics", false, answer_metrics},
	{"reload", true, answer_reload},
	{"flush", true, answer_flush},
	{"evict", true, answer_evict},
	{"ls", true, answer_ls},
	{"hottest", true, hottest_answer},
	{"get", false, settings_get},
	{"set", true, settings_set},
	{"sample", true, advice_sample},
	{"accesslog", true, .listen = listen_to_accesses},
	{"trace", true, .listen = listen_to_opens},
	{"trace_stop", true, answer_trace_stop},
	{NULL, false, NULL},
};
