/*
 * stats - the counters of a mount.
 *
 * Owned by the owner of the mount; zeroed memory is a valid start. Any thread may count at any time without a
 * lock: the counters are relaxed atomics. Each counter that a reader sees is exact, but they are not a
 * snapshot of one moment. Requests and bytes of a lane are those that the daemon handled, without what the
 * kernel passes through.
 *
 * The lists below generate the structs and the functions that walk through them, as in
 * backends/backend_stats.h. A new counter is one line here, a row in openmetrics.c, and an item in
 * sievectl(8).
 */
#pragma once

#include "cache/policy/classify.h"

#include <glib.h>
#include <stdatomic.h>
#include <stdint.h>

/* clang-format off */
/* Counted per lane. */
#define STATS_LANE(COUNTER) \
	COUNTER(opens, "opens") \
	COUNTER(reads, "read requests") \
	COUNTER(read_bytes, "bytes that reads returned") \
	COUNTER(writes, "write requests") \
	COUNTER(write_bytes, "bytes written")

/*
 * Counted once per mount: the name, as sievectl shows it, and its help with the unit. A FIGURE is kept by
 * another module and copied in before a report, from this member of struct status_figures in fs/status.c.
 * From objects on they are levels.
 */
#define STATS(COUNTER, FIGURE) \
	COUNTER(hits, "opens answered from the cache") \
	COUNTER(unasked, "hits that did not check SOURCE (revalidate)") \
	COUNTER(misses, "opens of files that may be cached and were not") \
	COUNTER(stale, "opens that found a copy of an older version") \
	COUNTER(refreshes, "pins completed and copies updated after the file changed") \
	FIGURE(fills, "files brought into the cache", cache.fills) \
	FIGURE(fill_bytes, "bytes brought into the cache", cache.fill_bytes) \
	COUNTER(fill_failures, "files not cached because filling failed") \
	COUNTER(fill_races, "files not cached because they changed during the fill") \
	COUNTER(short_memory, "files not cached because memory was below memory_floor") \
	FIGURE(no_room, "files not cached because no other could be evicted", cache.no_room) \
	FIGURE(evictions, "files evicted to make room", cache.policy.evictions) \
	FIGURE(examined, "files examined to find those to evict", cache.policy.examined) \
	FIGURE(most_examined, "files examined for one eviction, at most", cache.policy.most_examined) \
	FIGURE(frozen, "files that grew too far while open: served from the backing file", cache.frozen) \
	COUNTER(fallbacks, "opens for which the kernel refused passthrough") \
	COUNTER(writeback_failures, "failures to write to a file what mappings stored into its copy") \
	COUNTER(keeper_deaths, "processes that held pinned pages and died") \
	COUNTER(foreign, "files not pinned because other memory cgroups pay for their pages") \
	FIGURE(queue_returns, "times that a thread of io_uring left SCHED_IDLE because it had to wait", \
		queues.returns) \
	FIGURE(objects, "files in the cache now", cache.object_count) \
	FIGURE(object_bytes, "bytes that the cached files take now", cache.policy.charged) \
	FIGURE(budget_bytes, "bytes that the cached files may take", cache.budget) \
	FIGURE(reserved_bytes, "bytes reserved for fills in progress", cache.reserved) \
	FIGURE(grown_bytes, "bytes by which open files have grown since they were cached", cache.grown_bytes) \
	FIGURE(policy_bytes, "bytes of the policy's queues and ghost list", cache.policy.memory) \
	FIGURE(store_descriptors, "descriptors of cached files: one each where no tmpfs can be mounted", \
		cache.descriptors) \
	FIGURE(mapped_objects, "copies kept because programs map them", cache.mapped_count) \
	FIGURE(parked_objects, "files passed over by eviction: open, or pinned by rules or by name", \
		cache.policy.parked_count) \
	FIGURE(pinned_bytes, "bytes of files pinned by rules or by name", pinned_bytes) \
	FIGURE(ghosts, "files in the ghost list", cache.policy.ghost_count) \
	FIGURE(keepers, "processes that hold pinned pages", keepers) \
	FIGURE(locked_bytes, "bytes of pages that keepers hold", locked_bytes) \
	FIGURE(idle_queues, "threads that serve requests over io_uring in the class SCHED_IDLE", queues.idle) \
	FIGURE(inodes, "files known to the daemon now, cached or not", inodes) \
	FIGURE(inode_bytes, "bytes of memory that inodes take", inode_bytes)
/* clang-format on */

typedef atomic_uint_least64_t stats_counter;

struct stats_lane {
#define COUNTER(name, help) stats_counter name;
	STATS_LANE(COUNTER)
#undef COUNTER
};

struct stats_mount {
#define COUNTER(name, help) stats_counter name;
#define FIGURE(name, help, from) stats_counter name;
	STATS(COUNTER, FIGURE)
#undef COUNTER
#undef FIGURE
};

struct stats {
	struct {
		/* On separate cache lines, since different threads count different lanes. */
		_Alignas(64) struct stats_lane of;
	} lanes[LANE_COUNT];
	_Alignas(64) struct stats_mount mount;
};

static inline void stats_count(stats_counter *counter, uint64_t amount)
{
	atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* For figures. */
static inline void stats_set(stats_counter *counter, uint64_t value)
{
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline uint64_t stats_counted(const stats_counter *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void stats_opened(struct stats *stats, enum lane lane)
{
	stats_count(&stats->lanes[lane].of.opens, 1);
}

static inline void stats_read(struct stats *stats, enum lane lane, uint64_t bytes)
{
	stats_count(&stats->lanes[lane].of.reads, 1);
	stats_count(&stats->lanes[lane].of.read_bytes, bytes);
}

static inline void stats_wrote(struct stats *stats, enum lane lane, uint64_t bytes)
{
	stats_count(&stats->lanes[lane].of.writes, 1);
	stats_count(&stats->lanes[lane].of.write_bytes, bytes);
}

typedef void stats_visit(void *context, const char *name, uint64_t value, const char *help);

/* Calls each() once per counter, in the order above. */
void stats_each(const struct stats *stats, stats_visit *each, void *context);
void stats_lane_each(const struct stats *stats, enum lane lane, stats_visit *each, void *context);

/* Append all counters: a table and a list for people, or the members "lanes" and "cache" of an open JSON
 * object. */
void stats_to_text(const struct stats *stats, GString *out);
void stats_to_json(const struct stats *stats, GString *out);
