/*
 * direct_write - carries out a write request, repeated until all of it is written or an error ends it.
 *
 * It goes around the page cache if the file is large, the request is aligned and large enough, no page of the
 * range is in the page cache (a cached page may be mapped, so the write must go to it), and a window in the
 * page cache would not be faster (direct_mode.h). All other writes go through the page cache. A stream of
 * such writes is uncached where the kernel can do that (6.14), and has a bounded window there: when it is
 * full, its writeback is started, and the request waits for that of the window before, which is then dropped.
 * So a writer that is faster than the disk is slowed. All such windows together have a bound
 * (direct_behind.h).
 */
#include "backends/direct_write.h"
#include "backends/backend_file.h"
#include "backends/direct_behind.h"
#include "backends/direct_mode.h"
#include "backends/resident.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/base/page_cache.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080
#endif

enum {
	PAGE = 4096,
};

static void write_step(struct backend_request *request);

static struct backend_request *request_of(struct engine_op *op)
{
	return (struct backend_request *)((char *)op - offsetof(struct backend_request, work.op));
}

/* The file's generation moves before the write is acknowledged, so that nothing older is served after it. */
static void write_finish(struct backend_request *request, int error)
{
	struct backend_file *file = request->file;

	direct_behind_end(request);
	node_changed(file->node);
	if (error)
		backend_count(&file->backend->stats.errors, 1);
	backend_count(&file->backend->stats.write_bytes, request->work.moved);
	request->done(request, error ? error : (ssize_t)request->work.moved);
}

static void write_submit(struct backend_request *request, enum engine_verb verb, int fd, size_t size,
	off_t offset, int flags, void (*done)(struct engine_op *op, ssize_t result))
{
	request->work.op = (struct engine_op){
		.verb = verb,
		.fd = fd,
		.buf = (char *)request->buf + request->work.moved,
		.size = size < ENGINE_SIZE_MAX ? size : ENGINE_SIZE_MAX, /* the rest follows later */
		.offset = offset,
		.rw_flags = flags,
		.done = done,
		.here = true,
	};
	engine_submit(request->file->backend->engine, &request->work.op);
}

static void window_settled(struct behind_job *job)
{
	struct backend_request *request =
		(struct backend_request *)((char *)job - offsetof(struct backend_request, work.behind));

	direct_behind_settled(request->file, &job->work);
	write_finish(request, 0);
}

/* All bytes are written. */
static void write_complete(struct backend_request *request)
{
	struct backend_file *file = request->file;
	struct behind_job *job = &request->work.behind;
	struct behind_work work;

	direct_behind_end(request);
	if (backend_file_stays_cached(file) || !direct_behind_note(file, request, &work)) {
		write_finish(request, 0);
		return;
	}
	*job = (struct behind_job){
		.engine = file->backend->engine,
		.stats = &file->backend->stats,
		.fd = backend_file_sync_descriptor(file),
		.work = work,
		.done = window_settled,
	};
	if (job->fd >= 0) {
		behind_run(job);
		return;
	}
	direct_behind_settled(file, &work);
	write_finish(request, 0);
}

static void write_advance(struct backend_request *request, ssize_t result)
{
	if (result > 0)
		request->work.moved += result;
	if (result < 0)
		write_finish(request, result);
	else if (request->work.moved == request->size)
		write_complete(request);
	else if (result == 0)
		write_finish(request, -EIO);
	else
		write_step(request);
}

/* Whether the volume can't write uncached. If so, the write is submitted again without the flag. */
static bool write_was_refused(struct backend_request *request, int flags, ssize_t result)
{
	if (!(flags & RWF_DONTCACHE) || (result != -EOPNOTSUPP && result != -EINVAL))
		return false;
	request->file->volume->uncached = false;
	write_step(request);
	return true;
}

static void buffered_done(struct engine_op *op, ssize_t result)
{
	struct backend_request *request = request_of(op);

	pace_elsewhere(&request->file->volume->pace, request->work.started_ns, clock_now_ns());
	if (!write_was_refused(request, op->rw_flags, result))
		write_advance(request, result);
}

static void direct_done(struct engine_op *op, ssize_t result)
{
	struct backend_request *request = request_of(op);
	struct backend_file *file = request->file;

	if (result == -EINVAL || result == -EOPNOTSUPP) {
		backend_file_refuse(file, -result);
		write_step(request);
		return;
	}
	if (result > 0)
		backend_count(&file->backend->stats.direct_write_bytes, result);
	write_advance(request, result);
}

/* The size as this machine knows it: asking SOURCE would cost a network request for each small write. Asked
 * for once per request, since the bytes that it has written itself are in the page cache. */
static int64_t size_of_file(struct backend_request *request)
{
	if (request->work.file_size < 0)
		request->work.file_size = page_cache_file_size(request->file->fd);
	return request->work.file_size;
}

static bool file_is_large(struct backend_request *request, off_t end)
{
	off_t from = request->file->backend->write_direct_from;

	return end > from || size_of_file(request) > from;
}

/*
 * Whether this thread may write to the page cache itself. It would wait for the disk if a page that is
 * written in part had to be read first, or while other writes to this file system wait. A write that could go
 * around the page cache is so large that handing it over costs less than delaying this thread's other
 * requests.
 */
static bool write_is_quick(struct backend_request *request, size_t size, off_t offset)
{
	struct backend_file *file = request->file;
	off_t end = offset + (off_t)size;

	if (file->backend->faulty_engine || file->writes_wait || request->sync || request->work.in_cache)
		return false;
	if (!pace_is_quick(&file->volume->pace, clock_now_ns()))
		return false;
	if (!(offset % PAGE) && !(end % PAGE))
		return true;
	if (size_of_file(request) < 0)
		return false;
	if (offset % PAGE && offset - offset % PAGE < size_of_file(request) &&
		!resident_pages(file->fd, offset, 1))
		return false;
	return !(end % PAGE) || end >= size_of_file(request) || resident_pages(file->fd, end, 1);
}

static ssize_t write_now(struct backend_file *file, const void *buf, size_t size, off_t offset, int flags)
{
	struct iovec iov = {.iov_base = (void *)buf, .iov_len = size};
	struct pace *pace = &file->volume->pace;
	uint64_t began = clock_now_ns();
	ssize_t moved;

	pace_begin(pace, began);
	do {
		moved = pwritev2(file->fd, &iov, 1, offset, flags);
	} while (moved < 0 && errno == EINTR);
	if (moved < 0)
		moved = -errno;
	pace_end(pace, began, clock_now_ns());
	return moved;
}

/* A stream into a large file leaves the page cache as soon as it is written back; other writes stay there. */
static int buffered_flags(struct backend_request *request, off_t offset, size_t size)
{
	struct backend_file *file = request->file;
	bool stream;

	if (backend_file_stays_cached(file) || !file->volume->uncached)
		return 0;
	lock_take(&file->lock, LOCK_FILE);
	stream = offset == file->behind.end;
	lock_drop(&file->lock, LOCK_FILE);
	return stream && file_is_large(request, offset + (off_t)size) ? RWF_DONTCACHE : 0;
}

static bool write_may_block(const struct backend_file *file)
{
	return !file->volume->in_memory || file->backend->faulty_engine;
}

static void write_buffered(struct backend_request *request)
{
	struct backend_file *file = request->file;
	size_t left = request->size - request->work.moved;
	off_t offset = request->offset + (off_t)request->work.moved;
	int flags = buffered_flags(request, offset, left) | request->sync;
	ssize_t result;

	backend_count(&file->backend->stats.buffered_writes, 1);
	backend_count(&file->backend->stats.window_writes, request->work.in_cache);
	request->work.buffered = true;
	direct_behind_begin(request, left);
	if (write_may_block(file) && !write_is_quick(request, left, offset)) {
		request->work.started_ns = clock_now_ns();
		write_submit(request, ENGINE_WRITE, file->fd, left, offset, flags, buffered_done);
		return;
	}
	result = write_now(file, (const char *)request->buf + request->work.moved, left, offset, flags);
	if (!write_was_refused(request, flags, result))
		write_advance(request, result);
}

/* Bytes that can go around the page cache now, from where the request stands. */
static size_t direct_size(struct backend_request *request)
{
	struct backend_file *file = request->file;
	size_t align = file->facts.offset_align, left = request->size - request->work.moved;
	uintptr_t buf = (uintptr_t)request->buf + request->work.moved;
	off_t offset = request->offset + (off_t)request->work.moved;
	size_t size;

	/* Whole pages: a device may take less, but then the rest of a page could be in the page cache. */
	if (align < PAGE)
		align = PAGE;
	size = left & ~(align - 1);
	if (backend_file_stays_cached(file) || !size || size < file->backend->settings.write_direct_min ||
		offset & (off_t)(align - 1) || buf & (file->facts.memory_align - 1))
		return 0;
	if (!file_is_large(request, offset + (off_t)left) || resident_pages(file->fd, offset, size))
		return 0;
	return size;
}

static void write_step(struct backend_request *request)
{
	struct backend_file *file = request->file;
	size_t size = request->work.in_cache ? 0 : direct_size(request);
	int fd = size ? backend_file_descriptor(file) : -1;

	if (fd >= 0 && !request->work.moved)
		request->work.in_cache = direct_mode_is_window(request, size);
	if (fd < 0 || request->work.in_cache) {
		write_buffered(request);
		return;
	}
	backend_count(&file->backend->stats.direct_writes, 1);
	write_submit(request, ENGINE_WRITE, fd, size, request->offset + (off_t)request->work.moved,
		request->sync, direct_done);
}

void direct_write(struct backend_request *request)
{
	struct backend *backend = request->file->backend;

	backend_count(&backend->stats.writes, 1);
	request->work.moved = 0;
	request->work.file_size = -1;
	request->work.buffered = false;
	request->work.on_its_way = 0;
	request->work.in_cache = false;
	if (request->size == 0)
		write_finish(request, 0);
	else if (request->offset < 0)
		write_finish(request, -EINVAL);
	else
		write_step(request);
}

void direct_wrote(struct backend_request *request)
{
	struct backend *backend = request->file->backend;

	backend_count(&backend->stats.writes, 1);
	backend_count(&backend->stats.buffered_writes, 1);
	request->work.moved = request->size;
	request->work.buffered = true;
	request->work.on_its_way = 0;
	write_complete(request);
}
