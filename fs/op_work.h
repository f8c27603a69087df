/* op_work - requests that are not answered in the thread that received them. */
#pragma once

#include "fs/op.h"

/* A request that may take long and must not block a queue thread: over io_uring run() is called in a worker
 * thread. */
struct op_work {
	void (*run)(struct op_work *work); /* replies and frees */
	fuse_req_t req;
};
void op_work_run(struct op_work *work);
/* Runs the work again once the lease on the inode is released (see below). For a run() that has not replied.
 * The work must be from malloc(). */
void op_work_retry_after_lease(struct op_work *work, fuse_ino_t ino);
void op_work_in_pool(gpointer work, gpointer server);
/*
 * Retries a request that failed with -EAGAIN because of a lease on its file, once the lease is released.
 * Users can hold leases on their own files in SOURCE for long, so the wait is in a thread that no other
 * requests need. If too many requests wait already, this one is refused with EAGAIN.
 */
struct op_again {
	struct op_work work;
	void (*run)(struct op_again *again); /* repeats the request with the arguments below */
	fuse_ino_t ino;
	struct fuse_file_info info;
	bool has_info;
	struct stat attr;
	int to_set;
	size_t size;
	off_t offset;
	struct op_work *held;
};
/* Copies again. False if refused, after replying EAGAIN. */
bool op_retry_after_lease(fuse_req_t req, const struct op_again *again);
