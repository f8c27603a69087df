#include "fs/status.h"

#include <errno.h>
#include <unistd.h>

#include "backends/backend.h"
#include "cache/base/clock.h"
#include "cache/store/keeper.h"
#include "cache/store/store_copy.h"
#include "cache/store/store_pin.h"
#include "fs/cached.h"
#include "fs/control/report.h"
#include "fs/copy.h"
#include "fs/server.h"

/* Brings in what other modules count. */
static void collect(struct server *server)
{
	struct stats *stats = &server->stats;
	struct cache_figures f;

	cache_read_figures(server->cache, &f);
	stats_set(stats, STATS_FILLS, f.fills);
	stats_set(stats, STATS_FILL_BYTES, f.fill_bytes);
	stats_set(stats, STATS_NO_ROOM, f.no_room);
	stats_set(stats, STATS_FROZEN, f.frozen);
	stats_set(stats, STATS_EVICTIONS, f.policy.evictions);
	stats_set(stats, STATS_EXAMINED, f.policy.examined);
	stats_set(stats, STATS_MOST_EXAMINED, f.policy.most_examined);
	stats_set(stats, STATS_OBJECTS, f.object_count);
	stats_set(stats, STATS_OBJECT_BYTES, f.policy.charged);
	stats_set(stats, STATS_BUDGET_BYTES, f.budget);
	stats_set(stats, STATS_RESERVED_BYTES, f.reserved);
	stats_set(stats, STATS_GROWN_BYTES, f.grown_bytes);
	stats_set(stats, STATS_POLICY_BYTES, f.policy.memory);
	stats_set(stats, STATS_STORE_DESCRIPTORS, f.descriptors);
	stats_set(stats, STATS_MAPPED_OBJECTS, f.mapped_count);
	stats_set(stats, STATS_PARKED_OBJECTS, f.policy.parked_count);
	stats_set(stats, STATS_GHOSTS, f.policy.ghost_count);
	stats_set(stats, STATS_KEPT_BYTES, server->kept_bytes);
	if (store_is_the_file(cache_store(server->cache))) {
		struct keepers_figures keepers;

		store_pin_figures(cache_store(server->cache), &keepers);
		stats_set(stats, STATS_KEEPERS, keepers.keepers);
		stats_set(stats, STATS_LOCKED_BYTES, keepers.pages * KEEPER_PAGE);
	}
	stats_set(stats, STATS_INODES, tree_inode_count(server->tree));
	stats_set(stats, STATS_INODE_BYTES, tree_bytes(server->tree));
}

const char *status_store_name(struct server *server)
{
	if (server->pins)
		return "page cache";
	return store_copy_mount_error(cache_store(server->cache)) ? "memfd" : "tmpfs";
}

static int answer_stat(void *context, int argc, char *const *argv, GString *reply)
{
	struct server *server = context;
	const struct report_fact facts[] = {
		{"transport_used", server->uring ? "uring" : "dev"},
		{"transport_why", server->transport_why},
		{"store_used", store_name(cache_store(server->cache))},
		{"store_why", server->store_why},
		{"passthrough_used", server->passthrough ? "on" : "off"},
		{"handles", tree_has_handles(server->tree) ? "yes" : "no"},
		{"engine", backend_engine_name(server->backend)},
		{"store_memory", status_store_name(server)},
		{NULL, NULL},
	};
	const struct report report = {
		.options = &server->options,
		.stats = &server->stats,
		.direct = backend_stats(server->backend),
		.facts = facts,
		.pid = getpid(),
		.start_time = server->start_time,
		.uptime_s = (uint64_t)(clock_now_us() - server->started_us) / G_USEC_PER_SEC,
	};

	collect(server);
	return report_stat(&report, argc, argv, reply);
}

int status_reload(struct server *server, GString *reply)
{
	g_autofree char *error = NULL;
	int r = ruling_load(&server->ruling, server->options.rules, &error);

	if (r < 0) {
		g_string_append(reply, error);
		return r;
	}
	cached_unkeep_all(server);
	g_string_append_printf(reply, "%u rules in force\n", ruling_count(&server->ruling));
	return 0;
}

static int answer_reload(void *context, int argc, char *const *argv, GString *reply)
{
	struct server *server = context;

	(void)argv;
	if (argc != 1 || !server->options.rules) {
		g_string_append(
			reply, argc != 1 ? "reload: takes nothing" : "reload: mounted without rules=FILE");
		return -EINVAL;
	}
	return status_reload(server, reply);
}

const struct control_verb status_verbs[] = {
	{"stat", false, answer_stat},
	{"reload", true, answer_reload},
	{NULL, false, NULL},
};
