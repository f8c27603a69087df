/*
 * flusher - starts writeback of the files that a mount writes, by the mount's own thresholds.
 *
 * What was written lies in the page cache of the backing files, as it does without a mount: nothing is held
 * back here, and nothing is lost with the daemon. The flusher only asks the kernel to begin
 * (sync_file_range(2), SYNC_FILE_RANGE_WRITE), which takes no error away from anybody's fsync(2). Which file
 * is next is cache/policy/dirty.h's to say.
 *
 * A file is known from its first open for writing until it was found clean and closed; one that may be mapped
 * is to be found clean twice, since a mapping outlives its descriptor. It takes 80 bytes and a place in a
 * queue, and no descriptor: it is counted with the descriptor of whoever closes it, and opened anew when it
 * is its turn. A file without a name is left alone: what is temporary needs no disk.
 *
 * FLUSHER_LINES threads do this, one for each file system that is written (more than that share them): a disk
 * that hangs keeps one of them, and so the files of its own file system from being written back. They sleep
 * while there is nothing to do. All functions may be called from any thread, and wait for no disk.
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
	/* A new descriptor in any mode, or -errno; where that passes (-EAGAIN, -EMFILE, -ENFILE, -ENOMEM) it
	 * is tried again later. */
	int (*open)(void *context, void *file);
	void (*hold)(void *context, void *file); /* called under a lock */
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
/* Counted for a mount, as cache/trail/trail.h does. Those from files on are levels. */
#define FLUSHER_STATS(COUNTER) \
	COUNTER(looks, "times that a file's dirty pages were counted when it was its turn") \
	COUNTER(started_bytes, "bytes whose writeback was started") \
	COUNTER(spared_bytes, "bytes of removed files that were not written back") \
	COUNTER(failures, "times that a file could not be opened, counted or written back") \
	COUNTER(throttled, "times that writers waited since dirty_max was dirty") \
	COUNTER(throttled_ms, "milliseconds that they waited") \
	COUNTER(refused, "opens of files that are left to the kernel, for want of memory") \
	COUNTER(files, "files that are or may be dirty, or are open for writing") \
	COUNTER(dirty_bytes, "bytes that are dirty, as last counted") \
	COUNTER(writeback_bytes, "bytes that are being written back, as last counted") \
	COUNTER(oldest_ms, "milliseconds since the oldest of them may have been written")
/* clang-format on */

struct flusher_stats {
#define COUNTER(name, help) atomic_uint_least64_t name;
	FLUSHER_STATS(COUNTER)
#undef COUNTER
};

/* 0 and *out, for flusher_free(), or -errno: -ENOSYS without cachestat(2). Starts the threads. host is
 * copied. */
int flusher_new(const struct dirty_limits *limits, const struct flusher_host *host, struct flusher **out);

/* Other limits from now on: what is beyond them is written back, or waits, at once. */
void flusher_set_limits(struct flusher *flusher, const struct dirty_limits *limits);

/* Leaves what is dirty to the kernel. NULL is fine. */
void flusher_free(struct flusher *flusher);

/* The file was opened for writing. True if flusher_end() is due; false without a flusher, or memory. */
bool flusher_begin(struct flusher *flusher, void *file, const struct flusher_open *how);

/* Has it counted now, or soon where it is large; fd: any descriptor of it. */
void flusher_count(struct flusher *flusher, void *file, int fd);

/* One of those opens is over; fd: any descriptor of the file, still open. */
void flusher_end(struct flusher *flusher, void *file, int fd);

/* The file lost its last name: no writeback is started any more. */
void flusher_removed(struct flusher *flusher, void *file);
/* It was given a name again: linkat(2). */
void flusher_named(struct flusher *flusher, void *file);

/* So many bytes were written to it through the page cache by the caller: they count at once. */
void flusher_wrote(struct flusher *flusher, void *file, uint64_t bytes);

/*
 * Whether more than limits.max is dirty or being written back, so that who writes the file should wait. False
 * without a flusher, and for files that it does not know. To be asked again after a while.
 */
bool flusher_must_wait(struct flusher *flusher, void *file);
/* Somebody did. */
void flusher_waited(struct flusher *flusher, uint64_t ms);

/* Starts writeback of all that is dirty now; returns at once. */
void flusher_flush(struct flusher *flusher);

struct flusher_left {
	uint64_t files, bytes; /* bytes: as last counted */
};

/* What of that has not reached the disk; files that are written on count until nothing of them is under way.
 */
void flusher_left(struct flusher *flusher, struct flusher_left *left);

/* As of now. Never freed before the flusher. */
const struct flusher_stats *flusher_stats(struct flusher *flusher);
void flusher_stats_each(const struct flusher_stats *stats,
	void (*each)(void *context, const char *name, uint64_t value, const char *help), void *context);
