/*
 * backend_settings - what a backend is made with; see backend.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether streams read through their window: as measured; or always, for benchmarks. */
enum backend_window {
	BACKEND_WINDOW_MEASURED,
	BACKEND_WINDOW_ALWAYS,
};

/* Which way large aligned writes of a stream go: as measured, or always around the page cache. */
enum backend_write_mode {
	BACKEND_WRITE_MEASURED,
	BACKEND_WRITE_AROUND,
};

struct backend_settings {
	size_t memory;    /* bytes (direct_memory): the most that all buffers together take, and the most that
			     all streams of writes together have in the page cache and not yet on the disk */
	size_t readahead; /* the largest window of one stream, bytes (direct_readahead); 0: no readahead */
	unsigned depth;   /* chunks in flight per stream (direct_depth) */
	size_t stream_after;     /* bytes read in order before a handle counts as a stream */
	size_t stream_gap;       /* bytes that a reader may skip and still be in order */
	off_t write_direct_from; /* files that reach it are written around the page cache (large_min) */
	size_t write_direct_min; /* smaller requests are written through the page cache */
	size_t write_window; /* bytes; a stream of writes has up to twice this in the page cache, less where
				memory is short */
	enum backend_window window;
	enum backend_write_mode write_mode;
	const char *faults; /* for tests, see fault.h; NULL: no faults. Used by backend_new() only */
	bool threads_only;  /* no io_uring even where the kernel has it */
	/* One line without newline; priority as in syslog(3). May be NULL. Called from any thread. */
	void (*log)(void *log_context, int priority, const char *line);
	void *log_context;
};

/* Fills in the defaults. */
static inline void backend_settings_init(struct backend_settings *settings)
{
	*settings = (struct backend_settings){
		.memory = 64 << 20,
		.readahead = 8 << 20,
		.depth = 8,
		.stream_after = 256 << 10,
		.stream_gap = 128 << 10,
		.write_direct_from = 32 << 20,
		.write_direct_min = 256 << 10,
		.write_window = 8 << 20,
	};
}
