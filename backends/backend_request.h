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
	off_t offset; /* for O_APPEND the caller knows the end, under its own lock */
	int sync;     /* of a write: RWF_DSYNC or RWF_SYNC, it is on the disk when it is done; or 0 */
	bool around;  /* of a write: its caller asks for the device (O_DIRECT) */
	void (*done)(struct backend_request *request, ssize_t result);

	/* Private to the backend. */
	struct {
		struct engine_op op;
		struct buffer *bounce;
		struct backend_request *next;
		size_t moved;
		uint64_t started_ns;
		struct window *window; /* to look for read-ahead in */
		struct behind_job behind;
		bool buffered;
		bool in_cache;     /* a large aligned write that goes through the page cache by choice */
		size_t on_its_way; /* into the page cache, bytes */
		int64_t file_size; /* of a write: bytes; negative while not asked for, or -errno */
	} work;
};
