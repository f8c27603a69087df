/* Operations on open files other than read and write. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/copy.h"
#include "fs/durable.h"
#include "fs/flush.h"
#include "fs/io.h"
#include "fs/lock.h"
#include "fs/op.h"
#include "fs/op_rights.h"
#include "fs/op_work.h"
#include "fs/ops.h"
#include "fs/throttle.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

/* --- errors of earlier writes, and durability ------------------------------------------------- */

struct file_work {
	struct op_work work;
	struct handle *handle;
	off_t offset, length;
	int mode;
	struct creds_bits bits;
};

/* NULL after replying ENOMEM. */
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

/* Closes a duplicate, so that a network file system reports what it could not write. */
static int close_once(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0) /* no descriptor left: this reports the same errors */
		return fdatasync(fd) < 0 ? -errno : 0;
	return close(copy) < 0 ? -errno : 0;
}

/* With dirty_max: the delayed reply to a close. */
struct late_close {
	struct throttled throttled;
	int r;
};

static void answer_close(struct throttled *throttled)
{
	struct late_close *late = (struct late_close *)throttled;

	op_reply(throttled->req, late->r);
	free(late);
}

static void answer_later(fuse_req_t req, struct handle *handle, int r)
{
	struct server *server = server_of(req);
	struct late_close *late = malloc(sizeof(*late));

	if (!late) {
		op_reply(req, r);
		return;
	}
	*late = (struct late_close){
		.throttled = {.req = req, .inode = handle->inode, .answer = answer_close}, .r = r};
	if (server->uring)
		io_hold_thread(server);
	throttle_answer(server->throttle, &late->throttled);
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);
	struct server *server = server_of(req);
	bool may_have_mapped = handle_may_map_for_writing(handle);
	uint16_t told = handle->sync_told; /* a copy: a forked child, too, closes it, and ignores errors */
	int r = may_have_mapped ? sync_mapping(server, handle, &told) : 0;

	if (server->locks)
		lock_flush(server->locks, handle, info->lock_owner);
	if (r == 0 && handle->fd >= 0)
		r = close_once(handle->fd);
	if (flush_is_throttled(server, handle))
		answer_later(req, handle, r);
	else
		op_reply(req, r);
}

static void fsync_run(struct op_work *op)
{
	struct file_work *work = (struct file_work *)op;
	struct server *server = server_of(op->req);
	int r = sync_mapping(server, work->handle, &work->handle->sync_told);
	int fd = handle_fd(server, work->handle), synced = fd;

	/* also if not all that was stored could be written */
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

/* Does the same to the copy, whose tmpfs supports fewer modes. */
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
		if (r == 0 && copy &&
			copy_can_follow(server, work->handle->inode, copy, fresh,
				(uint64_t)work->offset + (uint64_t)work->length))
			fallocate_copy(server, copy, work);
		if (r == 0)
			r = durable_change(server, work->handle, fd);
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
		answer_lseek(req, offset);
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
