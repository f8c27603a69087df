/* The flusher's counters, and what is dirty now. */
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/base/page_cache.h"
#include "cache/flush/line.h"

void flusher_left(struct flusher *flusher, struct flusher_left *left)
{
	uint64_t pages = 0;

	*left = (struct flusher_left){.files = 0};
	lock_take(&flusher->lock, LOCK_FLUSHER);
	for (unsigned i = 0; i < flusher->lines_used; i++) {
		const struct flush_line *line = &flusher->lines[i];
		const struct flush_file *file;

		dirty_left(&line->queue, &left->files, &pages);
		left->files += line->asked_count;
		if (!line->asked_count)
			continue;
		list_for_each (file, &line->active, active)
			pages += file->asked ? file->dirty.writeback : 0;
	}
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	left->bytes = pages * PAGE_CACHE_PAGE;
}

/* (locked) The time of the line's oldest page that is or may be dirty. */
static int64_t oldest_of(const struct flush_line *line)
{
	const struct flush_file *file;
	int64_t oldest_ms = DIRTY_NEVER;

	if (line->queue.dirty && line->queue.count)
		oldest_ms = line->queue.files[0]->since_ms;
	list_for_each (file, &line->active, active)
		if (file->dirty.dirty && file->dirty.since_ms < oldest_ms)
			oldest_ms = file->dirty.since_ms;
	return oldest_ms;
}

const struct flusher_stats *flusher_stats(struct flusher *flusher)
{
	int64_t now_ms = clock_now_ms(), oldest_ms = now_ms;

	lock_take(&flusher->lock, LOCK_FLUSHER);
	for (unsigned i = 0; i < flusher->lines_used; i++) {
		int64_t ms = oldest_of(&flusher->lines[i]);

		oldest_ms = ms < oldest_ms ? ms : oldest_ms;
	}
	atomic_store(&flusher->stats.files, flusher->file_count);
	atomic_store(&flusher->stats.dirty_bytes, flusher->all.dirty * PAGE_CACHE_PAGE);
	atomic_store(&flusher->stats.writeback_bytes, flusher->all.writeback * PAGE_CACHE_PAGE);
	atomic_store(&flusher->stats.oldest_ms, (uint64_t)(now_ms - oldest_ms));
	lock_drop(&flusher->lock, LOCK_FLUSHER);
	return &flusher->stats;
}

void flusher_stats_each(const struct flusher_stats *stats,
	void (*each)(void *context, const char *name, uint64_t value, const char *help), void *context)
{
#define COUNTER(name, help) \
	each(context, #name, atomic_load_explicit(&stats->name, memory_order_relaxed), help);
	FLUSHER_STATS(COUNTER)
#undef COUNTER
}
