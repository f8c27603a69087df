#include "cache/flush/flusher.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "cache/base/clock.h"
#include "cache/base/hash.h"
#include "cache/base/lock_order.h"
#include "cache/base/page_cache.h"
#include "cache/flush/line.h"

/* --- the table; under the lock ---------------------------------------------------------------- */

static struct flush_file **slot_of(struct flusher *flusher, const void *owner)
{
	struct flush_file **slot = &flusher->buckets[hash_mix64((uintptr_t)owner) % BUCKETS];

	while (*slot && (*slot)->owner != owner)
		slot = &(*slot)->next;
	return slot;
}

static struct flush_line *line_of(struct flusher *flusher, const struct flush_file *file)
{
	return &flusher->lines[file->line];
}

void flusher_forget(struct flusher *flusher, struct flush_file *file)
{
	struct flush_line *line = line_of(flusher, file);

	*slot_of(flusher, file->owner) = file->next;
	if (list_has(&line->active, &file->active)) {
		list_remove(&line->active, &file->active);
		line->active_count--;
	}
	if (file->dirty.place)
		dirty_remove(&line->queue, &file->dirty);
	flush_line_ask(line, file, false);
	flusher->file_count--;
}

/* Each of the first FLUSHER_LINES file systems that are written has its own line; the others share them. */
static unsigned line_for(struct flusher *flusher, dev_t device)
{
	unsigned i;

	for (i = 0; i < flusher->lines_used; i++)
		if (flusher->lines[i].device == device)
			return i;
	if (i == FLUSHER_LINES)
		return device % FLUSHER_LINES;
	flusher->lines[i].device = device;
	return flusher->lines_used++;
}

static struct flush_file *insert(struct flusher *flusher, void *owner, const struct flusher_open *how)
{
	struct flush_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->owner = owner;
	file->line = (uint8_t)line_for(flusher, how->device);
	file->nameless = how->nameless;
	file->dirty.since_ms = clock_now_ms();
	if (!file->nameless &&
		dirty_add(&line_of(flusher, file)->queue, &file->dirty, file->dirty.since_ms) < 0) {
		free(file);
		return NULL;
	}
	*slot_of(flusher, owner) = file;
	flusher->file_count++;
	flusher->host.hold(flusher->host.context, owner);
	return file;
}

/* --- what happens to files -------------------------------------------------------------------- */

bool flusher_begin(struct flusher *flusher, void *owner, const struct flusher_open *how)
{
	struct flush_file *file;

	if (!flusher)
		return false;
	lock_take(&flusher->lock, LOCK_FLUSHER);
	file = *slot_of(flusher, owner);
	if (!file)
		file = insert(flusher, owner, how);
	if (file) {
		line_of(flusher, file)->open_count += file->opens++ == 0;
		file->may_map |= how->may_map;
		file->clean = false;
		flush_line_settle(line_of(flusher, file), file);
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	if (!file)
		atomic_fetch_add(&flusher->stats.refused, 1);
	return file != NULL;
}

/* (locked) NULL: the file is still needed. */
static struct flush_file *forget_if_over(struct flusher *flusher, struct flush_file *file)
{
	if (file->busy || !flush_line_is_over(line_of(flusher, file), file, clock_now_ms()))
		return NULL; /* a busy file is left to the thread of its line */
	flusher_forget(flusher, file);
	return file;
}

static void let_go(struct flusher *flusher, struct flush_file *file)
{
	if (file)
		flusher->host.let_go(flusher->host.context, file->owner);
	free(file);
}

void flusher_count(struct flusher *flusher, void *owner, int fd)
{
	struct flush_file *file;

	lock_take(&flusher->lock, LOCK_FLUSHER);
	file = *slot_of(flusher, owner);
	if (file)
		flush_line_count(line_of(flusher, file), file, fd);
	lock_drop(&flusher->lock, LOCK_FLUSHER);
}

void flusher_end(struct flusher *flusher, void *owner, int fd)
{
	struct flush_file *file;

	lock_take(&flusher->lock, LOCK_FLUSHER);
	file = *slot_of(flusher, owner);
	if (--file->opens == 0) {
		line_of(flusher, file)->open_count--;
		flush_line_count(line_of(flusher, file), file, fd);
		file = forget_if_over(flusher, file);
	} else {
		file = NULL;
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	let_go(flusher, file);
}

void flusher_removed(struct flusher *flusher, void *owner)
{
	struct flush_file *file;
	struct flush_line *line;

	if (!flusher)
		return;
	lock_take(&flusher->lock, LOCK_FLUSHER);
	file = *slot_of(flusher, owner);
	if (file && !file->nameless) {
		line = line_of(flusher, file);
		file->nameless = true;
		atomic_fetch_add(&flusher->stats.spared_bytes, (uint64_t)file->dirty.dirty * PAGE_CACHE_PAGE);
		if (!file->busy)
			dirty_remove(&line->queue, &file->dirty);
		flush_line_ask(line, file, false);
		flush_line_settle(line, file);
		file = forget_if_over(flusher, file);
	} else {
		file = NULL;
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	let_go(flusher, file);
}

void flusher_named(struct flusher *flusher, void *owner)
{
	struct flush_file *file;

	if (!flusher)
		return;
	lock_take(&flusher->lock, LOCK_FLUSHER);
	file = *slot_of(flusher, owner);
	if (file && file->nameless) {
		struct flush_line *line = line_of(flusher, file);

		if (file->dirty.place || dirty_add(&line->queue, &file->dirty, file->dirty.since_ms) == 0)
			file->nameless = false;
		flush_line_settle(line, file);
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
}

/* --- writers that wait ------------------------------------------------------------------------ */

void flusher_wrote(struct flusher *flusher, void *owner, uint64_t bytes)
{
	struct flush_file *file;

	if (!flusher || !flusher->has_amounts)
		return;
	lock_take(&flusher->lock, LOCK_FLUSHER);
	file = *slot_of(flusher, owner);
	if (file && !file->nameless) {
		dirty_wrote(&line_of(flusher, file)->queue, &file->dirty,
			(bytes + PAGE_CACHE_PAGE - 1) / PAGE_CACHE_PAGE);
		flush_line_settle(line_of(flusher, file), file);
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
}

bool flusher_must_wait(struct flusher *flusher, void *owner)
{
	struct flush_file *file;
	struct flush_line *line;
	bool wait;

	if (!flusher || !flusher->has_max)
		return false;
	lock_take(&flusher->lock, LOCK_FLUSHER);
	file = *slot_of(flusher, owner);
	line = file ? line_of(flusher, file) : NULL;
	wait = line && dirty_must_wait(&line->queue);
	if (wait) {
		line->rest_ms = 0;
		flush_line_call(line, line->pass_ms + DIRTY_PAUSE_MIN_MS);
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	return wait;
}

void flusher_waited(struct flusher *flusher, uint64_t ms)
{
	atomic_fetch_add(&flusher->stats.throttled, 1);
	atomic_fetch_add(&flusher->stats.throttled_ms, ms);
}

/* --- on request ------------------------------------------------------------------------------- */

void flusher_flush(struct flusher *flusher)
{
	lock_take(&flusher->lock, LOCK_FLUSHER);
	for (unsigned i = 0; i < flusher->lines_used; i++) {
		dirty_flush(&flusher->lines[i].queue, clock_now_ms());
		flush_line_call(&flusher->lines[i], 0);
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
}

/* --- life ------------------------------------------------------------------------------------- */

/* With all signals blocked: other threads handle them. */
static int start_thread(struct flush_line *line)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&line->thread, NULL, flush_line_run, line);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_setname_np(line->thread, "sieve-flush");
	return -r;
}

static int start_line(struct flusher *flusher, struct flush_line *line)
{
	pthread_condattr_t attr;
	int r;

	line->flusher = flusher;
	line->wake_ms = DIRTY_NEVER;
	dirty_queue_init(&line->queue, &flusher->all);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&line->wake, &attr);
	pthread_condattr_destroy(&attr);
	r = start_thread(line);
	if (r < 0)
		pthread_cond_destroy(&line->wake);
	return r;
}

/* (locked, except in flusher_new()) */
static void note_limits(struct flusher *flusher)
{
	flusher->has_amounts = dirty_has_amounts(&flusher->all);
	flusher->has_max = flusher->all.limits.max != DIRTY_UNLIMITED;
}

void flusher_set_limits(struct flusher *flusher, const struct dirty_limits *limits)
{
	lock_take(&flusher->lock, LOCK_FLUSHER);
	dirty_set_limits(&flusher->all, limits);
	note_limits(flusher);
	for (unsigned i = 0; i < flusher->lines_used; i++) {
		flusher->lines[i].queue.pause_ms = DIRTY_PAUSE_MIN_MS;
		flush_line_call(&flusher->lines[i], 0);
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
}

int flusher_new(const struct dirty_limits *limits, const struct flusher_host *host, struct flusher **out)
{
	struct flusher *flusher;
	int r = 0;

	if (!page_cache_can_be_counted())
		return -ENOSYS;
	flusher = calloc(1, sizeof(*flusher));
	if (!flusher)
		return -ENOMEM;
	flusher->host = *host;
	pthread_mutex_init(&flusher->lock, NULL);
	dirty_init(&flusher->all, limits);
	note_limits(flusher);
	while (r == 0 && flusher->thread_count < FLUSHER_LINES) {
		r = start_line(flusher, &flusher->lines[flusher->thread_count]);
		flusher->thread_count += r == 0;
	}
	if (r == 0)
		*out = flusher;
	else
		flusher_free(flusher);
	return r;
}

static void forget_all(struct flusher *flusher)
{
	for (unsigned i = 0; i < BUCKETS && flusher->file_count; i++) {
		struct flush_file *file = flusher->buckets[i], *next;

		for (; file; file = next) {
			next = file->next;
			flusher_forget(flusher, file);
			let_go(flusher, file);
		}
	}
}

void flusher_free(struct flusher *flusher)
{
	if (!flusher)
		return;
	lock_take(&flusher->lock, LOCK_FLUSHER);
	flusher->ending = true;
	for (unsigned i = 0; i < flusher->thread_count; i++)
		pthread_cond_signal(&flusher->lines[i].wake);
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	for (unsigned i = 0; i < flusher->thread_count; i++)
		pthread_join(flusher->lines[i].thread, NULL);
	forget_all(flusher);
	for (unsigned i = 0; i < flusher->thread_count; i++) {
		pthread_cond_destroy(&flusher->lines[i].wake);
		dirty_queue_deinit(&flusher->lines[i].queue);
	}
	pthread_mutex_destroy(&flusher->lock);
	free(flusher);
}
