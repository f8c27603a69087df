/* op - shared by the sources of the operations: from a request to its inode or handle, and replies. */
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

/* The inode of a request; NULL after replying ESTALE. The caller gets no reference: see tree_find(). */
struct inode *op_inode(fuse_req_t req, fuse_ino_t ino);
/* Replies with r: 0 or -errno. */
void op_reply(fuse_req_t req, int r);
/* Fills in the entry of a reply for an inode that was looked up or created. dir: the directory of its name;
 * NULL if not known. stx: its attributes, just read. */
void op_fill_entry(struct server *server, const struct inode *dir, struct inode *inode,
	const struct statx *stx, struct fuse_entry_param *entry);
/* Replies with that entry. Takes over the reference on inode, which the kernel then owns. */
void op_reply_entry(fuse_req_t req, const struct inode *dir, struct inode *inode, const struct statx *stx);
/* Discards what was read ahead. Call after a change of the file's contents that no backend made. */
void op_invalidate_readahead(struct server *server, struct handle *handle);
