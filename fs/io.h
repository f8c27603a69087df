/*
 * io - requests of the kernel's on their way through a backend.
 *
 * Each is counted from io_begin() to io_put(), so that the mount's end waits for all of them,
 * and so that a reader who was killed while the disk hangs is answered: until then its process can't end.
 * What the backend still brings for it is thrown away.
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
	struct io_pool *pool; /* that it came from */
	fuse_req_t req;
	struct server *server;
	struct handle *handle;
	enum lane lane;
	char *own;              /* IO_BUFFER bytes, kept with the struct */
	struct payload payload; /* over io_uring: the kernel's buffer */
	pid_t pid;              /* who waits */
	uint64_t began_ns;
	bool begun, is_read;
	bool given_up;         /* answered already */
	struct list_node node; /* in the pool's list: idle or in flight */
};

/* Before the first: how many buffers are kept for later requests follows the memory there is, in bytes. */
void io_limit_idle(uint64_t memory);

/* NULL without memory. */
struct io *io_get(fuse_req_t req, struct handle *handle);
void io_put(struct io *io);

/* Where a read's bytes go: over io_uring the buffer that the kernel takes them from, by another address. NULL
 * without memory. */
char *io_buffer(struct io *io, size_t size);

void io_begin(struct io *io);

/* False when the request was answered meanwhile: nothing but io_put() may follow. */
bool io_finish(struct io *io);

/* Looks for readers who were killed, and lets them go. Called every second or so by a thread that never waits
 * for the disk. */
void io_rescue(void);

/* Other requests that are answered by another thread than the one that took them. */
void io_work_begins(void);
void io_work_ends(void);

/*
 * Called in a thread that takes requests over io_uring and lets others answer them: it does not end before
 * all are answered. libfuse frees a ring, with its requests, once it has joined the ring's thread.
 */
void io_hold_thread(struct server *server);

/* Waits for everything in flight. */
void io_wait_all(struct server *server);

/* Frees what is kept for the next requests. */
void io_drain(void);
