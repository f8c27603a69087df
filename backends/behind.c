#include "backends/behind.h"
#include <fcntl.h>

enum {
	PAGE = 4096,
	WHOLE = 1 << 20, /* a window ends at a multiple, where a folio ends, too */
};

/* --- bookkeeping ------------------------------------------------------------------------------ */

bool behind_continues(const struct behind *behind, off_t offset, size_t window)
{
	off_t gap = offset - behind->end;

	return gap <= (off_t)window && gap >= -(off_t)window;
}

static void start_at(struct behind *behind, off_t offset)
{
	offset -= offset % PAGE;
	*behind = (struct behind){.settled = offset, .begun = offset, .end = offset};
}

struct behind_range behind_end(struct behind *behind, size_t window)
{
	struct behind_range left = {0};

	if (behind->bytes >= window && (behind->begun_cached || behind->fresh_cached))
		left = (struct behind_range){behind->settled, behind->end};
	start_at(behind, behind->end);
	return left;
}

struct behind_range behind_note(struct behind *behind, off_t offset, size_t size, bool cached, size_t window)
{
	struct behind_range left = {0};
	off_t end = offset + (off_t)size;

	if (!behind_continues(behind, offset, window)) {
		left = behind_end(behind, window);
		start_at(behind, offset);
	}
	behind->fresh_cached |= cached;
	behind->bytes += size;
	behind->fresh += size;
	if (end > behind->end)
		behind->end = end;
	if (cached)
		behind->fresh_dirty += size;
	if (behind->fresh_dirty > (uint64_t)(behind->end - behind->begun))
		behind->fresh_dirty = (uint64_t)(behind->end - behind->begun);
	return left;
}

/* Half of the window must be new, so that a few bytes far apart do not fill it. */
bool behind_is_full(const struct behind *behind, size_t window)
{
	return behind->end - behind->begun >= (off_t)window && behind->fresh >= window / 2;
}

struct behind_work behind_take(struct behind *behind, size_t window)
{
	off_t begun = behind->end - behind->end % (off_t)(window < WHOLE ? window : WHOLE);
	struct behind_work work = {0};

	if (!behind_is_full(behind, window))
		return work;
	if (behind->fresh_cached)
		work.begin = (struct behind_range){behind->begun, begun};
	if (behind->begun_cached)
		work.settle = (struct behind_range){behind->settled, behind->begun};
	work.settle_dirty = behind->begun_cached ? behind->begun_dirty : 0;
	behind->settled = behind->begun;
	behind->begun = begun;
	behind->fresh = 0;
	behind->begun_cached = behind->fresh_cached;
	behind->begun_dirty = behind->fresh_dirty;
	behind->fresh_cached = behind->end > begun && behind->fresh_cached;
	behind->fresh_dirty = 0;
	return work;
}

struct behind_work behind_take_all(struct behind *behind)
{
	off_t end = behind->end - behind->end % PAGE;
	struct behind_work work = {.settle_dirty = behind_dirty(behind)};

	if (behind->begun_cached || behind->fresh_cached)
		work.settle = (struct behind_range){behind->settled, end};
	behind->settled = end;
	behind->begun = end;
	behind->fresh = 0;
	behind->begun_cached = false;
	behind->begun_dirty = 0;
	behind->fresh_cached = behind->end > end && behind->fresh_cached;
	behind->fresh_dirty = 0;
	return work;
}

void behind_keep(struct behind *behind, struct behind_work *work)
{
	work->keep = true;
	if (work->settle.from == work->settle.to)
		return;
	behind->settled = work->settle.from;
	behind->begun_cached = true;
}

uint64_t behind_dirty(const struct behind *behind)
{
	return behind->begun_dirty + behind->fresh_dirty;
}

/* --- work ------------------------------------------------------------------------------------- */

static void job_step(struct behind_job *job);

static struct behind_job *job_of(struct engine_op *op)
{
	return (struct behind_job *)op; /* its first member */
}

static void job_submit(struct behind_job *job, enum engine_verb verb, const struct behind_range *range,
	int flags, void (*done)(struct engine_op *op, ssize_t result))
{
	off_t size = range->to - range->from;

	job->op = (struct engine_op){
		.verb = verb,
		.fd = job->fd,
		.size = size < ENGINE_SIZE_MAX ? (size_t)size : ENGINE_SIZE_MAX,
		.offset = range->from,
		.rw_flags = flags,
		.done = done,
		.here = true,
	};
	engine_submit(job->engine, &job->op);
}

static void range_begun(struct engine_op *op, ssize_t result)
{
	struct behind_job *job = job_of(op);

	(void)result;
	job->work.begin.from += (off_t)op->size;
	job_step(job);
}

static void range_dropped(struct engine_op *op, ssize_t result)
{
	struct behind_job *job = job_of(op);

	if (result >= 0)
		backend_count(&job->stats->dropped_bytes, op->size);
	job->work.settle.from += (off_t)op->size;
	job_step(job);
}

static void range_written(struct engine_op *op, ssize_t result)
{
	struct behind_job *job = job_of(op);

	(void)result;
	if (job->work.keep) {
		job->work.settle.from += (off_t)op->size;
		job_step(job);
	} else {
		job_submit(job, ENGINE_DROP, &job->work.settle, 0, range_dropped);
	}
}

static void job_step(struct behind_job *job)
{
	const int wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	const struct behind_work *work = &job->work;

	if (work->begin.from < work->begin.to)
		job_submit(job, ENGINE_SYNC, &work->begin, SYNC_FILE_RANGE_WRITE, range_begun);
	else if (work->settle.from < work->settle.to)
		job_submit(job, ENGINE_SYNC, &work->settle, wait, range_written);
	else
		job->done(job);
}

void behind_run(struct behind_job *job)
{
	job_step(job);
}
