/*
 * lock_wait - requests for locks that somebody else has.
 *
 * Each waits in a thread of its own, which is made for it: none that others need is held. One thread that
 * lives as long as the mount answers them, wakes those that are interrupted, and looks for those that were
 * killed.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "fs/lock.h"

/* Over io_uring each keeps one of its CPU's requests from others: so many more of them are asked for. */
#define LOCK_WAIT_PER_QUEUE 32

struct lock_waiting;

/* NULL without memory or threads. */
struct lock_waiting *lock_waiting_new(struct server *server);
/* Interrupts who waits, and returns once all are answered. */
void lock_waiting_free(struct lock_waiting *waiting);

/*
 * Answers the request when the wish is granted, or a signal for its caller has come; with patient false after
 * some milliseconds at the latest. Where too many wait, the answer is ENOLCK at once.
 */
void lock_wait(struct lock_waiting *waiting, fuse_req_t req, const struct lock_wish *wish, bool patient);
