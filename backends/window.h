/*
 * window - what is read ahead of one stream: aligned chunks, several in flight, kept until the reader takes
 * them.
 *
 * The window belongs to a handle, has its own lock, and outlives the handle while chunks are in flight.
 * Readers of one file find each other's chunks (window_share.c), so that two that read the same part read the
 * device once. The size of the window doubles with every chunk that was used to its end, up to its bound, and
 * halves when chunks are discarded unread. Memory is shared evenly among the windows of active readers; an
 * idle reader loses its chunks when another window needs memory. A chunk is handed out only when the file is
 * proved unchanged since before the chunk was read (stamp.h, node.h).
 */
#pragma once

#include "backends/detect.h"
#include "backends/window_host.h"

struct backend_request;
struct window;

enum window_answer {
	WINDOW_MISS,   /* the bytes at this place are not here */
	WINDOW_COPIED, /* some were, see moved */
	WINDOW_WAITS,  /* they are in flight: host->resume() will be called with the request */
};

/* What a window reads from. */
struct window_file {
	int fd;            /* O_DIRECT; stays open until window_close() takes it */
	struct node *node; /* with a reference of the window's own */
	size_t align;      /* of offsets and sizes, bytes, a power of two */
	bool local;        /* stamps show every change at once */
};

/* NULL without memory. */
struct window *window_new(struct window_host *host, const struct window_file *file);

/* The handle is closed: nothing new is read. The window closes its descriptor and puts its node when its last
 * chunk has arrived. */
void window_close(struct window *window);

void window_get(struct window *window);
void window_put(struct window *window);

/* Takes what the window has at this offset: copies up to size bytes to buf and sets *moved. */
enum window_answer window_take(struct window *window, struct backend_request *request, void *buf, size_t size,
	off_t offset, size_t *moved);

/* The reader asked for this range in this order: reads further ahead. record: for a strided order only. */
void window_advance(struct window *window, enum detect_order order, const struct detect_record *record,
	off_t offset, size_t size);

/* Nothing more is read ahead; what there is may still be taken. */
void window_stop(struct window *window);

/* The stream ended: the remaining chunks are discarded. */
void window_shut(struct window *window);
