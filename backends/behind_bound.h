/*
 * behind_bound - how much all streams of writes together have in the page cache that is not on the disk yet.
 *
 * Each stream says what it holds there, and is told how much is still free. It may hold as much as is free
 * and no more: so one alone gets its full windows, n of them get one part in n + 1 each, and what one more
 * asks for is there when it comes. One that rests keeps its part until the kernel has written that by itself.
 * Sizes are bytes; the caller brings the clock. Any thread may call.
 */
#pragma once

#include "backends/backend_stats.h"
#include "cache/base/list.h"
#include <pthread.h>
#include <stdint.h>

struct behind_bound {
	pthread_mutex_t lock;
	struct list holders; /* who wrote last is last */
	uint64_t bytes;      /* of all holders, and of what is on its way */
	uint64_t max;
	struct backend_stats *stats;
};

/* A stream's part; zeroed at first, and its owner's until it holds nothing. */
struct behind_holder {
	struct list_node node;
	uint64_t bytes;
	uint64_t used_ns;
};

void behind_bound_init(struct behind_bound *bound, uint64_t max, struct backend_stats *stats);
void behind_bound_deinit(struct behind_bound *bound);

/* Bytes without a holder: of a write that is being made, or of what a stream left that is being written back.
 */
void behind_bound_begin(struct behind_bound *bound, uint64_t bytes);
void behind_bound_end(struct behind_bound *bound, uint64_t bytes);

/* What the stream holds from now on; 0 before its owner goes. */
void behind_bound_hold(
	struct behind_bound *bound, struct behind_holder *holder, uint64_t bytes, uint64_t now_ns);

/* What nobody holds. */
uint64_t behind_bound_free(struct behind_bound *bound);
