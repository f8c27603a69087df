#include "fs/op_rights.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/users/caller.h"

bool op_caller_is_in_group(fuse_req_t req, gid_t gid, bool unseen)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return ctx->gid == gid || caller_has_group(ctx->pid, gid, unseen);
}

/* On a local file system, reading the mode is several times faster than raising the capability to keep the
 * bits. */
static bool may_have_bits(struct tree *tree, struct inode *inode)
{
	struct statx stx;

	if (!creds_privileged() || !tree_is_local(inode) || tree_statx(tree, inode, &stx) < 0)
		return true;
	return stx.stx_mode & (S_ISUID | S_ISGID);
}

void op_bits(fuse_req_t req, struct inode *inode, int kill, struct creds_bits *bits)
{
	struct statx stx;

	*bits = (struct creds_bits){0};
	if (kill == OP_KEEP_BITS || (kill == OP_KILL_UNKNOWN && fuse_req_ctx(req)->uid == 0)) {
		bits->keep = may_have_bits(server_of(req)->tree, inode);
		return;
	}
	if (tree_statx(server_of(req)->tree, inode, &stx) < 0)
		return;
	if ((stx.stx_mode & (S_ISGID | S_IXGRP)) != S_ISGID)
		return;
	bits->group = stx.stx_gid;
	/* such a bit gives no rights: it stays if the caller can't be seen, as in FUSE itself */
	bits->member = op_caller_is_in_group(req, stx.stx_gid, true);
	bits->stranger = !bits->member && stx.stx_gid == 0;
}

#define GROUPS_MAX 1024 /* further ones give no rights here */

/* By the permissions for others: the daemon of a user's mount can't act as another user. */
static int access_of_stranger(int fd, int mode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return (st.st_mode & S_IRWXO & mode) == (unsigned)mode ? 0 : -EACCES;
}

int op_access(fuse_req_t req, int fd, int mode)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	gid_t groups[GROUPS_MAX];
	int r;

	if (ctx->uid == 0 || (!creds_privileged() && ctx->uid == geteuid()))
		return 0;
	if (!creds_privileged())
		return access_of_stranger(fd, mode);
	r = creds_caller_begin(
		ctx->uid, ctx->gid, groups, caller_groups(ctx->pid, groups, G_N_ELEMENTS(groups)));
	if (r < 0)
		return r;
	if (syscall(SYS_faccessat2, fd, "", mode, AT_EACCESS | AT_EMPTY_PATH) < 0)
		r = -errno;
	creds_caller_end();
	return r;
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
