/* Attributes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backends/backend.h"
#include "cache/trail/trail.h"
#include "fs/attributes.h"
#include "fs/copy.h"
#include "fs/durable.h"
#include "fs/loop.h"
#include "fs/op.h"
#include "fs/op_rights.h"
#include "fs/op_work.h"
#include "fs/ops.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

static void reply_attr(fuse_req_t req, struct inode *inode)
{
	struct attributes attributes;
	int r = attributes_fill(server_of(req), inode, NULL, &attributes);
	struct stat st;

	if (r < 0) {
		op_reply(req, r);
		return;
	}
	attributes_to_stat(&attributes.stx, &st);
	if (inode == tree_root(server_of(req)->tree))
		loop_note_attr(server_of(req)->loop, &st);
	answer_attr(req, &st, attributes.timeout_s);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct inode *inode = op_inode(req, ino);

	if (inode)
		reply_attr(req, inode);
}

void op_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *info)
{
	struct inode *inode = op_inode(req, ino);
	struct attributes attributes;
	int r;

	if (!inode)
		return;
	r = attributes_fill(server_of(req), inode, NULL, &attributes);
	if (r < 0)
		op_reply(req, r);
	else
		answer_statx(req, 0, &attributes.stx, attributes.timeout_s);
}

/* A change of attributes. */
struct attr_change {
	fuse_req_t req;
	struct inode *inode;
	int fd;
	const struct stat *attr;
	int to_set;
};

static int set_times(void *arg)
{
	const struct attr_change *change = arg;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	char path[TREE_PATH_SIZE];

	if (change->to_set & FUSE_SET_ATTR_ATIME_NOW)
		times[0].tv_nsec = UTIME_NOW;
	else if (change->to_set & FUSE_SET_ATTR_ATIME)
		times[0] = change->attr->st_atim;
	if (change->to_set & FUSE_SET_ATTR_MTIME_NOW)
		times[1].tv_nsec = UTIME_NOW;
	else if (change->to_set & FUSE_SET_ATTR_MTIME)
		times[1] = change->attr->st_mtim;
	if (utimensat(change->fd, "", times, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	tree_fd_path(change->fd, path); /* before Linux 5.8 */
	return utimensat(AT_FDCWD, path, times, 0) < 0 ? -errno : 0;
}

/* A process that may write a file may set its times to the present, as a truncation does. */
static bool are_times_of_the_present(int to_set)
{
	return (!(to_set & FUSE_SET_ATTR_ATIME) || to_set & FUSE_SET_ATTR_ATIME_NOW) &&
	       (!(to_set & FUSE_SET_ATTR_MTIME) || to_set & FUSE_SET_ATTR_MTIME_NOW);
}

static int set_mode(void *arg)
{
	const struct attr_change *change = arg;
	/* the kernel has already cleared the bit if the caller may not set it */
	const struct creds_bits bits = {.keep = change->attr->st_mode & S_ISGID};
	char path[TREE_PATH_SIZE];
	int r;

	tree_fd_path(change->fd, path);
	creds_bits_begin(&bits);
	r = fchmodat(AT_FDCWD, path, change->attr->st_mode, 0) < 0 ? -errno : 0;
	creds_bits_end(&bits);
	return r;
}

/* From now on handles that are open already check the bits, too. */
static void note_bits(struct server *server, struct inode *inode, mode_t mode)
{
	if (inode->type != DT_REG || !(mode & (S_ISUID | S_ISGID)))
		return;
	tree_lock_inode(server->tree, inode);
	inode_set_mark(inode, INODE_PRIVILEGED, true);
	tree_unlock_inode(server->tree, inode);
}

static int set_owner(void *arg)
{
	const struct attr_change *change = arg;
	uid_t uid = change->to_set & FUSE_SET_ATTR_UID ? change->attr->st_uid : (uid_t)-1;
	gid_t gid = change->to_set & FUSE_SET_ATTR_GID ? change->attr->st_gid : (gid_t)-1;
	struct creds_bits bits;
	int r;

	op_bits(change->req, change->inode, OP_KILL_UNKNOWN, &bits);
	creds_bits_begin(&bits);
	r = fchownat(change->fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
	creds_bits_end(&bits);
	return r;
}

/*
 * The kernel sends a request without attributes before a write that it makes by itself and that clears
 * set-uid and set-gid, and for chown(-1, -1), which clears them for the file's owner.
 */
static int change_nothing(struct attr_change *change)
{
	struct op_owned owned = {
		.inode = change->inode,
		.capability = CAP_CHOWN,
		.gid = (gid_t)-1,
		.change = set_owner,
		.arg = change,
	};
	struct attr_change only_mode = *change;
	struct creds_bits bits;
	struct stat attr = {0};
	struct statx stx;
	int r;

	if (!change->inode->writer_count)
		return op_as_owner(change->req, &owned);
	op_bits(change->req, change->inode, OP_KILL_UNKNOWN, &bits);
	if (!bits.stranger)
		return 0; /* the write clears them */
	r = tree_statx(server_of(change->req)->tree, change->inode, &stx);
	if (r < 0)
		return r;
	attr.st_mode = stx.stx_mode & 07777 & ~(mode_t)S_ISGID;
	only_mode.attr = &attr;
	return set_mode(&only_mode);
}

/* Through the handle if there is one: a file that is open for writing may be truncated whatever its mode
 * says. */
static int truncate_file(struct server *server, struct inode *inode, struct handle *handle, off_t size)
{
	char path[TREE_PATH_SIZE];
	int fd, r;

	if (handle && handle_may_write(handle)) {
		fd = handle_fd(server, handle);
		if (fd < 0)
			return fd;
		return ftruncate(fd, size) < 0 ? -errno : durable_bytes(server, fd);
	}
	/* no process can take a lease while fd is open. Truncated by path, which leaves the times alone if
	 * the size stays the same (xfs). */
	fd = tree_open(server->tree, inode, O_WRONLY);
	if (fd < 0)
		return fd;
	tree_fd_path(fd, path);
	r = truncate(path, size) < 0 ? -errno : durable_bytes(server, fd);
	close(fd);
	return r;
}

static int set_size(const struct attr_change *change, struct handle *handle, const struct creds_bits *bits)
{
	struct server *server = server_of(change->req);
	struct inode *inode = change->inode;
	off_t size = change->attr->st_size;
	bool fresh = false, as_user;
	struct object *copy;
	struct statx stx;
	int r;

	copy = copy_change_begin(server, inode, &fresh);
	/* the rest of a block is zeroed, and data in the inode itself may move to a block */
	as_user = space_begin(tree_space(inode), fuse_req_ctx(change->req)->uid, change->fd, 1);
	creds_bits_begin(bits);
	r = truncate_file(server, inode, handle, size);
	creds_bits_end(bits);
	space_end(as_user);
	if (r == 0 && copy && copy_can_follow(server, inode, copy, fresh, (uint64_t)size))
		cache_truncate(server->cache, copy, (uint64_t)size);
	if (r == 0)
		trail_truncated(server->trail, inode->nodeid, (uint64_t)size);
	copy_change_end(server, inode, copy, fresh);
	if (r == 0 && inode->open_count && tree_statx(server->tree, inode, &stx) == 0)
		backend_changed(server->backend, makedev(stx.stx_dev_major, stx.stx_dev_minor), stx.stx_ino);
	return r;
}

static int set_attributes(struct attr_change *change, struct handle *handle)
{
	struct op_owned owned = {.inode = change->inode, .gid = (gid_t)-1, .arg = change};
	int to_set = change->to_set, r = 0;
	struct creds_bits bits;

	if (to_set == 0)
		return change_nothing(change);
	if (to_set & FUSE_SET_ATTR_MODE) {
		note_bits(server_of(change->req), change->inode, change->attr->st_mode);
		owned.capability = CAP_FOWNER;
		owned.change = set_mode;
		r = op_as_owner(change->req, &owned);
	}
	if (r == 0 && to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		owned.capability = CAP_CHOWN;
		owned.change = set_owner;
		if (to_set & FUSE_SET_ATTR_GID)
			owned.gid = change->attr->st_gid;
		r = op_as_owner(change->req, &owned);
	}
	if (r == 0 && to_set & FUSE_SET_ATTR_SIZE) {
		/* libfuse passes FATTR_KILL_SUIDGID on under this name */
		op_bits(change->req, change->inode,
			to_set & FUSE_SET_ATTR_KILL_SUID ? OP_KILL_BITS : OP_KEEP_BITS, &bits);
		r = set_size(change, handle, &bits);
	}
	if (r == 0 && to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)) {
		owned.capability = CAP_FOWNER;
		owned.change = set_times;
		r = are_times_of_the_present(to_set) ? set_times(change) : op_as_owner(change->req, &owned);
	}
	return r;
}

static void set_again(struct op_again *again)
{
	op_setattr(again->work.req, again->ino, &again->attr, again->to_set,
		again->has_info ? &again->info : NULL);
}

static void set_after_lease(fuse_req_t req, fuse_ino_t ino, const struct stat *attr, int to_set,
	const struct fuse_file_info *info)
{
	struct op_again again = {.run = set_again, .ino = ino, .attr = *attr, .to_set = to_set};

	again.has_info = info;
	if (info)
		again.info = *info;
	op_retry_after_lease(req, &again);
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *info)
{
	struct server *server = server_of(req);
	struct inode *inode = op_inode(req, ino);
	bool fresh;
	int fd, r;

	if (!inode)
		return;
	fd = tree_fd_get(server->tree, inode);
	if (fd < 0) {
		op_reply(req, fd);
		return;
	}
	fresh = !(to_set & FUSE_SET_ATTR_SIZE) && copy_attributes_begin(server, inode);
	r = set_attributes(
		&(struct attr_change){.req = req, .inode = inode, .fd = fd, .attr = attr, .to_set = to_set},
		info ? handle_of(info) : NULL);
	copy_attributes_end(server, inode, fresh);
	tree_fd_put(server->tree, inode);
	if (r == -EAGAIN)
		set_after_lease(req, ino, attr, to_set, info);
	else if (r < 0)
		op_reply(req, r);
	else
		reply_attr(req, inode);
}

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct server *server = server_of(req);
	struct inode *inode = op_inode(req, ino);
	struct statvfs fs;
	int fd, r;

	if (!inode)
		return;
	fd = tree_fd_get(server->tree, inode);
	r = fd;
	if (fd >= 0) {
		r = fstatvfs(fd, &fs) < 0 ? -errno : 0;
		tree_fd_put(server->tree, inode);
	}
	if (r == 0 && ino == FUSE_ROOT_ID)
		loop_note_statfs(server->loop, &fs);
	if (r < 0)
		op_reply(req, r);
	else
		answer_statfs(req, &fs);
}
