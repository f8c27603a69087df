/*
 * latency - how long the operations of a mount took: one histogram per operation.
 *
 * Owned by the owner of the mount; zeroed memory is a valid start. Any thread counts without a lock, with
 * relaxed atomics in one of several shares, so that threads on different CPUs rarely write to the same cache
 * line. Each counter that a reader sees is exact, but they are not a snapshot of one moment.
 *
 * Buckets range from 1 us to 67 s, four per power of two: a percentile is at most a quarter too high.
 */
#pragma once

#include "fs/control/operation.h"

#include <glib.h>
#include <stdatomic.h>
#include <stdint.h>

#define LATENCY_PARTS 4    /* buckets for a power of two */
#define LATENCY_OCTAVES 26 /* from 1 us */
/* Up to 1 us; the parts of the octaves; and what took longer. */
#define LATENCY_BUCKETS (LATENCY_OCTAVES * LATENCY_PARTS + 2)
#define LATENCY_SHARES 8

struct latency_counters {
	atomic_uint_least64_t buckets[LATENCY_BUCKETS];
	atomic_uint_least64_t sum_ns, max_ns;
};

struct latency {
	struct {
		_Alignas(64) struct latency_counters of[OPERATION_COUNT];
	} shares[LATENCY_SHARES];
};

void latency_count(struct latency *latency, enum operation operation, uint64_t ns);

/* Sums over all shares. */
struct latency_figures {
	uint64_t buckets[LATENCY_BUCKETS];
	uint64_t count, sum_ns, max_ns;
};

void latency_read(const struct latency *latency, enum operation operation, struct latency_figures *figures);

/* The upper bound of a bucket; UINT64_MAX for the last one. */
uint64_t latency_bucket_ns(unsigned bucket);

/* The time that this part (0 to 1) of the operations took at most; 0 without operations. */
uint64_t latency_percentile_ns(const struct latency_figures *figures, double part);

/* Append the operations that occurred: as a table, or as the member "operations" of an open JSON object. */
void latency_to_text(const struct latency *latency, GString *out);
void latency_to_json(const struct latency *latency, GString *out);
/* Appends one OpenMetrics histogram, sievefs_operation_seconds, with buckets by powers of two. */
void latency_to_openmetrics(const struct latency *latency, GString *out);
