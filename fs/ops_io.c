/* Reads and writes through the daemon: lanes direct, cached-write and served. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/backend.h"
#include "cache/flush/flusher.h"
#include "fs/copy.h"
#include "fs/io.h"
#include "fs/op.h"
#include "fs/op_rights.h"
#include "fs/op_work.h"
#include "fs/ops.h"
#include "fs/sync_io.h"
#include "fs/throttle.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

#ifndef RWF_APPEND
#define RWF_APPEND 0x00000010
#endif

/* --- reading ---------------------------------------------------------------------------------- */

static void reply_read(struct io *io, char *buf, ssize_t n)
{
	if (n < 0) {
		op_reply(io->req, (int)n);
		return;
	}
	stats_read(&io->server->stats, io->lane, (uint64_t)n);
	answer_buf(io->req, io->payload.buf ? io->payload.buf : buf, (size_t)n);
}

static void read_done(struct backend_request *request, ssize_t result)
{
	struct io *io = (struct io *)request;

	if (io_finish(io))
		reply_read(io, request->buf, result);
	io_put(io);
}

static void read_again(struct op_again *again)
{
	op_read(again->work.req, again->ino, again->size, again->offset, &again->info);
}

static void read_after_lease(fuse_req_t req, struct handle *handle, size_t size, off_t offset)
{
	op_retry_after_lease(req, &(struct op_again){.run = read_again,
					  .ino = handle->inode->nodeid,
					  .info.fh = (uintptr_t)handle,
					  .size = size,
					  .offset = offset});
}

static void read_file(fuse_req_t req, struct handle *handle, size_t size, off_t offset)
{
	struct io *io = io_get(req, handle);
	int r = io ? 0 : -ENOMEM;

	if (r == 0)
		r = handle_bytes(server_of(req), handle, &io->request.file);
	if (r == 0) {
		io->request.buf = io_buffer(io, size);
		r = io->request.buf ? 0 : -ENOMEM;
	}
	if (r < 0) {
		if (io)
			io_put(io);
		if (r == -EAGAIN)
			read_after_lease(req, handle, size, offset);
		else
			op_reply(req, r);
		return;
	}
	io->request.size = size;
	io->request.offset = offset;
	io->request.done = read_done;
	io->is_read = true;
	io_begin(io);
	backend_read(&io->request);
}

static void read_copy(fuse_req_t req, struct handle *handle, size_t size, off_t offset)
{
	struct io *io = io_get(req, handle);
	char *buf = io ? io_buffer(io, size) : NULL;
	ssize_t n = buf ? cache_read(server_of(req)->cache, handle->object, buf, size, (uint64_t)offset)
			: -ENOMEM;

	if (!io) {
		op_reply(req, -ENOMEM);
		return;
	}
	reply_read(io, buf, n);
	io_put(io);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);

	if (handle->object && !handle->object->frozen)
		read_copy(req, handle, size, offset);
	else
		read_file(req, handle, size, offset);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* A write that the copy follows, or that needs the caller's flags or rights: made by pwritev2(2), not by the
 * backend. */
struct plain_write {
	struct op_work work;
	struct backend_request written; /* reported to the backend afterwards */
	struct handle *handle;
	const char *buf;
	size_t size;
	off_t offset;
	uid_t uid; /* the user whose space is taken */
	struct creds_bits bits;
	int flags; /* RWF_APPEND, RWF_DSYNC, RWF_SYNC */
	bool writepage;
};

/* How the write must be synced before the reply, beyond what the handle was opened with: this one write
 * (pwritev2(2)), or all writes because of the mount option sync or write=through. Stores through a mapping
 * are written by the kernel, which syncs them itself. */
static int sync_of(const struct handle *handle, const struct fuse_file_info *info)
{
	int flags = info->flags | (handle->through && !info->writepage ? O_DSYNC : 0);
	int wanted = flags & O_SYNC & ~handle->open_flags;

	return wanted & ~O_DSYNC ? RWF_SYNC : wanted ? RWF_DSYNC : 0;
}

static ssize_t write_all(int fd, const char *buf, size_t size, off_t offset, int flags)
{
	size_t done = 0;

	while (done < size) {
		struct iovec part = {.iov_base = (void *)(uintptr_t)(buf + done), .iov_len = size - done};
		ssize_t n = pwritev2(fd, &part, 1, offset + (off_t)done, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return done ? (ssize_t)done : n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* The offset of an appending write of n bytes. */
static off_t offset_of_append(int fd, ssize_t n)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_size - n;
}

/* Writes what was stored through a mapping. Unlike write(2), that keeps the file's capabilities. */
static ssize_t write_mapped(int fd, const struct plain_write *w)
{
	char caps[64];
	ssize_t size = fgetxattr(fd, "security.capability", caps, sizeof(caps));
	ssize_t n = write_all(fd, w->buf, w->size, w->offset, 0);

	if (size > 0 && fsetxattr(fd, "security.capability", caps, (size_t)size, 0) < 0)
		return -errno;
	return n;
}

static ssize_t write_both(struct server *server, struct plain_write *w)
{
	struct inode *inode = w->handle->inode;
	int fd = handle_fd(server, w->handle);
	struct object *copy;
	bool fresh = false, as_user;
	ssize_t n;

	if (fd < 0)
		return fd;
	copy = copy_change_begin(server, inode, &fresh);
	as_user = space_begin(tree_space(inode), w->uid, fd, w->size);
	creds_bits_begin(&w->bits);
	n = w->writepage ? write_mapped(fd, w) : write_all(fd, w->buf, w->size, w->offset, w->flags);
	creds_bits_end(&w->bits);
	space_end(as_user);
	if (w->flags & RWF_APPEND && n > 0)
		w->offset = offset_of_append(fd, n);
	if (copy && n > 0 && copy_can_follow(server, inode, copy, fresh, (uint64_t)w->offset))
		cache_write(server->cache, copy, w->buf, (size_t)n, (uint64_t)w->offset);
	copy_change_end(server, inode, copy, fresh);
	if (w->handle->bytes && n > 0)
		backend_file_changed(w->handle->bytes);
	return n;
}

/* With dirty_max: the delayed reply to a write. */
struct late_answer {
	struct throttled throttled;
	size_t size;
};

static void answer_late(struct throttled *throttled)
{
	struct late_answer *late = (struct late_answer *)throttled;

	answer_write(throttled->req, late->size);
	free(late);
}

/* Streams that bypass the page cache have a bound of their own. */
static bool is_throttled(struct server *server, struct handle *handle, size_t size)
{
	if (!server->throttle || handle->around)
		return false;
	flusher_wrote(server->flusher, handle->inode, size);
	return throttle_is_due(server, handle->inode);
}

static void reply_written(fuse_req_t req, struct handle *handle, ssize_t n)
{
	struct server *server = server_of(req);
	struct late_answer *late;

	if (n < 0) {
		op_reply(req, (int)n);
		return;
	}
	stats_wrote(&server->stats, handle->lane, (uint64_t)n);
	late = is_throttled(server, handle, (size_t)n) ? malloc(sizeof(*late)) : NULL;
	if (!late) {
		answer_write(req, (size_t)n);
		return;
	}
	*late = (struct late_answer){
		.throttled = {.req = req, .inode = handle->inode, .answer = answer_late}, .size = (size_t)n};
	throttle_answer(server->throttle, &late->throttled);
}

static void plain_write_noted(struct backend_request *request, ssize_t result)
{
	struct plain_write *w =
		(struct plain_write *)((char *)request - offsetof(struct plain_write, written));

	reply_written(w->work.req, w->handle, result);
	free(w);
}

static void plain_write_run(struct op_work *op)
{
	struct plain_write *w = (struct plain_write *)op;
	struct server *server = server_of(op->req);
	ssize_t n = write_both(server, w);

	if (n > 0 && w->handle->around && handle_bytes(server, w->handle, &w->written.file) == 0) {
		/* the window limits a large file's pages however they were written */
		w->written.offset = w->offset;
		w->written.size = (size_t)n;
		w->written.done = plain_write_noted;
		backend_wrote(&w->written);
		return;
	}
	reply_written(op->req, w->handle, n);
	free(w);
}

static void write_done(struct backend_request *request, ssize_t result)
{
	struct io *io = (struct io *)request;

	io_finish(io);
	reply_written(io->req, io->handle, result);
	io_put(io);
}

static void write_direct(fuse_req_t req, struct handle *handle, const char *buf, size_t size, off_t offset,
	int sync, bool around)
{
	struct server *server = server_of(req);
	struct backend_file *file;
	struct io *io;
	int r = handle_bytes(server, handle, &file);

	if (r < 0) {
		op_reply(req, r);
		return;
	}
	if (!fuse_req_is_uring(req)) {
		/* the data lies in the thread's receive buffer: it must be used before the next request */
		reply_written(req, handle, sync_write(file, buf, size, offset, sync, around));
		return;
	}
	io = io_get(req, handle);
	if (!io) {
		op_reply(req, -ENOMEM);
		return;
	}
	io->request.file = file;
	io->request.buf = (void *)(uintptr_t)buf;
	io->request.size = size;
	io->request.offset = offset;
	io->request.sync = sync;
	io->request.around = around;
	io->request.done = write_done;
	io->is_read = false;
	io_begin(io);
	backend_write(&io->request);
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t offset,
	struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);
	bool append = (info->flags & O_APPEND) && !info->writepage;
	bool privileged = handle->privileged_bits || inode_is(handle->inode, INODE_PRIVILEGED);
	int sync = sync_of(handle, info);
	struct plain_write *w;

	if (handle->lane == LANE_DIRECT && !append && !privileged &&
		!space_is_short(tree_space(handle->inode), fuse_req_ctx(req)->uid, handle->fd, size)) {
		write_direct(req, handle, buf, size, offset, sync, info->flags & O_DIRECT);
		return;
	}
	w = malloc(sizeof(*w));
	if (!w) {
		op_reply(req, -ENOMEM);
		return;
	}
	*w = (struct plain_write){
		.work = {.run = plain_write_run, .req = req},
		.handle = handle,
		.buf = buf,
		.size = size,
		.offset = offset,
		/* the user who stored is not known: takes no space reserved for root */
		.uid = info->writepage ? CREDS_NOBODY : fuse_req_ctx(req)->uid,
		.flags = (append ? RWF_APPEND : 0) | sync,
		.writepage = info->writepage,
		.bits.keep = info->writepage,
	};
	if (privileged && !info->writepage)
		op_bits(req, handle->inode, info->kill_suidgid ? OP_KILL_BITS : OP_KEEP_BITS, &w->bits);
	op_work_run(&w->work);
}
