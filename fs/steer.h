/*
 * steer - requests about one regular file: its state in the cache, and to warm, evict or flush it.
 *
 * All functions may wait for the disk. They return 0 or -errno.
 */
#pragma once

#include <stdbool.h>

#include "fs/control/file_request.h"

struct inode;
struct server;

/* Fills in answer. names: it may contain the paths of other files. */
int steer_state(struct server *server, struct inode *inode, bool names, struct file_answer *answer);

/*
 * Brings the file into the cache regardless of how often it was opened; a file between small_max and
 * large_min is read into the page cache, which may drop it again. A fill is queued and done later. 0 also if
 * the file can't be cached: steer_state() has the reason.
 */
int steer_warm(struct server *server, struct inode *inode);

/* Removes the file from the cache and from the page cache. -EBUSY: it is being filled, or a program has its
 * copy open or mapped. */
int steer_evict(struct server *server, struct inode *inode);

/* Starts writeback of the file's dirty pages. Does not consume errors that an fsync(2) is to report. */
int steer_flush(struct server *server, struct inode *inode);
