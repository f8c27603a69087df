/* op_work - requests that are not answered in the thread that took them. */
#pragma once

#include "fs/op.h"

/* Requests that may take long must not hold up a queue thread: run() is called in a worker where that
 * matters. */
struct op_work {
	void (*run)(struct op_work *work); /* replies and frees */
	fuse_req_t req;
};
void op_work_run(struct op_work *work);
/* Runs the work again once the inode's lease is released (see below). For a run() that has not replied; the
 * work is from malloc(). */
void op_work_retry_after_lease(struct op_work *work, fuse_ino_t ino);
void op_work_in_pool(gpointer work, gpointer server);
/*
 * A request that found its file under somebody's lease (-EAGAIN) is made once more when that is gone. Users
 * can lease their own files in SOURCE, and take their time: no thread that others need waits for them. Where
 * too many wait already, it is refused with EAGAIN.
 */
struct op_again {
	struct op_work work;
	void (*run)(struct op_again *again); /* makes the request; what follows are its arguments */
	fuse_ino_t ino;
	struct fuse_file_info info;
	bool has_info;
	struct stat attr;
	int to_set;
	size_t size;
	off_t offset;
	struct op_work *held;
};
/* False if it was refused, after having replied. */
bool op_retry_after_lease(fuse_req_t req, const struct op_again *again);
