/*
 * behind_bound - bounds what all streams of writes together have in the page cache and not yet on the disk.
 *
 * Each stream reports what it holds there, and is told how much is free. It may hold as much as is free and
 * no more: so one stream alone gets its full windows, and n streams get one part in n + 1 each, which leaves
 * room for the next one. An idle stream keeps its part until the kernel has written it back by itself. Sizes
 * are bytes; the caller passes the time. Any thread may call.
 */
#pragma once

#include "backends/backend_stats.h"
#include "cache/base/list.h"
#include <pthread.h>
#include <stdint.h>

struct behind_bound {
	pthread_mutex_t lock;
	struct list holders; /* the one that wrote last is last */
	uint64_t bytes;      /* of all holders, and of what is in flight */
	uint64_t max;
	struct backend_stats *stats;
};

/* A stream's part; zeroed at first. It must stay in place until it holds nothing. */
struct behind_holder {
	struct list_node node;
	uint64_t bytes;
	uint64_t used_ns;
};

void behind_bound_init(struct behind_bound *bound, uint64_t max, struct backend_stats *stats);
void behind_bound_deinit(struct behind_bound *bound);

/* Bytes without a holder: of a write in progress, or of what an ended stream left to be written back. */
void behind_bound_begin(struct behind_bound *bound, uint64_t bytes);
void behind_bound_end(struct behind_bound *bound, uint64_t bytes);

/* Sets what the stream holds; 0 before the holder is freed. */
void behind_bound_hold(
	struct behind_bound *bound, struct behind_holder *holder, uint64_t bytes, uint64_t now_ns);

/* Bytes that are free. */
uint64_t behind_bound_free(struct behind_bound *bound);
