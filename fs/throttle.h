/*
 * throttle - delays replies while more than dirty_max is dirty or being written back, so that writers slow
 * down to the disk's pace. No request fails because of it.
 *
 * The operation (a write through the daemon, an open for writing, a close) is complete when this is called;
 * only its reply waits, and occupies no thread. It is sent when less is dirty, when the caller is interrupted
 * or killed, or when the mount ends. Writes that the kernel passes through are not seen: their programs wait
 * at close and at the next open.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/list.h"

/* Replies that may wait at a time over io_uring, where each occupies a request of its CPU's queue; further
 * replies are not delayed. Each queue has this many requests more. */
#define THROTTLE_URING_MAX 16

struct inode;
struct server;
struct throttle;

/* A delayed reply. Embedded in the struct with the reply's data, which is from malloc(). */
struct throttled {
	fuse_req_t req;
	struct inode *inode;                         /* the written inode; stays referenced by the caller */
	void (*answer)(struct throttled *throttled); /* replies and frees the struct */
	int64_t since_ms;
	bool is_uring;
	struct list_node node;
};

/* Starts the thread that replies. 0 or -errno. */
int throttle_new(struct server *server, struct throttle **out);
void throttle_free(struct throttle *throttle); /* sends all delayed replies; accepts NULL */

/* Whether a reply to a writer of the inode should be delayed; false without dirty_max. Cheap. */
bool throttle_is_due(struct server *server, struct inode *inode);

/* Calls throttled->answer() once the delay is over. The caller has set req, inode and answer, and over
 * io_uring has called io_hold_thread() in the thread that received the request. */
void throttle_answer(struct throttle *throttle, struct throttled *throttled);
