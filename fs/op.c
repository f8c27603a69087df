#include "fs/op.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "backends/backend.h"
#include "cache/base/clock.h"
#include "fs/attributes.h"

struct inode *op_inode(fuse_req_t req, fuse_ino_t ino)
{
	struct inode *inode = tree_find(server_of(req)->tree, ino);

	if (!inode)
		op_reply(req, -ESTALE);
	return inode;
}

void op_reply(fuse_req_t req, int r)
{
	if (r == -ESTALE)
		estale_told(&server_of(req)->estale, fuse_req_ctx(req)->pid, clock_coarse_ms());
	answer_err(req, r < 0 ? -r : 0);
}

void op_fill_entry(struct server *server, const struct inode *dir, struct inode *inode,
	const struct statx *stx, struct fuse_entry_param *entry)
{
	struct attributes attributes;

	attributes_fill(server, inode, stx, &attributes);
	*entry = (struct fuse_entry_param){
		.ino = inode->nodeid,
		.attr_timeout = attributes.timeout_s,
		.entry_timeout = dir && inode_is(dir, INODE_LOCKS_INSIDE) ? 0 : server->live.entry_timeout_s,
	};
	attributes_to_stat(&attributes.stx, &entry->attr);
}

void op_reply_entry(fuse_req_t req, const struct inode *dir, struct inode *inode, const struct statx *stx)
{
	struct server *server = server_of(req);
	struct fuse_entry_param entry;

	op_fill_entry(server, dir, inode, stx, &entry);
	if (answer_entry(req, &entry) < 0)
		tree_put(server->tree, inode, 1);
}

void op_invalidate_readahead(struct server *server, struct handle *handle)
{
	struct statx stx;

	if (tree_statx(server->tree, handle->inode, &stx) == 0)
		backend_changed(server->backend, makedev(stx.stx_dev_major, stx.stx_dev_minor), stx.stx_ino);
}
