/*
 * backend_request - one read or write of a backend's file; see backend.h.
 */
#pragma once

#include "backends/behind.h"
#include "backends/engine.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct backend_file;
struct buffer;
struct window;

struct backend_request {
	struct backend_file *file;
	void *buf; /* the caller's until done() */
	size_t size;
	off_t offset; /* with O_APPEND the end of the file, which the caller knows under its own lock */
	int sync;     /* of a write: RWF_DSYNC or RWF_SYNC, it is on the disk when it is done; or 0 */
	bool around;  /* of a write: go around the page cache (O_DIRECT) */
	void (*done)(struct backend_request *request, ssize_t result);

	/* Private to the backend. */
	struct {
		struct engine_op op;
		struct buffer *bounce;
		struct backend_request *next;
		size_t moved;
		uint64_t started_ns;
		struct window *window; /* to look for readahead in */
		struct behind_job behind;
		bool buffered;
		bool in_cache;     /* a large aligned write that goes through the page cache by choice */
		size_t on_its_way; /* bytes of a write to the page cache in flight */
		int64_t file_size; /* of a write: bytes; negative: not asked for yet, or -errno */
	} work;
};
