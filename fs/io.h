/*
 * io - FUSE requests in flight in a backend.
 *
 * Each is counted from io_begin() to io_put(), so that the end of the mount waits for all of them. It is also
 * how a killed reader gets its reply while the disk hangs: its process can't end before that. What the
 * backend still delivers for such a request is discarded.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>

#include "backends/backend.h"
#include "cache/base/list.h"
#include "fs/payload.h"
#include "fs/server.h"

struct io_pool;

struct io {
	struct backend_request request;
	struct io_pool *pool; /* the pool that owns this struct */
	fuse_req_t req;
	struct server *server;
	struct handle *handle;
	enum lane lane;
	char *own;              /* owned buffer of IO_BUFFER bytes */
	struct payload payload; /* over io_uring: the request's buffer */
	pid_t pid;              /* the process that waits for the reply */
	uint64_t began_ns;
	bool begun, is_read;
	bool given_up;         /* already answered by io_rescue() */
	struct list_node node; /* in the pool's list: idle or in flight */
};

/* Sets how many idle buffers are kept for later requests, by the machine's memory in bytes. Call before the
 * first request. */
void io_limit_idle(uint64_t memory);

/* NULL without memory. */
struct io *io_get(fuse_req_t req, struct handle *handle);
void io_put(struct io *io);

/* The buffer for a read's bytes: over io_uring the request's own, through its second mapping (payload.h).
 * NULL if out of memory. */
char *io_buffer(struct io *io, size_t size);

void io_begin(struct io *io);

/* False if the request has been answered by io_rescue(): only io_put() may follow. */
bool io_finish(struct io *io);

/* Answers the requests of killed readers. Called about once a second by a thread that never waits for the
 * disk. */
void io_rescue(void);

/* Count requests of other kinds that are answered by another thread than the one that received them. */
void io_work_begins(void);
void io_work_ends(void);

/*
 * Call in a thread that receives requests over io_uring which other threads answer: the thread then does not
 * end before all of them are answered. libfuse frees a ring and its requests once it has joined the ring's
 * thread.
 */
void io_hold_thread(struct server *server);

/* Waits until no request is in flight. */
void io_wait_all(struct server *server);

/* Frees the idle buffers. */
void io_drain(void);
