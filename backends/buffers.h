/*
 * buffers - page-aligned buffers of one size; one bound covers those of all streams and of unaligned
 * requests.
 *
 * A buffer that is given back is kept for reuse; beyond a few idle ones the memory is returned to the kernel.
 * buffers_take() never waits: at the bound it returns NULL, and the caller does without.
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

/* memory: the bound in bytes; at least one buffer is available even below its size. */
void buffers_init(struct buffers *buffers, size_t memory, struct backend_stats *stats);

/* Every buffer must have been given back. */
void buffers_deinit(struct buffers *buffers);

struct buffer *buffers_take(struct buffers *buffers);

/* NULL is fine. */
void buffers_give(struct buffers *buffers, struct buffer *buffer);
