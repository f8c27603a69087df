#include "fs/ops_control.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/attributes.h"
#include "fs/control/control.h"
#include "fs/control/file_request.h"
#include "fs/op.h"
#include "fs/ops.h"
#include "fs/status.h"

#define CONTROL_READ_MAX (64 * 1024)

static bool is_control_name(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)req;
	return parent == FUSE_ROOT_ID && strcmp(name, CONTROL_NAME) == 0;
}

static const double control_timeout_s = 60;

static void fill_statx(struct statx *stx)
{
	*stx = (struct statx){
		.stx_mask = STATX_BASIC_STATS,
		.stx_ino = CONTROL_NODEID,
		.stx_mode = S_IFREG | 0666, /* permissions depend on the request */
		.stx_nlink = 1,
		.stx_uid = geteuid(),
		.stx_gid = getegid(),
		.stx_blksize = 4096,
	};
}

static void fill_stat(struct stat *st)
{
	struct statx stx;

	fill_statx(&stx);
	attributes_to_stat(&stx, st);
}

static struct control_session *session_of(const struct fuse_file_info *info)
{
	return (struct control_session *)(uintptr_t)info->fh;
}

/* --- operations on the control file ----------------------------------------------------------- */

static void route_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {
		.ino = CONTROL_NODEID, .attr_timeout = control_timeout_s, .entry_timeout = control_timeout_s};

	if (is_control_name(req, parent, name)) {
		fill_stat(&entry.attr);
		answer_entry(req, &entry);
	} else if (parent == CONTROL_NODEID) {
		op_reply(req, strcmp(name, ".") == 0 ? -ESTALE : -ENOTDIR);
	} else {
		op_lookup(req, parent, name);
	}
}

static void route_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat st;

	if (ino != CONTROL_NODEID) {
		op_getattr(req, ino, info);
		return;
	}
	fill_stat(&st);
	answer_attr(req, &st, control_timeout_s);
}

/* The kernel prefers this operation to getattr, also to check permissions. */
static void route_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *info)
{
	struct statx stx;

	if (ino != CONTROL_NODEID) {
		op_statx(req, ino, flags, mask, info);
		return;
	}
	fill_statx(&stx);
	answer_statx(req, 0, &stx, control_timeout_s);
}

static void route_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *info)
{
	if (ino != CONTROL_NODEID)
		op_setattr(req, ino, attr, to_set, info);
	else if (to_set &
		 ~(FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
			 FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_KILL_SUID))
		op_reply(req, -EPERM);
	else
		route_getattr(req, ino, info); /* `echo stat > .sievefs` truncates first */
}

static void route_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct control_session *session;

	if (ino != CONTROL_NODEID) {
		op_open(req, ino, info);
		return;
	}
	session = control_open(&server_of(req)->control, fuse_req_ctx(req)->uid);
	if (!session) {
		op_reply(req, -ENOMEM);
		return;
	}
	info->fh = (uintptr_t)session;
	info->direct_io = 1;
	if (answer_open(req, info) < 0)
		control_close(session);
}

static void route_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	char buf[CONTROL_READ_MAX];
	ssize_t n;

	if (ino != CONTROL_NODEID) {
		op_read(req, ino, size, offset, info);
		return;
	}
	n = control_read(session_of(info), buf, MIN(size, sizeof(buf)));
	if (n < 0)
		op_reply(req, (int)n);
	else
		answer_buf(req, buf, (size_t)n);
}

static void route_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t offset,
	struct fuse_file_info *info)
{
	ssize_t n;

	if (ino != CONTROL_NODEID) {
		op_write(req, ino, buf, size, offset, info);
		return;
	}
	n = control_write(session_of(info), buf, size);
	if (n < 0)
		op_reply(req, (int)n);
	else
		answer_write(req, (size_t)n);
}

static int take_line(
	struct control_session *session, unsigned cmd, const struct control_line *line, size_t size)
{
	ssize_t n;

	if (cmd != CONTROL_LINE_IOCTL)
		return -ENOTTY;
	if (size != sizeof(*line) || line->version != FILE_REQUEST_VERSION)
		return -EPROTO;
	if (line->length > sizeof(line->text))
		return -EMSGSIZE;
	n = control_write(session, line->text, line->length);
	return n < 0 ? (int)n : 0;
}

static void route_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *info,
	unsigned flags, const void *in, size_t in_size, size_t out_size)
{
	int r;

	if (ino != CONTROL_NODEID) {
		op_ioctl(req, ino, cmd, arg, info, flags, in, in_size, out_size);
		return;
	}
	r = take_line(session_of(info), cmd, in, in_size);
	if (r < 0)
		op_reply(req, r);
	else
		answer_ioctl(req, 0, NULL, 0);
}

static void route_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, 0);
	else
		op_flush(req, ino, info);
}

static void route_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	if (ino != CONTROL_NODEID) {
		op_release(req, ino, info);
		return;
	}
	control_close(session_of(info));
	op_reply(req, 0);
}

/* --- operations that the control file refuses ------------------------------------------------- */

static void route_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, -EINVAL);
	else
		op_fsync(req, ino, datasync, info);
}

static void route_fallocate(
	fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, struct fuse_file_info *info)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, -EOPNOTSUPP);
	else
		op_fallocate(req, ino, mode, offset, length, info);
}

static void route_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *info)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, -EINVAL);
	else
		op_lseek(req, ino, offset, whence, info);
}

static void route_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, -ENOLCK);
	else
		op_getlk(req, ino, info, lock);
}

static void route_setlk(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int sleep)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, -ENOLCK);
	else
		op_setlk(req, ino, info, lock, sleep);
}

static void route_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int op)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, -ENOLCK);
	else
		op_flock(req, ino, info, op);
}

static void route_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t offset_in,
	struct fuse_file_info *info_in, fuse_ino_t ino_out, off_t offset_out, struct fuse_file_info *info_out,
	size_t size, int flags)
{
	if (ino_in == CONTROL_NODEID || ino_out == CONTROL_NODEID)
		op_reply(req, -EXDEV); /* the kernel then reads and writes */
	else
		op_copy_file_range(
			req, ino_in, offset_in, info_in, ino_out, offset_out, info_out, size, flags);
}

/* The control file has no extended attributes, and so no ACL that would change its permissions. */

static void route_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, -ENODATA);
	else
		op_getxattr(req, ino, name, size);
}

static void route_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	if (ino != CONTROL_NODEID)
		op_listxattr(req, ino, size);
	else if (size == 0)
		answer_xattr(req, 0);
	else
		answer_buf(req, NULL, 0);
}

static void route_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, -EPERM);
	else
		op_setxattr(req, ino, name, value, size, flags);
}

static void route_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	if (ino == CONTROL_NODEID)
		op_reply(req, -EPERM);
	else
		op_removexattr(req, ino, name);
}

/* Names that the control file would hide. */

static void route_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info)
{
	if (is_control_name(req, parent, name))
		op_reply(req, -EEXIST);
	else
		op_create(req, parent, name, mode, info);
}

static void route_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (is_control_name(req, parent, name))
		op_reply(req, -EPERM);
	else
		op_unlink(req, parent, name);
}

static void route_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	if (ino == CONTROL_NODEID || is_control_name(req, parent, name))
		op_reply(req, -EPERM);
	else
		op_link(req, ino, parent, name);
}

static void route_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags)
{
	if (is_control_name(req, parent, name) || is_control_name(req, new_parent, new_name))
		op_reply(req, -EPERM);
	else
		op_rename(req, parent, name, new_parent, new_name, flags);
}

void control_route(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = route_lookup;
	ops->getattr = route_getattr;
	ops->statx = route_statx;
	if (ops->getxattr) {
		ops->getxattr = route_getxattr;
		ops->listxattr = route_listxattr;
		ops->setxattr = route_setxattr;
		ops->removexattr = route_removexattr;
	}
	ops->ioctl = route_ioctl;
	ops->setattr = route_setattr;
	ops->open = route_open;
	ops->read = route_read;
	ops->write = route_write;
	ops->flush = route_flush;
	ops->release = route_release;
	ops->fsync = route_fsync;
	ops->fallocate = route_fallocate;
	ops->lseek = route_lseek;
	if (ops->setlk) {
		ops->getlk = route_getlk;
		ops->setlk = route_setlk;
		ops->flock = route_flock;
	}
	ops->copy_file_range = route_copy_file_range;
	ops->create = route_create;
	ops->unlink = route_unlink;
	ops->link = route_link;
	ops->rename = route_rename;
}
