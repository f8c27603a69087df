#include "backends/direct_behind.h"
#include "backends/backend_file.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WINDOW_MIN = 1 << 20, /* below it there are no windows: all that a stream wrote is awaited at once */
	HELD_MIN = 256 << 10, /* at least so much at a time, so that not each small write waits */
};

/* --- what streams may hold -------------------------------------------------------------------- */

/* The size with which two windows are free: one fills up while the other is written back. */
static size_t window_within(const struct backend_file *file, uint64_t free)
{
	size_t window = file->backend->settings.write_window;

	while (window > WINDOW_MIN && window > free / 2)
		window /= 2;
	return window;
}

/* The file's lock must be held when you call any of the functions below this line, up to the next one. */

static uint64_t held(const struct backend_file *file)
{
	return file->settling_dirty + behind_dirty(&file->behind);
}

static void hold(struct backend_file *file)
{
	behind_bound_hold(&file->backend->written, &file->holder, held(file), clock_coarse_ns());
}

/* A small file stays in the page cache as long as there is room for what is dirty. */
static struct behind_work find_work(struct backend_file *file, bool large)
{
	uint64_t free = behind_bound_free(&file->backend->written);
	size_t window = window_within(file, free);
	struct behind_work work = {0};

	if (!large && held(file) < free)
		return work;
	if (free / 2 >= window)
		work = behind_take(&file->behind, window);
	else if (held(file) >= free && held(file) >= HELD_MIN)
		work = behind_take_all(&file->behind);
	if (!large)
		behind_keep(&file->behind, &work);
	file->settling_dirty += work.settle_dirty; /* until it is known to be clean */
	return work;
}

/* No lock is held from here on. */

/* --- work in the background ------------------------------------------------------------------- */

struct left_job {
	struct behind_job job;
	struct behind_bound *bound;
	uint64_t dirty;
};

static void left_free(struct left_job *left)
{
	behind_bound_end(left->bound, left->dirty);
	free(left);
}

static void left_settled(struct behind_job *job)
{
	close(job->fd);
	left_free((struct left_job *)job);
}

/* Work in the background has a descriptor of its own, not open for writing: so a program that was just
 * written can be executed. */
static void settle_left(struct backend_file *file, struct behind_range range, uint64_t dirty)
{
	struct left_job *left;

	if (range.from == range.to)
		return;
	left = malloc(sizeof(*left));
	if (!left)
		return;
	left->bound = &file->backend->written;
	left->dirty = dirty;
	left->job = (struct behind_job){
		.engine = file->backend->engine,
		.stats = &file->backend->stats,
		.fd = backend_file_reopen(file, O_RDONLY | O_CLOEXEC),
		.work.settle = range,
		.done = left_settled,
	};
	behind_bound_begin(left->bound, left->dirty);
	if (left->job.fd < 0)
		left_free(left);
	else
		behind_run(&left->job);
}

/* --- a handle's stream ------------------------------------------------------------------------ */

void direct_behind_begin(struct backend_request *request, size_t size)
{
	if (request->work.on_its_way || backend_file_stays_cached(request->file))
		return;
	request->work.on_its_way = size;
	behind_bound_begin(&request->file->backend->written, size);
}

void direct_behind_end(struct backend_request *request)
{
	if (request->work.on_its_way)
		behind_bound_end(&request->file->backend->written, request->work.on_its_way);
	request->work.on_its_way = 0;
}

bool direct_behind_note(
	struct backend_file *file, const struct backend_request *request, struct behind_work *work)
{
	size_t window = file->backend->settings.write_window;
	struct behind_range left;
	bool may_be_due, large;
	uint64_t dirty;

	lock_take(&file->lock, LOCK_FILE);
	dirty = behind_dirty(&file->behind);
	left = behind_note(&file->behind, request->offset, request->size, request->work.buffered, window);
	hold(file);
	may_be_due = behind_is_full(&file->behind, window_within(file, 0)) || held(file) >= HELD_MIN;
	lock_drop(&file->lock, LOCK_FILE);
	if (!may_be_due && left.from == left.to)
		return false;
	large = backend_file_is_large(file, request->offset + (off_t)request->size);
	if (large)
		settle_left(file, left, dirty);
	lock_take(&file->lock, LOCK_FILE);
	*work = find_work(file, large);
	lock_drop(&file->lock, LOCK_FILE);
	return work->begin.from < work->begin.to || work->settle.from < work->settle.to;
}

void direct_behind_settled(struct backend_file *file, const struct behind_work *work)
{
	lock_take(&file->lock, LOCK_FILE);
	file->settling_dirty -= work->settle_dirty;
	hold(file);
	lock_drop(&file->lock, LOCK_FILE);
}

void direct_behind_close(struct backend_file *file)
{
	uint64_t dirty = behind_dirty(&file->behind);
	struct behind_range left = behind_end(&file->behind, file->backend->settings.write_window);
	struct stat st;

	/* a file without a name need not reach the disk, and its blocks must be freed by its last close */
	if (left.from < left.to && fstat(file->fd, &st) == 0 && st.st_nlink > 0 &&
		backend_file_is_large(file, left.to))
		settle_left(file, left, dirty);
	behind_bound_hold(&file->backend->written, &file->holder, 0, 0);
}
