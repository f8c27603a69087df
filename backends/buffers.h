/*
 * buffers - page-aligned buffers of one size, under one bound for all streams and bounces.
 *
 * A buffer that is given back is kept for the next taker; what lies idle beyond a few is returned to the
 * kernel. Taking never waits: at the bound the answer is NULL, and the caller does without.
 */
#pragma once

#include "backends/backend_stats.h"
#include <pthread.h>
#include <stdbool.h>

enum {
	BUFFER_SIZE = 1 << 20,
};

struct buffer {
	struct buffer *next;
	char *data; /* BUFFER_SIZE bytes */
};

struct buffers {
	pthread_mutex_t lock;
	struct buffer *idle;
	size_t idle_count;
	size_t used_count;
	size_t count_max;
	struct backend_stats *stats;
};

/* memory in bytes; at least one buffer is given whatever it says. */
void buffers_init(struct buffers *buffers, size_t memory, struct backend_stats *stats);

/* Every buffer must be back. */
void buffers_deinit(struct buffers *buffers);

struct buffer *buffers_take(struct buffers *buffers);

/* NULL is fine. */
void buffers_give(struct buffers *buffers, struct buffer *buffer);
