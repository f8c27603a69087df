#include "cache/policy/dirty.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_MIN 64
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

void dirty_init(struct dirty *dirty, const struct dirty_limits *limits)
{
	*dirty = (struct dirty){0};
	dirty_set_limits(dirty, limits);
}

void dirty_set_limits(struct dirty *dirty, const struct dirty_limits *limits)
{
	dirty->limits = *limits;
	/* writeback has to begin before writers wait for it; the kernel does the same */
	if (limits->background >= limits->max && limits->max != DIRTY_UNLIMITED)
		dirty->limits.background = limits->max / 2;
}

void dirty_queue_init(struct dirty_queue *queue, struct dirty *all)
{
	*queue = (struct dirty_queue){.all = all, .pause_ms = DIRTY_PAUSE_MIN_MS};
}

void dirty_queue_deinit(struct dirty_queue *queue)
{
	free(queue->files);
}

/* --- the heap --------------------------------------------------------------------------------- */

static void put(struct dirty_queue *queue, size_t at, struct dirty_file *file)
{
	queue->files[at] = file;
	file->place = (uint32_t)at + 1;
}

static void move_up(struct dirty_queue *queue, size_t at, struct dirty_file *file)
{
	while (at > 0 && queue->files[(at - 1) / 2]->queued_ms > file->queued_ms) {
		put(queue, at, queue->files[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(queue, at, file);
}

static void move_down(struct dirty_queue *queue, size_t at, struct dirty_file *file)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < queue->count &&
			queue->files[child + 1]->queued_ms < queue->files[child]->queued_ms)
			child++;
		if (child >= queue->count || queue->files[child]->queued_ms >= file->queued_ms)
			break;
		put(queue, at, queue->files[child]);
		at = child;
	}
	put(queue, at, file);
}

/* queued_ms never decreases, so the file only moves down. */
static void queue_at(struct dirty_queue *queue, struct dirty_file *file, int64_t queued_ms)
{
	file->queued_ms = MAX(file->queued_ms, queued_ms);
	move_down(queue, file->place - 1, file);
}

static int make_room(struct dirty_queue *queue)
{
	size_t room = MAX(2 * queue->room, ROOM_MIN);
	struct dirty_file **files;

	if (queue->count < queue->room)
		return 0;
	files = realloc(queue->files, room * sizeof(*files));
	if (!files)
		return -ENOMEM;
	queue->files = files;
	queue->room = room;
	return 0;
}

/* --- counts ----------------------------------------------------------------------------------- */

static bool is_busy(const struct dirty_queue *queue)
{
	return queue->dirty || queue->writeback;
}

static void set_count(struct dirty_queue *queue, struct dirty_file *file, const struct dirty_count *count)
{
	uint32_t dirty = (uint32_t)MIN(count->dirty, UINT32_MAX);
	uint32_t writeback = (uint32_t)MIN(count->writeback, UINT32_MAX);
	bool was_busy = is_busy(queue);

	queue->dirty += (uint64_t)dirty - file->dirty;
	queue->writeback += (uint64_t)writeback - file->writeback;
	queue->all->dirty += (uint64_t)dirty - file->dirty;
	queue->all->writeback += (uint64_t)writeback - file->writeback;
	queue->all->busy += (unsigned)is_busy(queue) - (unsigned)was_busy;
	file->dirty = dirty;
	file->writeback = writeback;
}

int dirty_add(struct dirty_queue *queue, struct dirty_file *file, int64_t now_ms)
{
	int r = make_room(queue);

	if (r < 0)
		return r;
	*file = (struct dirty_file){.since_ms = now_ms, .queued_ms = now_ms};
	move_up(queue, queue->count++, file);
	return 0;
}

void dirty_remove(struct dirty_queue *queue, struct dirty_file *file)
{
	size_t at = file->place - 1;
	struct dirty_file *last = queue->files[--queue->count];

	set_count(queue, file, &(struct dirty_count){0});
	if (last != file) {
		if (at > 0 && queue->files[(at - 1) / 2]->queued_ms > last->queued_ms)
			move_up(queue, at, last);
		else
			move_down(queue, at, last);
	}
	file->place = 0;
}

void dirty_counted(
	struct dirty_queue *queue, struct dirty_file *file, const struct dirty_count *count, int64_t when_ms)
{
	set_count(queue, file, count);
	if (count->dirty)
		return;
	file->since_ms = MAX(file->since_ms, when_ms);
	queue_at(queue, file, when_ms);
}

void dirty_wrote(struct dirty_queue *queue, struct dirty_file *file, uint64_t pages)
{
	set_count(queue, file, &(struct dirty_count){file->dirty + pages, file->writeback});
}

void dirty_started(struct dirty_queue *queue, struct dirty_file *file, const struct dirty_count *before,
	const struct dirty_count *after, int64_t when_ms)
{
	set_count(queue, file, after);
	if (!before->writeback || !after->dirty)
		file->since_ms = MAX(file->since_ms, when_ms);
	queue_at(queue, file, when_ms);
}

void dirty_postponed(struct dirty_queue *queue, struct dirty_file *file, int64_t when_ms)
{
	queue_at(queue, file, when_ms);
}

/* --- what to do ------------------------------------------------------------------------------- */

bool dirty_has_amounts(const struct dirty *dirty)
{
	return dirty->limits.background != DIRTY_UNLIMITED || dirty->limits.max != DIRTY_UNLIMITED;
}

static bool is_above_max(const struct dirty *dirty)
{
	return dirty->dirty + dirty->writeback > dirty->limits.max;
}

static bool is_too_much(const struct dirty_queue *queue)
{
	const struct dirty *all = queue->all;

	return queue->count > all->limits.files || all->dirty > all->limits.background || is_above_max(all);
}

static int64_t due_ms(const struct dirty_queue *queue, int64_t from_ms)
{
	int64_t expire_ms = queue->all->limits.expire_ms;

	return expire_ms == DIRTY_NEVER ? DIRTY_NEVER : from_ms + expire_ms;
}

void dirty_flush(struct dirty_queue *queue, int64_t now_ms)
{
	queue->flush_ms = now_ms + 1;
	queue->pause_ms = DIRTY_PAUSE_MIN_MS;
}

bool dirty_is_flushed(const struct dirty_queue *queue, const struct dirty_file *file)
{
	return file->queued_ms >= queue->flush_ms;
}

static void add_left(const struct dirty_queue *queue, size_t at, uint64_t *files, uint64_t *pages)
{
	if (at >= queue->count || dirty_is_flushed(queue, queue->files[at]))
		return; /* the files below it are queued even later */
	*files += 1;
	*pages += queue->files[at]->dirty;
	add_left(queue, 2 * at + 1, files, pages);
	add_left(queue, 2 * at + 2, files, pages);
}

void dirty_left(const struct dirty_queue *queue, uint64_t *files, uint64_t *pages)
{
	add_left(queue, 0, files, pages);
}

struct dirty_file *dirty_next(const struct dirty_queue *queue, int64_t now_ms, int64_t pass_ms)
{
	struct dirty_file *first = queue->count ? queue->files[0] : NULL;

	if (!first || first->queued_ms >= pass_ms)
		return NULL;
	if (due_ms(queue, first->queued_ms) <= now_ms || !dirty_is_flushed(queue, first))
		return first;
	return is_too_much(queue) ? first : NULL;
}

bool dirty_is_late(const struct dirty_queue *queue, const struct dirty_file *file, int64_t now_ms)
{
	return due_ms(queue, file->since_ms) <= now_ms;
}

int64_t dirty_again(struct dirty_queue *queue, int64_t pass_ms, bool open, bool writing, bool hurry)
{
	const struct dirty *all = queue->all;
	int64_t again_ms = DIRTY_NEVER, next_ms = pass_ms + all->limits.period_ms;

	if (all->dirty > queue->seen || is_above_max(all))
		queue->pause_ms = DIRTY_PAUSE_MIN_MS;
	else
		queue->pause_ms = MIN(2 * queue->pause_ms, DIRTY_PAUSE_MAX_MS);
	queue->seen = all->dirty;
	if (queue->count)
		again_ms = MAX(due_ms(queue, queue->files[0]->queued_ms), next_ms);
	if (writing)
		again_ms = MIN(again_ms, next_ms);
	if (dirty_has_amounts(all) && (open || writing))
		hurry = true;
	/* also for files that were added during the pass, which left them alone */
	if (queue->count && (is_too_much(queue) || !dirty_is_flushed(queue, queue->files[0])))
		hurry = true;
	if (hurry)
		again_ms = MIN(again_ms, pass_ms + queue->pause_ms);
	return again_ms;
}

bool dirty_must_wait(const struct dirty_queue *queue)
{
	const struct dirty *all = queue->all;

	return is_above_max(all) && queue->dirty + queue->writeback > all->limits.max / MAX(all->busy, 1);
}
