/*
 * stream - what one handle knows of its reads: their order, its window, and whether the window pays.
 */
#pragma once

#include "backends/choice.h"
#include "backends/detect.h"
#include "backends/window.h"

struct backend_file;

struct stream {
	struct detect detect;
	enum detect_order order;
	struct window *window; /* made when a stream is found; NULL before */
	struct choice_class *class;
	enum choice_mode mode;
	uint64_t epoch_bytes;
	uint64_t epoch_ns; /* when the epoch began, after settling; 0 while settling */
	uint64_t last_ns;
};

/* How one read is to travel. */
struct stream_answer {
	struct window *window; /* look here first; a reference of the caller's, or NULL */
	bool ahead;            /* and read further ahead */
	enum detect_order order;
	struct detect_record record;
	bool random; /* a small read that continued nothing */
};

/* Notes a read of the file. The file's lock must not be held. */
struct stream_answer stream_note(struct backend_file *file, off_t offset, size_t size);

/* The handle goes. True when a window took over its O_DIRECT descriptor. */
bool stream_close(struct backend_file *file);
