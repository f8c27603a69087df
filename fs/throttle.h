/*
 * throttle - answers that wait: with dirty_max, who writes is slowed to the disk's pace, and never failed.
 *
 * A write that came through the daemon, an open for writing or a close has been made when this is called.
 * While more than dirty_max is dirty or being written back only its answer waits, off the thread that took
 * the request: until it is less, the caller was interrupted or killed, or the mount ends. What the kernel
 * writes by itself is not seen; who does so waits at the close, and at the next open.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/list.h"

/* So many answers wait over io_uring, where each occupies a request of its CPU's; further ones do not. As
 * many requests are set aside on each CPU. */
#define THROTTLE_URING_MAX 16

struct inode;
struct server;
struct throttle;

/* Embedded in what the answer needs, which is from malloc(). */
struct throttled {
	fuse_req_t req;
	struct inode *inode; /* that is written; referenced by others as long as this waits */
	void (*answer)(struct throttled *throttled); /* replies and frees */
	int64_t since_ms;
	bool is_uring;
	struct list_node node;
};

/* 0 or -errno. Starts the thread that answers. */
int throttle_new(struct server *server, struct throttle **out);
void throttle_free(struct throttle *throttle); /* lets all go; NULL is fine */

/* Whether an answer to who writes the inode is to wait: false without dirty_max. Cheap. */
bool throttle_is_due(struct server *server, struct inode *inode);

/* Calls throttled->answer() when that is over; its req, inode and answer() are set. Over io_uring the thread
 * that took the request has called io_hold_thread(). */
void throttle_answer(struct throttle *throttle, struct throttled *throttled);
