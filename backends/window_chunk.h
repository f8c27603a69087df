/*
 * window_chunk - a window from within, and its chunks. Included by window*.c only: window.c takes and
 * answers, window_plan.c decides what to read ahead, window_share.c looks into the windows of other handles.
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
	bool spent;    /* its own reader has taken all of it: kept for others while there is room */
	bool doomed;   /* to be freed when it has come and nobody copies from it */
	unsigned pins; /* copies under way */
	struct buffer *buffer;
	off_t offset;
	size_t size;   /* asked for; once ready, what came */
	size_t wanted; /* of them are not there for the alignment's sake only */
	size_t used;   /* handed out */
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
	uint64_t used_ns; /* when the reader came last */
	size_t align;
	bool local; /* else a stamp may be one of a server's a while ago */
	pthread_mutex_t lock;
	unsigned refs;
	bool closed;
	size_t bytes; /* how far to read ahead */
	unsigned flying;
	bool placed; /* next is meant */
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
	CHUNK_PINNED,  /* it may be copied from until chunk->pins is given back */
	CHUNK_AWAITED, /* they are on their way, and the request will be resumed */
};

enum chunk_answer chunk_claim(struct chunk *chunk, struct backend_request *request);

/* Throws it away, or has that done when it has come and nobody copies from it. */
void chunk_retire(struct chunk *chunk);
void window_retire_all(struct window *window);
