/* op - what the sources of the operations share: from a request to what it works on, and replies. */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>

#include "fs/answer.h"
#include "fs/handle.h"
#include "fs/server.h"

struct dir;

static inline struct server *server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct handle *handle_of(const struct fuse_file_info *info)
{
	return (struct handle *)(uintptr_t)info->fh;
}

static inline struct dir *dir_of(const struct fuse_file_info *info)
{
	return (struct dir *)(uintptr_t)info->fh;
}

/* NULL after having replied ESTALE. */
struct inode *op_inode(fuse_req_t req, fuse_ino_t ino);
/* r: 0 or -errno */
void op_reply(fuse_req_t req, int r);
/* What a reply says of an inode that was found or made. dir: where its name is; NULL where that is not known.
 * stx: what was just read of it. */
void op_fill_entry(struct server *server, const struct inode *dir, struct inode *inode,
	const struct statx *stx, struct fuse_entry_param *entry);
/* The reply itself, which takes over the reference on inode: the kernel has it then. */
void op_reply_entry(fuse_req_t req, const struct inode *dir, struct inode *inode, const struct statx *stx);
/* After a change that no backend made: what was read ahead is not the file's contents any more. */
void op_invalidate_readahead(struct server *server, struct handle *handle);
