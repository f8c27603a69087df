/*
 * dirty - which file's writeback is started next, and who waits: by a mount's own thresholds.
 *
 * Pure: no I/O, no locks; the caller brings the time and what it counted in the page cache. Files stand in
 * queues, one for each device, ordered by when each was last looked at or found clean: what is dirty in the
 * first one may be the oldest. The thresholds are those of the kernel (vm.dirty_*), but for one mount:
 *   - by age: a file whose data may be older than expire_ms;
 *   - by amount: while all files together have more than background dirty, whichever is first;
 *   - above max, dirty or being written, writers wait.
 * A look moves a file to the end of its queue, so that a pass over it ends. Times are milliseconds of any
 * steady clock, amounts are pages.
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
	int64_t expire_ms;   /* DIRTY_NEVER: whatever its age */
	int64_t period_ms;   /* from pass to pass */
	uint64_t background; /* DIRTY_UNLIMITED: none; set for max alone by dirty_init() */
	uint64_t max;        /* DIRTY_UNLIMITED: none */
	size_t files;        /* beyond so many in a queue, the first are looked at whatever their age */
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

/* Its pages were counted; when_ms: just before. */
void dirty_counted(
	struct dirty_queue *queue, struct dirty_file *file, const struct dirty_count *count, int64_t when_ms);

/* So many pages were written to it, as far as is known; the next count knows better. */
void dirty_wrote(struct dirty_queue *queue, struct dirty_file *file, uint64_t pages);

/*
 * Writeback of it was started at when_ms. Pages that were being written before may have been dirtied again,
 * and are then passed over by the kernel: the file stays as old as it was.
 */
void dirty_started(struct dirty_queue *queue, struct dirty_file *file, const struct dirty_count *before,
	const struct dirty_count *after, int64_t when_ms);

/* Nothing could be learned or done: later. */
void dirty_postponed(struct dirty_queue *queue, struct dirty_file *file, int64_t when_ms);

/*
 * The file that is to be counted now, and written back if it is dirty; NULL: none. pass_ms: when this pass
 * began. A pass calls this until it gets NULL, and tells of each file by the functions above.
 */
struct dirty_file *dirty_next(const struct dirty_queue *queue, int64_t now_ms, int64_t pass_ms);

/* Whether a file is to be written back if it is dirty, though it is not its turn. */
bool dirty_is_late(const struct dirty_queue *queue, const struct dirty_file *file, int64_t now_ms);

/* All that is dirty now is to be written back, whatever the thresholds. */
void dirty_flush(struct dirty_queue *queue, int64_t now_ms);
bool dirty_is_flushed(const struct dirty_queue *queue, const struct dirty_file *file);
/* Adds the files whose turn has not come since, and what of them is dirty as last counted. */
void dirty_left(const struct dirty_queue *queue, uint64_t *files, uint64_t *pages);

/* Whether amounts matter, so that open files are to be counted now and then. */
bool dirty_has_amounts(const struct dirty *dirty);

/*
 * A pass has ended: when the next begins. open: files are open for writing; writing: some are being written
 * back, or wait for another look; hurry: somebody waits for that. DIRTY_NEVER: when a file is added.
 */
int64_t dirty_again(struct dirty_queue *queue, int64_t pass_ms, bool open, bool writing, bool hurry);

/*
 * Whether who writes files of this queue waits: all have more than max, and this queue more than its part, so
 * that a device that hangs does not stop the writers of another.
 */
bool dirty_must_wait(const struct dirty_queue *queue);
