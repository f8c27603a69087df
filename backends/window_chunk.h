/*
 * window_chunk - the structs of a window and its chunks. Included by window*.c only: window.c answers reads,
 * window_plan.c decides what to read ahead, window_share.c looks into the windows of other handles.
 */
#pragma once

#include "backends/detect.h"
#include "backends/stamp.h"
#include "backends/window_host.h"

enum {
	CHUNK_COUNT = 64,
};

enum chunk_state {
	CHUNK_FREE,
	CHUNK_FLYING,
	CHUNK_READY,
};

struct chunk {
	struct engine_op op;
	struct window *window;
	enum chunk_state state;
	bool spent;    /* its own reader has read all of it: kept for other readers while there is room */
	bool doomed;   /* to be freed when it has arrived and no copy from it is in progress */
	unsigned pins; /* copies in progress */
	struct buffer *buffer;
	off_t offset;
	size_t size;   /* bytes that were asked for; once ready, bytes that arrived */
	size_t wanted; /* bytes of it that the reader wants; the others are for alignment only */
	size_t used;   /* bytes that were handed out */
	struct stamp stamp;
	uint64_t read_ns; /* when it was submitted */
	uint64_t generation;
	struct backend_request *waiters;
};

struct window {
	struct window_host *host;
	int fd;
	struct node *node;
	struct window_seat seat;
	uint64_t used_ns; /* when the reader last read */
	size_t align;
	bool local; /* false: a stamp may be an older one of a server */
	pthread_mutex_t lock;
	unsigned refs;
	bool closed;
	size_t bytes; /* how far to read ahead */
	unsigned flying;
	bool placed; /* next is valid */
	enum detect_order order;
	off_t position; /* where the reader is: end of its last request, start of it when it goes backwards */
	struct detect_record record; /* a strided reader's */
	off_t next;                  /* what to read ahead next: start, or end when going backwards */
	off_t next_record;           /* start of the record that it is in */
	struct chunk chunks[CHUNK_COUNT];
};

static inline bool window_has_company(const struct window *window)
{
	return window->node->window_count > 1;
}

static inline struct window *window_of_seat(const struct list_node *seat)
{
	return list_entry(seat, struct window, seat.node);
}

/* The window's lock must be held when you call any of the functions below this line. */

/* The chunk with the byte at this offset, if it is to be used, or NULL. */
struct chunk *window_find(struct window *window, off_t offset);

enum chunk_answer {
	CHUNK_NONE,    /* no chunk has the bytes */
	CHUNK_PINNED,  /* it may be copied from until the caller decrements chunk->pins */
	CHUNK_AWAITED, /* they are in flight, and the request will be resumed */
};

enum chunk_answer chunk_claim(struct chunk *chunk, struct backend_request *request);

/* Frees the chunk, now or when it has arrived and no copy from it is in progress. */
void chunk_retire(struct chunk *chunk);
void window_retire_all(struct window *window);
