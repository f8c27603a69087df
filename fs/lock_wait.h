/*
 * lock_wait - lock requests that wait for another process.
 *
 * Each waits in a thread of its own, so that it blocks no thread that serves other requests. One further
 * thread, which lives as long as the mount, sends the replies, wakes interrupted waiters and looks for killed
 * ones.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "fs/lock.h"

/* Over io_uring each waiter occupies a ring entry of its CPU: the mount asks for so many additional ones. */
#define LOCK_WAIT_PER_QUEUE 32

struct lock_waiting;

/* 0 or -errno. After signals_hold(): its thread must see no signal that ends the mount. */
int lock_waiting_new(struct server *server, struct lock_waiting **out);
/* Interrupts all waiters and returns once they are answered. */
void lock_waiting_free(struct lock_waiting *waiting);

/*
 * Replies when the lock is granted or the caller is interrupted; with patient false, after lock_settle().
 * Replies ENOLCK at once if there are too many waiters.
 */
void lock_wait(
	struct lock_waiting *waiting, fuse_req_t req, const struct lock_request *request, bool patient);
