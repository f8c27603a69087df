/* Open files: opening, closing, and what is done with a descriptor besides reading and writing. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/backend.h"
#include "fs/copy.h"
#include "fs/durable.h"
#include "fs/lane.h"
#include "fs/lock.h"
#include "fs/op.h"
#include "fs/op_rights.h"
#include "fs/op_work.h"
#include "fs/ops.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

/* What is left of the caller's flags when the daemon opens the backing file: where to write is said with each
 * write. */
#define DAEMON_FLAGS (O_ACCMODE | O_SYNC | O_DSYNC | O_NOATIME)
#define HANDLE_FLAGS (DAEMON_FLAGS | O_APPEND)
#define CREATE_FLAGS (DAEMON_FLAGS & ~O_NOATIME)

#define RELEASE_TRIES 400
#define RELEASE_STEP_US 250

/* --- opening ---------------------------------------------------------------------------------- */

/*
 * The kernel asks for a file to be opened and truncated before it looks whether a program runs from it,
 * unless the file is opened for writing.
 */
static bool would_empty_a_program(struct server *server, const struct inode *inode, int flags)
{
	const int access = flags & O_ACCMODE;

	return (flags & O_TRUNC) && access != O_WRONLY && access != O_RDWR &&
	       handle_is_executed(server, inode);
}

/* 0 or -ETXTBSY. One that has ended is released a moment later, by way of a queue: not to be called there. */
static int await_end_of_program(struct server *server, const struct inode *inode, int flags)
{
	for (int tries = 0; would_empty_a_program(server, inode, flags); tries++) {
		if (tries == RELEASE_TRIES)
			return -ETXTBSY;
		g_usleep(RELEASE_STEP_US);
	}
	return 0;
}

static int truncate_on_open(fuse_req_t req, struct inode *inode, struct fuse_file_info *info, int *fd)
{
	struct server *server = server_of(req);
	/* where the file system has no O_DIRECT, the kernel will refuse to open the backing file with it */
	int direct = server->passthrough ? info->flags & O_DIRECT : 0;
	struct creds_bits bits;
	struct object *copy;
	bool fresh = false;
	int r;

	copy = copy_change_begin(server, inode, &fresh);
	op_bits(req, inode, info->kill_suidgid ? OP_KILL_BITS : OP_KEEP_BITS, &bits);
	creds_bits_begin(&bits);
	*fd = tree_open(server->tree, inode, (info->flags & DAEMON_FLAGS) | direct | O_TRUNC);
	creds_bits_end(&bits);
	if (*fd >= 0 && direct)
		fcntl(*fd, F_SETFL, fcntl(*fd, F_GETFL) & ~O_DIRECT);
	r = *fd < 0 ? *fd : 0;
	if (r == 0 && copy)
		cache_truncate(server->cache, copy, 0);
	copy_change_end(server, inode, copy, fresh);
	return r == 0 ? durable_bytes(server, *fd) : r;
}

/* Attributes that the kernel keeps from before would hide what a mapping does to the file's times. Only
 * attributes are named, for which it takes no lock that this request could hold. */
static void forget_attributes(struct server *server, const struct inode *inode, const struct handle *handle)
{
	if (inode->mappable && handle->lane != LANE_SERVED)
		fuse_lowlevel_notify_inval_inode(server->session, inode->nodeid, -1, 0);
}

static void open_now(fuse_req_t req, struct inode *inode, struct fuse_file_info *info);

static void open_again(struct op_again *again)
{
	struct inode *inode = op_inode(again->work.req, again->ino);
	int r;

	if (!inode)
		return;
	r = await_end_of_program(server_of(again->work.req), inode, again->info.flags);
	if (r < 0)
		op_reply(again->work.req, r);
	else
		open_now(again->work.req, inode, &again->info);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct inode *inode = op_inode(req, ino);

	if (!inode)
		return;
	if (would_empty_a_program(server_of(req), inode, info->flags))
		op_retry_after_lease(req, &(struct op_again){.run = open_again, .ino = ino, .info = *info});
	else
		open_now(req, inode, info);
}

static void open_now(fuse_req_t req, struct inode *inode, struct fuse_file_info *info)
{
	struct server *server = server_of(req);
	const struct op_again again = {.run = open_again, .ino = inode->nodeid, .info = *info};
	struct handle *handle;
	int fd = -1, r = 0;

	if (info->flags & O_TRUNC)
		r = truncate_on_open(req, inode, info, &fd);
	if (r >= 0)
		r = lane_open(
			server, inode, fuse_req_ctx(req)->uid, info->flags & HANDLE_FLAGS, fd, info, &handle);
	else if (fd >= 0)
		close(fd);
	if (r < 0) {
		if (r == -EAGAIN && !(info->flags & O_NONBLOCK))
			op_retry_after_lease(req, &again);
		else
			op_reply(req, r);
		return;
	}
	info->fh = (uintptr_t)handle;
	forget_attributes(server, inode, handle);
	if (fuse_reply_open(req, info) < 0)
		lane_release(server, handle);
}

static int open_new(fuse_req_t req, struct inode *dir, const char *name, mode_t mode, int flags)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct server *server = server_of(req);
	int dir_fd = tree_fd_get(server->tree, dir), fd, r;

	if (dir_fd < 0)
		return dir_fd;
	r = creds_enter(ctx->uid, ctx->gid, ctx->umask);
	fd = r < 0 ? r : tree_openat(server->tree, dir_fd, name, flags | O_NOFOLLOW, mode);
	creds_leave(ctx->uid, ctx->gid);
	tree_fd_put(server->tree, dir);
	r = fd >= 0 && flags & O_CREAT ? durable_names(server, dir) : 0;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* fd: the new file, on the mount where its name was made. Where reading it is to leave its access time alone,
 * the kernel needs another descriptor for that. */
static int with_its_times(struct server *server, struct inode *inode, int fd, int flags)
{
	bool quiet = tree_leaves_times(server->tree);
	int again;

	if (!quiet && !(flags & O_NOATIME))
		return fd;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NOATIME);
	if (!quiet || !server->passthrough)
		return fd;
	again = tree_open(server->tree, inode, flags & HANDLE_FLAGS & ~O_APPEND);
	if (again < 0)
		return fd;
	close(fd);
	return again;
}

/* fd: the new file, owned by this call. */
static void reply_create(
	fuse_req_t req, struct inode *dir, const char *name, int fd, struct fuse_file_info *info)
{
	struct server *server = server_of(req);
	struct fuse_entry_param entry;
	struct handle *handle;
	struct inode *inode;
	struct statx stx;
	int r;

	r = tree_adopt(server->tree, fd, dir, name, &inode, &stx);
	if (r < 0) {
		close(fd);
		op_reply(req, r);
		return;
	}
	if (!name)
		tree_keep(server->tree, inode, fd);
	fd = with_its_times(server, inode, fd, info->flags);
	r = lane_open(server, inode, fuse_req_ctx(req)->uid, info->flags & HANDLE_FLAGS, fd, info, &handle);
	if (r < 0) {
		tree_put(server->tree, inode, 1);
		op_reply(req, r);
		return;
	}
	info->fh = (uintptr_t)handle;
	op_fill_entry(server, dir, inode, &stx, &entry);
	if (fuse_reply_create(req, &entry, info) < 0) {
		lane_release(server, handle);
		tree_put(server->tree, inode, 1);
	}
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info)
{
	struct inode *dir = op_inode(req, parent);
	int fd;

	if (!dir)
		return;
	/*
	 * O_EXCL always: the kernel has checked the right to create, not the right to open a file that came
	 * in between. ESTALE makes it look the name up again and open what is there.
	 */
	fd = open_new(req, dir, name, mode, (info->flags & CREATE_FLAGS) | O_CREAT | O_EXCL);
	if (fd == -EEXIST && !(info->flags & O_EXCL))
		fd = -ESTALE;
	if (fd < 0)
		op_reply(req, fd);
	else
		reply_create(req, dir, name, fd, info);
}

void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *info)
{
	struct inode *dir = op_inode(req, parent);
	int fd;

	if (!dir)
		return;
	fd = open_new(req, dir, ".", mode, (info->flags & (CREATE_FLAGS | O_EXCL)) | O_TMPFILE);
	if (fd < 0)
		op_reply(req, fd);
	else
		reply_create(req, NULL, NULL, fd, info);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	lane_release(server_of(req), handle_of(info));
	op_reply(req, 0);
}

/* --- errors of earlier writes, and durability ------------------------------------------------- */

struct file_work {
	struct op_work work;
	struct handle *handle;
	off_t offset, length;
	int mode;
	struct creds_bits bits;
};

/* NULL after having replied ENOMEM. */
static struct file_work *file_work_new(
	fuse_req_t req, const struct file_work *what, void (*run)(struct op_work *))
{
	struct file_work *work = malloc(sizeof(*work));

	if (!work) {
		op_reply(req, -ENOMEM);
		return NULL;
	}
	*work = *what;
	work->work = (struct op_work){.run = run, .req = req};
	return work;
}

static void file_work_run(fuse_req_t req, const struct file_work *what, void (*run)(struct op_work *))
{
	struct file_work *work = file_work_new(req, what, run);

	if (work)
		op_work_run(&work->work);
}

static int sync_mapping(struct server *server, struct handle *handle, uint16_t *told)
{
	if (!handle->object)
		return 0;
	return copy_sync_mapping(server, handle->inode, handle->object, told);
}

/* A close of ours, so that a network file system reports what it could not write. */
static int close_once(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0) /* no descriptor left: this reports the same errors */
		return fdatasync(fd) < 0 ? -errno : 0;
	return close(copy) < 0 ? -errno : 0;
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);
	struct server *server = server_of(req);
	bool may_have_mapped = (handle->open_flags & O_ACCMODE) == O_RDWR;
	uint16_t told = handle->sync_told; /* a child that was forked closes it too, and looks at no error */
	int r = may_have_mapped ? sync_mapping(server, handle, &told) : 0;

	if (server->locks)
		lock_flush(server->locks, handle, info->lock_owner);
	if (r == 0 && handle->fd >= 0)
		r = close_once(handle->fd);
	op_reply(req, r);
}

static void fsync_run(struct op_work *op)
{
	struct file_work *work = (struct file_work *)op;
	struct server *server = server_of(op->req);
	int r = sync_mapping(server, work->handle, &work->handle->sync_told);
	int fd = handle_fd(server, work->handle), synced = fd;

	/* of what was written, and of what could be */
	if (fd >= 0)
		synced = (work->mode ? fdatasync(fd) : fsync(fd)) < 0 ? -errno : 0;
	r = r < 0 ? r : synced;
	if (r == -EAGAIN) {
		op_work_retry_after_lease(op, work->handle->inode->nodeid);
		return;
	}
	op_reply(op->req, r);
	free(work);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info)
{
	file_work_run(req, &(struct file_work){.handle = handle_of(info), .mode = datasync}, fsync_run);
}

/* --- changes of a whole range ----------------------------------------------------------------- */

/* The same on the copy, whose tmpfs knows fewer modes. */
static void fallocate_copy(struct server *server, struct object *copy, const struct file_work *work)
{
	uint64_t end = (uint64_t)work->offset + (uint64_t)work->length;

	if (work->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		cache_zero(server->cache, copy, (uint64_t)work->offset, (uint64_t)work->length);
	if (!(work->mode & FALLOC_FL_KEEP_SIZE) && end > copy->entry.size)
		cache_truncate(server->cache, copy, end);
}

static void fallocate_run(struct op_work *op)
{
	struct file_work *work = (struct file_work *)op;
	struct server *server = server_of(op->req);
	int fd = handle_fd(server, work->handle), r = fd;
	struct object *copy;
	bool fresh = false, as_user;

	if (fd >= 0) {
		copy = copy_change_begin(server, work->handle->inode, &fresh);
		as_user = space_begin(tree_space(work->handle->inode), fuse_req_ctx(op->req)->uid, fd,
			(uint64_t)work->length);
		creds_bits_begin(&work->bits);
		r = fallocate(fd, work->mode, work->offset, work->length) < 0 ? -errno : 0;
		creds_bits_end(&work->bits);
		space_end(as_user);
		if (r == 0 && copy)
			fallocate_copy(server, copy, work);
		if (r == 0)
			r = durable_bytes(server, fd);
		copy_change_end(server, work->handle->inode, copy, fresh);
		op_invalidate_readahead(server, work->handle);
	}
	op_reply(op->req, r);
	free(work);
}

void op_fallocate(
	fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, struct fuse_file_info *info)
{
	struct file_work work = {
		.handle = handle_of(info),
		.mode = mode,
		.offset = offset,
		.length = length,
	};

	op_bits(req, work.handle->inode, OP_KILL_UNKNOWN, &work.bits);
	file_work_run(req, &work, fallocate_run);
}

static off_t seek(struct server *server, struct handle *handle, off_t offset, int whence)
{
	int fd;

	copy_before_reading(server, handle->inode);
	fd = handle_fd(server, handle);
	if (fd < 0)
		return fd;
	offset = lseek(fd, offset, whence);
	return offset < 0 ? -errno : offset;
}

static void reply_lseek(fuse_req_t req, off_t offset)
{
	if (offset < 0)
		op_reply(req, (int)offset);
	else
		fuse_reply_lseek(req, offset);
}

static void lseek_run(struct op_work *op)
{
	struct file_work *work = (struct file_work *)op;
	off_t offset = seek(server_of(op->req), work->handle, work->offset, work->mode);

	if (offset == -EAGAIN) {
		op_work_retry_after_lease(op, work->handle->inode->nodeid);
		return;
	}
	reply_lseek(op->req, offset);
	free(work);
}

void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);
	off_t found = seek(server_of(req), handle, offset, whence);
	struct file_work *work;

	if (found != -EAGAIN) {
		reply_lseek(req, found);
		return;
	}
	work = file_work_new(
		req, &(struct file_work){.handle = handle, .offset = offset, .mode = whence}, lseek_run);
	if (work)
		op_work_retry_after_lease(&work->work, ino);
}
