/*
 * lane - chooses the lane of an open file and binds its inode accordingly.
 *
 * All opens of an inode at one time must agree on its binding: to the backing file (lanes plain, trailed and
 * direct; cached, if the file is pinned), to its copy in the store (cached and cached-write), or to nothing
 * (served). Otherwise open(2) fails with EIO. The policy proposes a lane; an existing binding takes
 * precedence.
 */
#pragma once

#include "fs/handle.h"
#include "fs/server.h"

struct fuse_ctx;
struct fuse_file_info;

/*
 * Chooses the lane, binds the inode and fills in info. fd: the backing file if the caller has opened it
 * (create), else -1; taken over, also on failure. made: the attributes of the file if the caller has just
 * created it, else NULL. Returns 0 or -errno.
 */
int lane_open(struct server *server, struct inode *inode, const struct fuse_ctx *caller, int open_flags,
	int fd, const struct statx *made, struct fuse_file_info *info, struct handle **ret);

/* Releases the handles that the kernel did not release. At the end of the mount. */
void lane_release_all(struct server *server);

/* The last use of the handle: unbinds the inode, closes the file and frees the handle. */
void lane_release(struct server *server, struct handle *handle);
