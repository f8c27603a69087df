/* What the operations share. */
#include "fs/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backends/backend.h"
#include "fs/attributes.h"
#include "fs/io.h"
#include "fs/threads.h"
#include "fs/users/caller.h"

struct inode *op_inode(fuse_req_t req, fuse_ino_t ino)
{
	struct inode *inode = tree_find(server_of(req)->tree, ino);

	if (!inode)
		fuse_reply_err(req, ESTALE);
	return inode;
}

void op_reply(fuse_req_t req, int r)
{
	fuse_reply_err(req, r < 0 ? -r : 0);
}

void op_fill_entry(struct server *server, const struct inode *dir, struct inode *inode,
	const struct statx *stx, struct fuse_entry_param *entry)
{
	struct attributes attributes;

	attributes_fill(server, inode, stx, &attributes);
	*entry = (struct fuse_entry_param){
		.ino = inode->nodeid,
		.attr_timeout = attributes.timeout_s,
		.entry_timeout = dir && dir->locks_inside ? 0 : server->options.entry_timeout_s,
	};
	attributes_to_stat(&attributes.stx, &entry->attr);
}

void op_bytes_changed(struct server *server, struct handle *handle)
{
	struct statx stx;

	if (tree_statx(server->tree, handle->inode, &stx) == 0)
		backend_changed(server->direct, makedev(stx.stx_dev_major, stx.stx_dev_minor), stx.stx_ino);
}

bool op_caller_is_in_group(fuse_req_t req, gid_t gid, bool unseen)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return ctx->gid == gid || caller_has_group(ctx->pid, gid, unseen);
}

void op_bits(fuse_req_t req, struct inode *inode, int kill, struct creds_bits *bits)
{
	struct statx stx;

	*bits = (struct creds_bits){0};
	if (kill == OP_KEEP_BITS || (kill == OP_KILL_UNKNOWN && fuse_req_ctx(req)->uid == 0)) {
		bits->keep = true;
		return;
	}
	if (tree_statx(server_of(req)->tree, inode, &stx) < 0)
		return;
	if ((stx.stx_mode & (S_ISGID | S_IXGRP)) != S_ISGID)
		return;
	bits->group = stx.stx_gid;
	/* gives nobody the group's rights: where the caller can't be seen it stays, as FUSE itself has it */
	bits->member = op_caller_is_in_group(req, stx.stx_gid, true);
	bits->stranger = !bits->member && stx.stx_gid == 0;
}

int op_as_owner(fuse_req_t req, const struct op_owned *what)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct statx stx;
	int r;

	if (!creds_privileged() || ctx->uid == 0)
		return what->change(what->arg);
	creds_owner_begin(ctx->uid, what->gid == (gid_t)-1 ? ctx->gid : what->gid);
	r = what->change(what->arg);
	creds_owner_end();
	if (r != -EPERM || tree_statx(server_of(req)->tree, what->inode, &stx) < 0 ||
		!caller_is_capable(ctx->pid, what->capability, stx.stx_uid, stx.stx_gid))
		return r;
	return what->change(what->arg);
}

void op_work_run(struct op_work *work)
{
	struct server *server = server_of(work->req);

	/* over /dev/fuse libfuse starts threads as they are needed; over io_uring there is one for each CPU
	 */
	if (!server->uring) {
		work->run(work);
		return;
	}
	io_hold_thread(server);
	io_work_begins();
	pool_push(server->workers, work);
}

static void make_again(struct op_work *work)
{
	struct op_again *again = (struct op_again *)work;
	struct server *server = server_of(work->req);
	struct inode *inode = tree_find(server->tree, again->ino);
	int fd = inode ? tree_open_patiently(server->tree, inode, O_RDWR) : -1;

	if (fd >= 0)
		close(fd);
	else
		g_usleep(10000);
	atomic_fetch_sub(&server->waiting, 1);
	again->run(again);
	free(again);
}

bool op_when_unleased(fuse_req_t req, const struct op_again *again)
{
	struct server *server = server_of(req);
	struct op_again *own = malloc(sizeof(*own));
	bool too_many = atomic_fetch_add(&server->waiting, 1) >= server->waiting_max;

	if (!own || too_many) {
		atomic_fetch_sub(&server->waiting, 1);
		free(own);
		op_reply(req, too_many ? -EAGAIN : -ENOMEM);
		return false;
	}
	*own = *again;
	own->work = (struct op_work){.run = make_again, .req = req};
	if (server->uring)
		io_hold_thread(server);
	io_work_begins();
	pool_push(server->waiters, own);
	return true;
}

static void run_held(struct op_again *again)
{
	again->held->run(again->held);
}

void op_work_retry_after_lease(struct op_work *work, fuse_ino_t ino)
{
	if (!op_when_unleased(work->req, &(struct op_again){.run = run_held, .ino = ino, .held = work}))
		free(work);
}

void op_work_in_pool(gpointer data, gpointer user_data)
{
	struct op_work *work = data;

	(void)user_data;
	work->run(work);
	io_work_ends();
}
