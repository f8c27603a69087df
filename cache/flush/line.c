#include "cache/flush/line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/base/page_cache.h"

/* A file up to this size is counted when it is closed, which takes a few microseconds. */
#define COUNT_AT_CLOSE (16ll << 20)
/* Writeback is started in pieces of this size, so that unmounting waits for one piece at most. */
#define CHUNK (8ll << 20)
/* Most time that a pass spends on counting active files; the next pass goes on where it ended. */
#define SLICE_MS 50
/* After counting, a line rests this many times as long as the counting took, unless writers wait. */
#define COUNT_SHARE 4
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

static struct flush_file *file_of(struct dirty_file *dirty)
{
	return (struct flush_file *)dirty; /* its first member */
}

/* --- what a file needs; under the lock -------------------------------------------------------- */

static bool is_more_than_open(const struct flush_file *file)
{
	return file->dirty.writeback || file->again || file->clean;
}

bool flush_line_is_over(const struct flush_line *line, const struct flush_file *file, int64_t now_ms)
{
	if (file->opens)
		return false;
	if (file->nameless)
		return true;
	if (file->dirty.dirty || file->dirty.writeback || file->again)
		return false;
	return !file->may_map ||
	       (file->clean && now_ms - file->dirty.since_ms >= line->queue.all->limits.period_ms);
}

void flush_line_call(struct flush_line *line, int64_t ms)
{
	ms = MAX(ms, line->rest_ms);
	if (line->wake_ms <= ms)
		return;
	line->wake_ms = ms;
	pthread_cond_signal(&line->wake);
}

static void call_for(struct flush_line *line, const struct flush_file *file)
{
	int64_t now_ms = clock_now_ms();

	if (line->wake_ms == DIRTY_NEVER || dirty_next(&line->queue, now_ms, now_ms))
		flush_line_call(line, line->pass_ms + DIRTY_PAUSE_MIN_MS);
	else if (dirty_has_amounts(line->queue.all) && (file->opens || file->again))
		flush_line_call(line, now_ms + DIRTY_PAUSE_MAX_MS);
	else if (is_more_than_open(file))
		flush_line_call(line, now_ms + line->queue.all->limits.period_ms);
}

void flush_line_settle(struct flush_line *line, struct flush_file *file)
{
	bool active = !file->nameless && (file->opens || is_more_than_open(file));
	bool was_active = list_has(&line->active, &file->active);

	if (active && !was_active)
		list_push_last(&line->active, &file->active);
	if (!active && was_active)
		list_remove(&line->active, &file->active);
	line->active_count += (size_t)active - (size_t)was_active;
	line->unsettled |= active && is_more_than_open(file);
	if (!file->nameless)
		call_for(line, file);
}

/* Notes the counts of when_ms. If before and after are two structs, writeback was started in between. */
static void note_count(struct flush_line *line, struct flush_file *file, const struct dirty_count *before,
	const struct dirty_count *after, int64_t when_ms)
{
	bool clean = !after->dirty && !after->writeback && !file->opens;

	if (before != after)
		dirty_started(&line->queue, &file->dirty, before, after, when_ms);
	else /* a mapped file that is still clean keeps the time when it was first found clean */
		dirty_counted(&line->queue, &file->dirty, after,
			clean && file->clean ? file->dirty.since_ms : when_ms);
	file->clean = clean && file->may_map;
}

static int count(int fd, struct dirty_count *out)
{
	struct page_cache_counts counts;
	int r = page_cache_count(fd, 0, 0, &counts);

	if (r == 0)
		*out = (struct dirty_count){counts.dirty, counts.writeback};
	return r;
}

/* Whether counting the file takes microseconds. Does not wait for a disk. */
static bool is_short(int fd)
{
	int64_t size = page_cache_file_size(fd);

	return size >= 0 && size <= COUNT_AT_CLOSE;
}

void flush_line_count(struct flush_line *line, struct flush_file *file, int fd)
{
	int64_t now_ms = clock_now_ms();
	struct dirty_count found = {0};

	if (file->nameless)
		return;
	file->again = file->busy || fd < 0 || !is_short(fd) || count(fd, &found) < 0;
	if (!file->again)
		note_count(line, file, &found, &found, now_ms);
	flush_line_settle(line, file);
}

/* --- looking; by the thread ------------------------------------------------------------------- */

void flush_line_ask(struct flush_line *line, struct flush_file *file, bool asked)
{
	line->asked_count += (size_t)asked - (size_t)file->asked;
	file->asked = asked;
}

struct look {
	bool is_turn; /* the file is first in the queue */
	bool writes;  /* if anything is dirty */
	bool wrote;
	bool asked; /* flusher_flush() waits for it */
	struct dirty_count before, after;
	int64_t when_ms;
};

/* Waits for nothing but room in the device's queue. Ends at the present size: otherwise it would go on for as
 * long as a program appends. */
static int start_writeback(const struct flusher *flusher, int fd)
{
	int64_t size = page_cache_file_size(fd);

	for (off_t at = 0; at < size && !flusher->ending; at += CHUNK)
		if (sync_file_range(fd, at, MIN(CHUNK, size - at), SYNC_FILE_RANGE_WRITE) < 0)
			return -errno;
	return size < 0 ? (int)size : 0;
}

/* Writeback may take long to start: callers that ask meanwhile must see the new count. */
static void note_before(struct flush_line *line, struct flush_file *file, const struct look *look)
{
	lock_take(&line->flusher->lock, LOCK_FLUSHER);
	if (!file->nameless)
		dirty_counted(&line->queue, &file->dirty, &look->before, look->when_ms);
	lock_drop(&line->flusher->lock, LOCK_FLUSHER);
}

/* Without the lock. 0 or -errno. */
static int count_and_write(struct flush_line *line, struct flush_file *file, int fd, struct look *look)
{
	int r;

	look->when_ms = clock_now_ms();
	r = count(fd, &look->before);
	look->after = look->before;
	if (r < 0 || !look->writes || !look->before.dirty)
		return r;
	look->wrote = true;
	note_before(line, file, look);
	r = start_writeback(line->flusher, fd);
	count(fd, &look->after);
	return r;
}

static bool passes(int r)
{
	return r == -EAGAIN || r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

static void tell(struct flusher *flusher, const struct flush_file *file, const struct look *look, int r)
{
	atomic_fetch_add(&flusher->stats.looks, 1);
	if (look->wrote && look->before.dirty > look->after.dirty)
		atomic_fetch_add(&flusher->stats.started_bytes,
			(look->before.dirty - look->after.dirty) * PAGE_CACHE_PAGE);
	if (r == 0 || r == -EAGAIN || r == -ESTALE || r == -ENOENT) /* leased, or removed in SOURCE */
		return;
	atomic_fetch_add(&flusher->stats.failures, 1);
	if (flusher->host.failed)
		flusher->host.failed(flusher->host.context, file->owner, -r);
}

/* (locked) A file that can't be opened or counted is left to the kernel. */
static void note_look(struct flush_line *line, struct flush_file *file, const struct look *look, int r)
{
	bool counted = look->wrote || r == 0;
	bool was_asked_meanwhile = file->again;

	if (file->nameless) {
		dirty_remove(&line->queue, &file->dirty); /* it was removed meanwhile */
		return;
	}
	file->again = passes(r);
	if (counted && !was_asked_meanwhile)
		note_count(
			line, file, &look->before, look->wrote ? &look->after : &look->before, look->when_ms);
	else if (!counted && !file->again)
		dirty_counted(&line->queue, &file->dirty, &(struct dirty_count){0}, look->when_ms);
	file->again |= was_asked_meanwhile;
	if (look->is_turn) /* else the pass would get it again */
		dirty_postponed(&line->queue, &file->dirty, look->when_ms);
}

/* (locked) If more than limits.files are queued, a closed file that is only in writeback is forgotten. */
static bool is_spare(const struct flush_line *line, const struct flush_file *file)
{
	return !file->opens && !file->dirty.dirty && !file->again &&
	       line->queue.count > line->queue.all->limits.files;
}

/* (locked) */
static void look_at(struct flush_line *line, struct flush_file *file, bool is_turn)
{
	struct flusher *flusher = line->flusher;
	struct look look = {
		.is_turn = is_turn,
		.asked = file->asked || (is_turn && !dirty_is_flushed(&line->queue, &file->dirty)),
		.when_ms = clock_now_ms(),
	};
	int fd, r;

	look.writes = is_turn || dirty_is_late(&line->queue, &file->dirty, look.when_ms);
	file->busy = true;
	file->again = false;
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	fd = flusher->host.open(flusher->host.context, file->owner);
	r = fd < 0 ? fd : count_and_write(line, file, fd, &look);
	if (fd >= 0)
		close(fd);
	tell(flusher, file, &look, r);
	lock_take(&flusher->lock, LOCK_FLUSHER);
	file->busy = false;
	note_look(line, file, &look, r);
	flush_line_ask(line, file, look.asked && !file->nameless && (file->dirty.writeback || file->again));
	flush_line_settle(line, file);
	if (!flush_line_is_over(line, file, look.when_ms) && !is_spare(line, file))
		return;
	flusher_forget(flusher, file);
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	flusher->host.let_go(flusher->host.context, file->owner);
	free(file);
	lock_take(&flusher->lock, LOCK_FLUSHER);
}

/* (locked) Other threads may remove files from the list meanwhile, but add them at its end only. */
static void count_active(struct flush_line *line)
{
	bool all = dirty_has_amounts(line->queue.all);
	size_t left = line->active_count;
	int64_t took_ms;

	line->unsettled = false;
	for (; left > 0 && line->active.first; left--) {
		struct flush_file *file = list_entry(line->active.first, struct flush_file, active);

		list_remove(&line->active, &file->active);
		list_push_last(&line->active, &file->active);
		if (all || is_more_than_open(file))
			look_at(line, file, false);
		if (line->flusher->ending || clock_now_ms() - line->pass_ms > SLICE_MS)
			break;
	}
	line->unsettled |= left > 1;
	took_ms = MIN(clock_now_ms() - line->pass_ms, SLICE_MS); /* the disk may have hung */
	line->rest_ms = clock_now_ms() + took_ms * COUNT_SHARE;
}

/* (locked) */
static void go_round(struct flush_line *line)
{
	int64_t pass_ms = clock_now_ms();
	struct dirty_file *next;

	line->pass_ms = pass_ms;
	count_active(line);
	while (!line->flusher->ending && (next = dirty_next(&line->queue, clock_now_ms(), pass_ms)))
		look_at(line, file_of(next), true);
	line->wake_ms = dirty_again(
		&line->queue, pass_ms, line->open_count > 0, line->unsettled, line->asked_count > 0);
	if (dirty_must_wait(&line->queue))
		line->rest_ms = 0;
	line->wake_ms = MAX(line->wake_ms, line->rest_ms);
}

static void sleep_until(struct flush_line *line, int64_t ms)
{
	struct timespec until;

	if (ms == DIRTY_NEVER) {
		pthread_cond_wait(&line->wake, &line->flusher->lock);
		return;
	}
	until = clock_timespec(ms * CLOCK_NS_PER_MS);
	pthread_cond_timedwait(&line->wake, &line->flusher->lock, &until);
}

void *flush_line_run(void *context)
{
	struct flush_line *line = context;
	struct flusher *flusher = line->flusher;

	lock_take(&flusher->lock, LOCK_FLUSHER);
	while (!flusher->ending) {
		go_round(line);
		while (!flusher->ending && line->wake_ms > clock_now_ms())
			sleep_until(line, line->wake_ms);
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	return NULL;
}
