/*
 * line - the files of one file system, and the thread that starts their writeback.
 *
 * Part of the flusher, whose lock protects all of this, except what the thread does to a busy file.
 */
#pragma once

#include <pthread.h>

#include "cache/base/list.h"
#include "cache/flush/flusher.h"

#define BUCKETS (1u << 17) /* 1 MiB; only the pages that are used take memory */

struct flush_file {
	struct dirty_file dirty; /* in the line's queue, unless the file has no name */
	void *owner;
	struct flush_file *next; /* in its bucket */
	struct list_node active; /* in the line's list */
	uint32_t opens;
	uint8_t line;
	bool may_map : 1;
	bool nameless : 1;
	bool busy : 1;  /* the thread looks at it, without the lock */
	bool again : 1; /* to be counted at the next pass */
	bool asked : 1; /* its writeback was asked for by flusher_flush(), and has not ended */
	bool clean : 1; /* found clean and closed at dirty.since_ms; to be found clean once more */
};

struct flush_line {
	struct flusher *flusher;
	pthread_t thread;
	pthread_cond_t wake;
	dev_t device; /* of its first file */
	bool used;
	struct dirty_queue queue;
	struct list active; /* files that are open, being written back, or to be counted again */
	size_t active_count, open_count, asked_count;
	bool unsettled;  /* some of them are not only open: they are in writeback or must be counted again */
	int64_t pass_ms; /* when its last pass began */
	int64_t rest_ms; /* the next pass begins no earlier, so that counting takes little of the time */
	int64_t wake_ms; /* when the next one begins */
};

struct flusher {
	struct flusher_host host;
	struct flusher_stats stats;
	pthread_mutex_t lock;
	atomic_bool ending;
	struct dirty all;
	atomic_bool has_amounts, has_max; /* of all.limits, for readers that don't hold the lock */
	size_t file_count;
	unsigned lines_used, thread_count;
	struct flush_line lines[FLUSHER_LINES];
	struct flush_file *buckets[BUCKETS];
};

/* The thread; context: a line. */
void *flush_line_run(void *context);

/* (locked) Makes the next pass begin at ms at the latest, though not before rest_ms. */
void flush_line_call(struct flush_line *line, int64_t ms);

/* (locked) To be called after each change of the file: updates the list of active files and the time of the
 * next pass. */
void flush_line_settle(struct flush_line *line, struct flush_file *file);

/* (locked) Counts the dirty pages of a file by that descriptor, or leaves a large file to the thread. */
void flush_line_count(struct flush_line *line, struct flush_file *file, int fd);

/* (locked) Whether nothing is left to be done for it. */
bool flush_line_is_over(const struct flush_line *line, const struct flush_file *file, int64_t now_ms);

/* (locked) Sets file->asked, and adjusts asked_count. */
void flush_line_ask(struct flush_line *line, struct flush_file *file, bool asked);

/* (locked) Removes the file from the table, the queue and the list. The caller then frees it and, without the
 * lock, calls host.let_go(). */
void flusher_forget(struct flusher *flusher, struct flush_file *file);
