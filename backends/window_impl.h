/*
 * window_impl - a window from within. Included by window*.c only: window.c takes and answers, window_plan.c
 * decides what to read ahead, window_share.c looks into the windows of other handles on the file,
 * window_host.c shares out the memory.
 */
#pragma once

#include "backends/stamp.h"
#include "backends/window.h"

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
	struct list_node node_in_host; /* under the host's lock */
	bool active;                   /* counted there */
	uint64_t used_ns;              /* when the reader came last */
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

void window_host_add(struct window_host *host, struct window *window);
void window_host_remove(struct window_host *host, struct window *window);

/* The host's lock must be held. */
void window_host_set_active(struct window_host *host, struct window *window, bool active);

/* The window's lock must be held when you call any of the functions below this line. */

/* Readers that rest give their memory to this window, which wants it. */
void window_reclaim(struct window *window);

struct chunk *window_find(struct window *window, off_t offset);

/* Looks for the bytes in the file's other windows. WINDOW_COPIED: *found is pinned and its window has a
 * reference more. The window's own lock must not be held. */
enum window_answer window_share(
	struct window *window, struct backend_request *request, off_t offset, struct chunk **found);
/* Another window has these bytes, or they are on their way there. */
bool window_is_shared(struct window *window, off_t start, off_t end);

static inline bool window_has_company(const struct window *window)
{
	return window->node->window_count > 1;
}

void chunk_retire(struct chunk *chunk);
/* The request waits for the chunk (WINDOW_WAITS), or the chunk is pinned for it to be copied from
 * (WINDOW_COPIED). */
enum window_answer chunk_claim(struct chunk *chunk, struct backend_request *request);
void window_retire_all(struct window *window);
void chunk_done(struct engine_op *op, ssize_t result);

void window_grow(struct window *window);
void window_shrink(struct window *window);

/* Throws away what the reader has left behind. */
void window_pass(struct window *window);

/* A list of reads to submit, as far as the bounds let it. */
struct engine_op *window_plan(struct window *window);
