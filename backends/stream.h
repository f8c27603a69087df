/*
 * stream - the reads of one handle: their order, its window, and whether the window pays.
 *
 * Embedded in the handle, whose lock must be held in all calls.
 */
#pragma once

#include "backends/detect.h"
#include "backends/stream_mode.h"
#include "backends/volume.h"
#include "backends/window.h"

/* What the streams of one backend share; owned by the backend. */
struct stream_host {
	struct window_host windows;
	_Atomic size_t after, gap; /* see struct detect_limits */
	bool window_always;        /* for benchmarks: regardless of what was measured */
};

struct stream {
	struct stream_host *host;
	struct volume *volume;
	struct node *node; /* referenced by the handle */
	size_t align;      /* of offsets and sizes around the page cache, bytes */
	struct detect detect;
	enum detect_order order;
	struct window *window; /* made when a stream is found; NULL before */
	struct stream_mode_meter meter;
	enum stream_mode mode;
};

/* Which way one read is to go. */
struct stream_answer {
	struct window *window; /* look here first; with a reference for the caller; or NULL */
	bool ahead;            /* and read further ahead */
	enum detect_order order;
	struct detect_record record;
	bool random; /* a small read that does not continue others */
};

void stream_init(struct stream *stream, struct stream_host *host, struct volume *volume, struct node *node,
	const struct volume_file *facts);

/* Notes a read. direct_fd: the O_DIRECT descriptor, from which a window may be read; -1: there is none. */
struct stream_answer stream_note(struct stream *stream, int direct_fd, off_t offset, size_t size);

/* The handle is closed. True: a window took over its O_DIRECT descriptor. */
bool stream_close(struct stream *stream);
