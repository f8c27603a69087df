/*
 * flusher - starts writeback of the files that a mount writes, by the mount's own thresholds.
 *
 * What was written is in the page cache of the backing files, as without a mount: nothing is held back here,
 * and nothing is lost if the daemon dies. The flusher only asks the kernel to begin writeback
 * (sync_file_range(2), SYNC_FILE_RANGE_WRITE), which leaves errors for the fsync(2) of the programs that
 * wrote.
 * cache/policy/dirty.h decides which file is next.
 *
 * A file is tracked from its first open for writing until it is closed and found clean; one that may be
 * mapped must be found clean twice, since a mapping outlives its descriptor. A tracked file takes 80 bytes
 * and a place in a queue, but no descriptor: it is counted with the descriptor of the program that closes it,
 * and opened anew at its turn in the queue. A file without a name is not written back: temporary data need
 * not reach the disk.
 *
 * FLUSHER_LINES threads do this, one for each file system that is written (if there are more, they share
 * threads): a disk that hangs blocks one thread, and so delays only the files of its own file system. The
 * threads sleep while there is nothing to do. All functions may be called from any thread, and do not wait
 * for a disk.
 *
 * Files are named by pointers of the caller's, which flusher_host.hold() keeps valid.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cache/policy/dirty.h"

#define FLUSHER_LINES 4

struct flusher;

struct flusher_host {
	/* Returns a new descriptor in any mode, which the flusher closes, or -errno. Temporary errors
	 * (-EAGAIN, -EMFILE, -ENFILE, -ENOMEM) are tried again later. */
	int (*open)(void *context, void *file);
	void (*hold)(void *context, void *file); /* called under LOCK_FLUSHER */
	void (*let_go)(void *context, void *file);
	/* Writeback could not be started; error: errno. May be NULL. */
	void (*failed)(void *context, void *file, int error);
	void *context;
};

struct flusher_open {
	dev_t device;  /* of the file's file system */
	bool may_map;  /* and store through the mapping */
	bool nameless; /* O_TMPFILE */
};

/* clang-format off */
/* Counted since the mount began, as in cache/trail/trail.h; those from files on are present levels. */
#define FLUSHER_STATS(COUNTER) \
	COUNTER(looks, "times that a file's dirty pages were counted when it was its turn") \
	COUNTER(started_bytes, "bytes whose writeback was started") \
	COUNTER(spared_bytes, "bytes of removed files that were not written back") \
	COUNTER(failures, "times that a file could not be opened, counted or written back") \
	COUNTER(throttled, "times that writers waited because dirty_max was reached") \
	COUNTER(throttled_ms, "milliseconds that they waited") \
	COUNTER(refused, "opens of files that are left to the kernel, for lack of memory") \
	COUNTER(files, "files that are or may be dirty, or are open for writing") \
	COUNTER(dirty_bytes, "bytes that are dirty, as last counted") \
	COUNTER(writeback_bytes, "bytes that are being written back, as last counted") \
	COUNTER(oldest_ms, "milliseconds since the oldest dirty bytes may have been written")
/* clang-format on */

struct flusher_stats {
#define COUNTER(name, help) atomic_uint_least64_t name;
	FLUSHER_STATS(COUNTER)
#undef COUNTER
};

/* 0 and *out, for flusher_free(), or -errno: -ENOSYS without cachestat(2). Starts the threads. host is
 * copied. */
int flusher_new(const struct dirty_limits *limits, const struct flusher_host *host, struct flusher **out);

/* Changes the limits at once: dirty data beyond them is written back, and writers wait. */
void flusher_set_limits(struct flusher *flusher, const struct dirty_limits *limits);

/* Leaves what is dirty to the kernel. NULL is fine. */
void flusher_free(struct flusher *flusher);

/*
 * The file was opened for writing. True: flusher_end() must follow. False: there is no flusher, or no memory.
 */
bool flusher_begin(struct flusher *flusher, void *file, const struct flusher_open *how);

/* Counts the dirty pages of the file now or, if it is large, soon in a thread. fd: any descriptor of it. */
void flusher_count(struct flusher *flusher, void *file, int fd);

/* An open that flusher_begin() noted ends; fd: any descriptor of the file, still open. */
void flusher_end(struct flusher *flusher, void *file, int fd);

/* The file lost its last name: no writeback is started any more. */
void flusher_removed(struct flusher *flusher, void *file);
/* It was given a name again: linkat(2). */
void flusher_named(struct flusher *flusher, void *file);

/* The caller wrote that many bytes to the file through the page cache: they count at once. */
void flusher_wrote(struct flusher *flusher, void *file, uint64_t bytes);

/*
 * Whether the writer of the file must wait, since more than limits.max is dirty or in writeback. False
 * without a flusher, and for files that it does not track. To be asked again after a while.
 */
bool flusher_must_wait(struct flusher *flusher, void *file);
/* Counts a writer that waited that long. */
void flusher_waited(struct flusher *flusher, uint64_t ms);

/* Starts writeback of all that is dirty now; returns at once. */
void flusher_flush(struct flusher *flusher);

struct flusher_left {
	uint64_t files, bytes; /* bytes: as last counted */
};

/* How much of what flusher_flush() started has not reached the disk. A file that is still being written
 * counts until none of it is in writeback. */
void flusher_left(struct flusher *flusher, struct flusher_left *left);

/* Brings the present levels up to date. The counters live as long as the flusher. */
const struct flusher_stats *flusher_stats(struct flusher *flusher);
void flusher_stats_each(const struct flusher_stats *stats,
	void (*each)(void *context, const char *name, uint64_t value, const char *help), void *context);
