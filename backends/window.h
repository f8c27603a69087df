/*
 * window - what is read ahead of one stream: aligned chunks, several in flight, kept until the reader takes
 * them.
 *
 * The window belongs to a handle, has its own lock, and outlives the handle while chunks are in flight.
 * Readers of one file find each other's chunks (window_share.c), so that two that walk together read the
 * device once. Its
 * size doubles with every chunk that was used to its end, up to its bound, and halves when chunks are thrown
 * away unread. Memory is shared evenly among the windows whose readers are about; a reader that rests loses
 * its chunks when another window wants memory. A chunk is handed out only when the file is proved unchanged
 * since before the chunk was read (stamp.h, node.h).
 */
#pragma once

#include "backends/buffers.h"
#include "backends/detect.h"
#include "backends/engine.h"
#include "backends/node.h"
#include "cache/base/list.h"
#include <stdatomic.h>

struct backend_request;
struct window;

/* What all windows of a backend share; the backend's. */
struct window_host {
	struct engine *engine;
	struct buffers *buffers;
	struct nodes *nodes;
	struct backend_stats *stats;
	size_t readahead;
	unsigned depth;
	pthread_mutex_t lock; /* of what follows; taken after a window's own */
	struct list windows;
	unsigned active; /* windows whose readers are about, for the fair share of memory */
	uint64_t reclaimed_ns;
	/* Goes on with a request that had waited for a chunk; no lock is held. */
	void (*resume)(struct backend_request *request);
};

void window_host_init(struct window_host *host);
void window_host_deinit(struct window_host *host);

enum window_answer {
	WINDOW_MISS,   /* the bytes at this place are not here */
	WINDOW_COPIED, /* some were, see moved */
	WINDOW_WAITS,  /* they are on their way: host->resume() will be called with the request */
};

/* What a window reads from. */
struct window_file {
	int fd;            /* O_DIRECT; stays open until window_close() takes it */
	struct node *node; /* with a reference of the window's own */
	size_t align;      /* of offsets and sizes, bytes, a power of two */
	bool local;        /* stamps tell of every change at once */
};

/* NULL without memory. */
struct window *window_new(struct window_host *host, const struct window_file *file);

/* The handle goes: nothing new is read. The window closes its descriptor and puts its node when the last
 * chunk came. */
void window_close(struct window *window);

void window_get(struct window *window);
void window_put(struct window *window);

/* Takes what the window has at this offset: copies up to size bytes to buf and sets *moved. */
enum window_answer window_take(struct window *window, struct backend_request *request, void *buf, size_t size,
	off_t offset, size_t *moved);

/* The reader asked for this range in this order: reads further ahead. The record counts where it is strided.
 */
void window_advance(struct window *window, enum detect_order order, const struct detect_record *record,
	off_t offset, size_t size);

/* Nothing more is read ahead; what there is may still be taken. */
void window_stop(struct window *window);

/* The stream ended: what is left is thrown away. */
void window_shut(struct window *window);
