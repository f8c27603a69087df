/*
 * dirty - which file is written back next, and whether writers must wait, by a mount's own thresholds.
 *
 * Pure: no I/O, no locks; the caller passes the time and what it counted in the page cache. Files are in
 * queues, one for each device, in the order in which they were last looked at or found clean: so the first
 * one may have the oldest dirty data. The thresholds are those of the kernel (vm.dirty_*), but for one mount:
 *   - by age: a file whose data may be older than expire_ms;
 *   - by amount: while all files together have more than background dirty, whichever is first;
 *   - above max, dirty or being written, writers wait.
 * A look moves a file to the end of its queue, so that a pass over it ends. Times are milliseconds of any
 * monotonic clock, amounts are pages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIRTY_NEVER INT64_MAX
#define DIRTY_UNLIMITED UINT64_MAX

enum {
	DIRTY_PAUSE_MIN_MS = 20,  /* between looks at open files, while the amount matters and grows */
	DIRTY_PAUSE_MAX_MS = 500, /* and while it does not grow */
};

struct dirty_limits {
	int64_t expire_ms;   /* DIRTY_NEVER: age is ignored */
	int64_t period_ms;   /* from pass to pass */
	uint64_t background; /* DIRTY_UNLIMITED: none; set for max alone by dirty_init() */
	uint64_t max;        /* DIRTY_UNLIMITED: none */
	size_t files;        /* if a queue has more, its first files are looked at whatever their age */
};

/* What all queues have in common. */
struct dirty {
	struct dirty_limits limits;
	uint64_t dirty, writeback; /* of all files, as last counted */
	unsigned busy;             /* queues that have any of them */
};

/* Embedded by its owner. */
struct dirty_file {
	int64_t since_ms;  /* what is dirty was written no earlier */
	int64_t queued_ms; /* last look, the order of the queue */
	uint32_t dirty, writeback;
	uint32_t place; /* in the queue, from 1; 0: in none */
};

struct dirty_queue {
	struct dirty *all;
	struct dirty_file **files; /* a binary heap */
	size_t count, room;
	uint64_t dirty, writeback;
	int64_t flush_ms; /* files looked at before this are written back at once */
	uint64_t seen;    /* all->dirty at the end of the last pass */
	int64_t pause_ms; /* see dirty_again() */
};

struct dirty_count {
	uint64_t dirty, writeback;
};

void dirty_init(struct dirty *dirty, const struct dirty_limits *limits);
/* Other limits from now on. A pass should begin. */
void dirty_set_limits(struct dirty *dirty, const struct dirty_limits *limits);
void dirty_queue_init(struct dirty_queue *queue, struct dirty *all);
void dirty_queue_deinit(struct dirty_queue *queue); /* no file is in it */

/* The file is opened for writing, and was clean before. 0 or -ENOMEM. */
int dirty_add(struct dirty_queue *queue, struct dirty_file *file, int64_t now_ms);
void dirty_remove(struct dirty_queue *queue, struct dirty_file *file);

/* The dirty pages of the file were counted; when_ms: just before. */
void dirty_counted(
	struct dirty_queue *queue, struct dirty_file *file, const struct dirty_count *count, int64_t when_ms);

/* That many pages were written to the file: an estimate until the next count. */
void dirty_wrote(struct dirty_queue *queue, struct dirty_file *file, uint64_t pages);

/*
 * Writeback of it was started at when_ms. Pages that were being written before may have been dirtied again,
 * and are then passed over by the kernel: the file stays as old as it was.
 */
void dirty_started(struct dirty_queue *queue, struct dirty_file *file, const struct dirty_count *before,
	const struct dirty_count *after, int64_t when_ms);

/* The file could not be counted or written back: it is tried again later. */
void dirty_postponed(struct dirty_queue *queue, struct dirty_file *file, int64_t when_ms);

/*
 * The file that is to be counted now, and written back if it is dirty; NULL: none. pass_ms: when this pass
 * began. A pass calls this until it gets NULL, and reports each file by one of the functions above.
 */
struct dirty_file *dirty_next(const struct dirty_queue *queue, int64_t now_ms, int64_t pass_ms);

/* Whether a file must be written back if it is dirty, although it is not first in its queue. */
bool dirty_is_late(const struct dirty_queue *queue, const struct dirty_file *file, int64_t now_ms);

/* All that is dirty now is to be written back, whatever the thresholds. */
void dirty_flush(struct dirty_queue *queue, int64_t now_ms);
bool dirty_is_flushed(const struct dirty_queue *queue, const struct dirty_file *file);
/* Adds to *files and *pages the files that were not looked at since dirty_flush(), and their dirty pages as
 * last counted. */
void dirty_left(const struct dirty_queue *queue, uint64_t *files, uint64_t *pages);

/* Whether there are limits by amount, so that open files must be counted now and then. */
bool dirty_has_amounts(const struct dirty *dirty);

/*
 * Returns when the next pass begins, after one has ended. open: files are open for writing; writing: some are
 * in writeback, or wait for another look; hurry: a caller waits for these. DIRTY_NEVER: not before a file is
 * added.
 */
int64_t dirty_again(struct dirty_queue *queue, int64_t pass_ms, bool open, bool writing, bool hurry);

/*
 * Whether writers of files in this queue must wait: all queues together have more than max, and this one more
 * than its part, so that a device that hangs does not stop the writers of another.
 */
bool dirty_must_wait(const struct dirty_queue *queue);
