/*
 * stats - what happened in a mount, counted.
 *
 * Owned by whoever owns the mount; zeroed memory is a valid start. Any thread may count at any time without a
 * lock: the counters are relaxed atomics, so that a reader sees each of them right but not all of the same
 * moment. Bytes and requests of a lane are those that the daemon saw: what the kernel moves by itself is not
 * in them.
 */
#pragma once

#include "cache/policy/classify.h"

#include <glib.h>
#include <stdatomic.h>
#include <stdint.h>

/* Counted per lane. */
enum stats_traffic {
	STATS_OPENS,
	STATS_READS,
	STATS_READ_BYTES,
	STATS_WRITES,
	STATS_WRITE_BYTES,
	STATS_TRAFFIC_COUNT,
};

/* Counted once per mount; the rows in stats.c say what each means. Those from STATS_OBJECTS on are levels. */
enum stats_counter {
	STATS_HITS,
	STATS_MISSES,
	STATS_STALE,
	STATS_REFRESHES,
	STATS_FILLS,
	STATS_FILL_BYTES,
	STATS_FILL_FAILURES,
	STATS_FILL_RACES,
	STATS_SHORT_MEMORY,
	STATS_NO_ROOM,
	STATS_EVICTIONS,
	STATS_EXAMINED,
	STATS_MOST_EXAMINED,
	STATS_FROZEN,
	STATS_FALLBACKS,
	STATS_WRITEBACK_FAILURES,
	STATS_KEEPER_DEATHS,
	STATS_FOREIGN,
	STATS_OBJECTS,
	STATS_OBJECT_BYTES,
	STATS_BUDGET_BYTES,
	STATS_RESERVED_BYTES,
	STATS_GROWN_BYTES,
	STATS_POLICY_BYTES,
	STATS_STORE_DESCRIPTORS,
	STATS_MAPPED_OBJECTS,
	STATS_PARKED_OBJECTS,
	STATS_KEPT_BYTES,
	STATS_GHOSTS,
	STATS_KEEPERS,
	STATS_LOCKED_BYTES,
	STATS_INODES,
	STATS_INODE_BYTES,
	STATS_COUNTER_COUNT,
};

struct stats {
	struct {
		/* On lines of their own: lanes are counted by different threads. */
		_Alignas(64) _Atomic uint64_t traffic[STATS_TRAFFIC_COUNT];
	} lanes[LANE_COUNT];
	_Alignas(64) _Atomic uint64_t counters[STATS_COUNTER_COUNT];
};

static inline void stats_add(struct stats *stats, enum stats_counter counter, uint64_t count)
{
	atomic_fetch_add_explicit(&stats->counters[counter], count, memory_order_relaxed);
}

/* For levels. */
static inline void stats_sub(struct stats *stats, enum stats_counter counter, uint64_t count)
{
	atomic_fetch_sub_explicit(&stats->counters[counter], count, memory_order_relaxed);
}

/* For levels that another module keeps and that are copied in before a report. */
static inline void stats_set(struct stats *stats, enum stats_counter counter, uint64_t value)
{
	atomic_store_explicit(&stats->counters[counter], value, memory_order_relaxed);
}

static inline uint64_t stats_get(const struct stats *stats, enum stats_counter counter)
{
	return atomic_load_explicit(&stats->counters[counter], memory_order_relaxed);
}

static inline void stats_opened(struct stats *stats, enum lane lane)
{
	atomic_fetch_add_explicit(&stats->lanes[lane].traffic[STATS_OPENS], 1, memory_order_relaxed);
}

static inline void stats_read(struct stats *stats, enum lane lane, uint64_t bytes)
{
	atomic_fetch_add_explicit(&stats->lanes[lane].traffic[STATS_READS], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&stats->lanes[lane].traffic[STATS_READ_BYTES], bytes, memory_order_relaxed);
}

static inline void stats_wrote(struct stats *stats, enum lane lane, uint64_t bytes)
{
	atomic_fetch_add_explicit(&stats->lanes[lane].traffic[STATS_WRITES], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(
		&stats->lanes[lane].traffic[STATS_WRITE_BYTES], bytes, memory_order_relaxed);
}

static inline uint64_t stats_traffic(const struct stats *stats, enum lane lane, enum stats_traffic kind)
{
	return atomic_load_explicit(&stats->lanes[lane].traffic[kind], memory_order_relaxed);
}

const char *stats_traffic_name(enum stats_traffic kind);
const char *stats_counter_name(enum stats_counter counter);
const char *stats_counter_help(enum stats_counter counter);

/* Append all of it: a table and a list for people, or the members "lanes" and "cache" of an open JSON object.
 */
void stats_to_text(const struct stats *stats, GString *out);
void stats_to_json(const struct stats *stats, GString *out);
