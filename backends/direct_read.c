/*
 * direct_read - carries out a read request, piece by piece: resident pages from the page cache, aligned parts
 * straight into the caller's buffer, the rest through an aligned buffer. Each step has the engine do one
 * piece and goes on when that is done, until the request is complete or the file ends.
 */
#include "backends/direct_read.h"
#include "backends/backend_file.h"
#include "backends/resident.h"
#include "cache/base/lock_order.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	ODD_MAX = 64 << 10,         /* a request with an odd end is read in one piece up to here */
	DROP_BEHIND_STEP = 4 << 20, /* what the fallback leaves of one stream in the page cache */
};

static void read_step(struct backend_request *request);

static struct backend_request *request_of(struct engine_op *op)
{
	return (struct backend_request *)((char *)op - offsetof(struct backend_request, work.op));
}

static off_t read_position(const struct backend_request *request)
{
	return request->offset + (off_t)request->work.moved;
}

/* error is 0 or -errno; as with pread(2), bytes that were moved are the result even after an error. */
static void read_finish(struct backend_request *request, int error)
{
	struct backend *backend = request->file->backend;
	ssize_t result = request->work.moved ? (ssize_t)request->work.moved : error;

	if (result < 0)
		backend_count(&backend->stats.errors, 1);
	else
		backend_count(&backend->stats.read_bytes, result);
	request->done(request, result);
}

static bool read_is_at_end(const struct backend_request *request)
{
	struct stat st;

	return fstat(request->file->fd, &st) == 0 && read_position(request) >= st.st_size;
}

/* One read of the device is done: goes on with the request, or finishes it. */
static void read_advance(struct backend_request *request, size_t asked, ssize_t result)
{
	if (result > 0)
		request->work.moved += result;
	if (result < 0)
		read_finish(request, result);
	else if (result == 0 || request->work.moved == request->size)
		read_finish(request, 0);
	else if ((size_t)result < asked && read_is_at_end(request))
		read_finish(request, 0);
	else
		read_step(request);
}

/*
 * The fallback's drop-behind: a stream leaves at most a step of itself in the page cache. A jump starts anew,
 * so that random reads drop nothing.
 */
static void file_drop_behind(struct backend_file *file, off_t from, off_t to)
{
	off_t start = -1, end = to & ~(off_t)(PAGE - 1);

	lock_take(&file->lock, LOCK_FILE);
	if (from < file->kept_from || from > file->kept_from + 2 * DROP_BEHIND_STEP) {
		file->kept_from = from & ~(off_t)(PAGE - 1);
	} else if (end - file->kept_from >= DROP_BEHIND_STEP) {
		start = file->kept_from;
		file->kept_from = end;
	}
	lock_drop(&file->lock, LOCK_FILE);
	if (start < 0)
		return;
	posix_fadvise(file->fd, start, end - start, POSIX_FADV_DONTNEED);
	backend_count(&file->backend->stats.dropped_bytes, end - start);
}

static void buffered_done(struct engine_op *op, ssize_t result)
{
	struct backend_request *request = request_of(op);
	struct backend_file *file = request->file;

	if (result > 0) {
		backend_count(&file->backend->stats.buffered_bytes, result);
		if (!request->work.buffered)
			file_drop_behind(file, op->offset, op->offset + result);
	}
	read_advance(request, op->size, result);
}

static void read_submit(struct backend_request *request, int fd, void *buf, size_t size, off_t offset,
	void (*done)(struct engine_op *op, ssize_t result))
{
	request->work.op = (struct engine_op){
		.verb = ENGINE_READ,
		.fd = fd,
		.buf = buf,
		.size = size < ENGINE_SIZE_MAX ? size : ENGINE_SIZE_MAX,
		.offset = offset,
		.done = done,
		.here = true,
	};
	engine_submit(request->file->backend->engine, &request->work.op);
}

static void read_buffered(struct backend_request *request)
{
	struct backend_file *file = request->file;
	size_t moved = request->work.moved;

	backend_count(&file->backend->stats.buffered_reads, 1);
	read_submit(request, file->fd, (char *)request->buf + moved, request->size - moved,
		read_position(request), buffered_done);
}

/* A device that refuses what the alignment promised is not asked again through this handle. */
static bool read_was_refused(struct backend_request *request, ssize_t result)
{
	if (result != -EINVAL && result != -EOPNOTSUPP)
		return false;
	backend_file_refuse(request->file, -result);
	read_step(request);
	return true;
}

/*
 * xfs answers EIO to O_DIRECT where blocks are reserved that nothing was written to yet, as fallocate(2) near
 * the file's end may leave them. A read through the page cache tells these from a real error.
 */
static bool read_has_failed(struct backend_request *request, ssize_t result)
{
	if (result != -EIO)
		return false;
	backend_count(&request->file->backend->stats.fallback_requests, 1);
	read_buffered(request);
	return true;
}

static void straight_done(struct engine_op *op, ssize_t result)
{
	struct backend_request *request = request_of(op);

	if (read_was_refused(request, result) || read_has_failed(request, result))
		return;
	if (result > 0)
		backend_count(&request->file->backend->stats.straight_bytes, result);
	read_advance(request, op->size, result);
}

/* Copies the request's part of the bounce buffer to the caller's buffer; returns its bytes, or -errno. */
static ssize_t bounce_copy(struct backend_request *request, const struct engine_op *op, ssize_t result)
{
	size_t skip = read_position(request) - op->offset;
	size_t wanted = request->size - request->work.moved;

	if (result < 0)
		return result;
	result = (size_t)result > skip ? result - (ssize_t)skip : 0;
	if ((size_t)result > wanted)
		result = wanted;
	memcpy((char *)request->buf + request->work.moved, request->work.bounce->data + skip, result);
	return result;
}

static void bounce_done(struct engine_op *op, ssize_t result)
{
	struct backend_request *request = request_of(op);
	size_t asked = op->size - (read_position(request) - op->offset);

	result = bounce_copy(request, op, result);
	buffers_give(&request->file->backend->buffers, request->work.bounce);
	request->work.bounce = NULL;
	if (!read_was_refused(request, result) && !read_has_failed(request, result))
		read_advance(request, asked, result);
}

static void read_bounced(struct backend_request *request, int fd)
{
	struct backend_file *file = request->file;
	off_t align = file->facts.offset_align;
	off_t start = read_position(request) & ~(align - 1);
	off_t end = (request->offset + (off_t)request->size + align - 1) & ~(align - 1);
	size_t size = end - start > BUFFER_SIZE ? BUFFER_SIZE : end - start;

	request->work.bounce = buffers_take(&file->backend->buffers);
	if (!request->work.bounce) {
		backend_count(&file->backend->stats.fallback_requests, 1);
		read_buffered(request);
		return;
	}
	backend_count(&file->backend->stats.bounce_reads, 1);
	read_submit(request, fd, request->work.bounce->data, size, start, bounce_done);
}

/* Whether the device may write into the caller's buffer from where the request stands. */
static bool may_go_straight(const struct backend_request *request)
{
	struct backend_file *file = request->file;
	size_t align = file->facts.offset_align, left = request->size - request->work.moved;
	uintptr_t buf = (uintptr_t)request->buf + request->work.moved;

	/* a small request with an odd end is better read at once than in two parts */
	if (left < align || (left & (align - 1) && left <= ODD_MAX))
		return false;
	return !(read_position(request) & (off_t)(align - 1)) && !(buf & (file->facts.memory_align - 1));
}

/* Reads around the page cache: as much as is aligned goes straight into the caller's buffer. */
static void read_direct(struct backend_request *request, int fd)
{
	struct backend_file *file = request->file;
	size_t size = (request->size - request->work.moved) & ~(size_t)(file->facts.offset_align - 1);

	if (!may_go_straight(request)) {
		read_bounced(request, fd);
		return;
	}
	backend_count(&file->backend->stats.straight_reads, 1);
	read_submit(request, fd, (char *)request->buf + request->work.moved, size, read_position(request),
		straight_done);
}

/* True when the request was finished from the window, or waits for it. */
static bool read_windowed(struct backend_request *request)
{
	for (;;) {
		size_t moved, left = request->size - request->work.moved;
		void *buf = (char *)request->buf + request->work.moved;

		switch (window_take(
			request->work.window, request, buf, left, read_position(request), &moved)) {
		case WINDOW_MISS:
			return false;
		case WINDOW_WAITS:
			return true;
		case WINDOW_COPIED:
			request->work.moved += moved;
			if (moved == left || read_is_at_end(request)) {
				read_finish(request, 0);
				return true;
			}
		}
	}
}

static void read_step(struct backend_request *request)
{
	int fd = request->work.buffered ? -1 : backend_file_descriptor(request->file);

	if (request->work.window && read_windowed(request))
		return;
	if (fd < 0)
		read_buffered(request);
	else
		read_direct(request, fd);
}

/* Pages of the range that are within the file. */
static uint64_t range_pages(int fd, off_t offset, size_t size)
{
	off_t end = offset + (off_t)size;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return UINT64_MAX;
	if (end > st.st_size)
		end = st.st_size;
	return end <= offset ? 0 : (end - 1) / PAGE - offset / PAGE + 1;
}

/* True when the page cache held all of it, and the request is answered. */
static bool read_resident(struct backend_request *request)
{
	struct backend_file *file = request->file;
	ssize_t moved;

	moved = resident_read(file->fd, request->buf, request->size, request->offset);
	if (moved < 0)
		return false;
	request->work.moved = moved;
	backend_count(&file->backend->stats.resident_bytes, moved);
	if ((size_t)moved < request->size && !read_is_at_end(request))
		return false;
	backend_count(&file->backend->stats.resident_reads, 1);
	read_finish(request, 0);
	return true;
}

/* For tmpfs, where no read waits. */
static void read_in_memory(struct backend_request *request)
{
	ssize_t result = pread(request->file->fd, request->buf, request->size, request->offset);

	if (result > 0) {
		request->work.moved = result;
		backend_count(&request->file->backend->stats.resident_reads, 1);
		backend_count(&request->file->backend->stats.resident_bytes, result);
	}
	read_finish(request, result < 0 ? -errno : 0);
}

/* Does not ask first what is resident: what is missing comes through the page cache in any case. */
static void read_through_cache(struct backend_request *request)
{
	request->work.buffered = true;
	if (!read_resident(request))
		read_step(request);
}

void direct_read_resume(struct backend_request *request)
{
	read_step(request);
}

/*
 * Resident pages of the range may be newer than anything that was read ahead, since stores through a mapping
 * move the change stamp only now and then. So with resident pages the request does not look into the window:
 * an O_DIRECT read writes them back first.
 */
static void read_as_streamed(struct backend_request *request)
{
	struct backend_file *file = request->file;
	struct stream_answer stream;
	off_t offset = request->offset;
	size_t size = request->size;
	uint64_t cached;

	lock_take(&file->lock, LOCK_FILE);
	stream = stream_note(&file->stream, file->direct_refused ? -1 : file->direct_fd, offset, size);
	lock_drop(&file->lock, LOCK_FILE);
	if (stream.random && file->random_buffered) {
		read_through_cache(request);
		return;
	}
	cached = resident_pages(file->fd, offset, size);
	if (!cached)
		request->work.window = stream.window;
	if (!cached || cached < range_pages(file->fd, offset, size) || !read_resident(request))
		read_step(request);
	/* The request may be gone, and the file with it. */
	if (stream.window) {
		if (stream.ahead)
			window_advance(stream.window, stream.order, &stream.record, offset, size);
		window_put(stream.window);
	}
}

void direct_read(struct backend_request *request)
{
	struct backend_file *file = request->file;

	backend_count(&file->backend->stats.reads, 1);
	request->work.moved = 0;
	request->work.bounce = NULL;
	request->work.window = NULL;
	request->work.buffered = false;
	if (request->size == 0)
		read_finish(request, 0);
	else if (request->offset < 0)
		read_finish(request, -EINVAL);
	else if (file->volume->in_memory)
		read_in_memory(request);
	else if (file->buffered)
		read_through_cache(request);
	else
		read_as_streamed(request);
}
