/*
 * steer - what may be asked of one regular file: what the cache does with it, and to warm, evict or flush it.
 *
 * All of them may wait for the disk. 0 or -errno.
 */
#pragma once

#include <stdbool.h>

#include "fs/control/file_request.h"

struct inode;
struct server;

/* names: the names of other files may be told. */
int steer_state(struct server *server, struct inode *inode, bool names, struct file_answer *answer);

/*
 * Brings the file in, whatever the policy says of how often it was opened; one between small_max and
 * large_min into the page cache, which may drop it again. 0 also where it can't be: steer_state() says why.
 * Files that are cached are read by a filler afterwards.
 */
int steer_warm(struct server *server, struct inode *inode);

/* Out of the cache, and of the page cache. -EBUSY: it is on its way in, or a program has its copy. */
int steer_evict(struct server *server, struct inode *inode);

/* Starts writeback of what is dirty; takes no error away from anybody's fsync(2). */
int steer_flush(struct server *server, struct inode *inode);
