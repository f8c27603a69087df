/*
 * lane - how the bytes of an open file travel, and to what the kernel has bound its inode.
 *
 * While an inode is open, every open of it must agree: bound to its backing file (lanes plain and direct), to
 * its copy in the store (cached and cached-write), or to nothing (served). open(2) would fail with EIO
 * otherwise. The policy proposes a lane; what the inode is bound to already has the last word.
 */
#pragma once

#include "fs/handle.h"
#include "fs/server.h"

struct fuse_ctx;
struct fuse_file_info;

/*
 * Decides the lane, binds the inode and fills in info. fd: the backing file if the caller opened it already
 * (create), else -1; it is the handle's from here on, also after a failure. made: what was read of the file
 * that the caller has just made; NULL of others. Returns 0 or -errno.
 */
int lane_open(struct server *server, struct inode *inode, const struct fuse_ctx *caller, int open_flags,
	int fd, const struct statx *made, struct fuse_file_info *info, struct handle **ret);

/* At the mount's end: what the kernel never released. */
void lane_release_all(struct server *server);

/* The last use of the handle: unbinds, closes, frees. */
void lane_release(struct server *server, struct handle *handle);
