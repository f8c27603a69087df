/*
 * backend - moves the bytes of backing files for the lanes that pass through the daemon.
 *
 * A backend is made once per mount, a backend_file once per open handle. Reads and writes are requests that
 * live in the caller's own struct: submit one, and done() is called exactly once, either in the submitting
 * thread before the call returns (the data was in memory) or later in a thread of the backend. The submitting
 * thread never waits for the disk, and done() must not either: it sends the reply and returns. done() may
 * submit other requests and may free the request.
 *
 * Results are those of pread(2) and pwrite(2): bytes moved or a negative errno; a read is short only at the
 * end of the file, a write never is. Offsets and sizes are bytes and need no alignment; an aligned buffer
 * saves a copy.
 *
 * Coherence: before done() is called for a write, its data is in the backing file (its page cache or the
 * disk), and no later read returns data that was read ahead before the write. The backend never holds
 * acknowledged data back.
 *
 * All functions may be called from any thread. Requests on one file may be in flight together; overlapping
 * ones are unordered, as with pread(2) and pwrite(2).
 */
#pragma once

#include "backends/backend_request.h"
#include "backends/backend_settings.h"
#include "backends/backend_stats.h"
#include <sys/types.h>

struct backend;
struct backend_file;

enum backend_open_flags {
	/* Small reads out of order go through the page cache (large=stream), instead of around it
	   (large=direct). */
	BACKEND_RANDOM_BUFFERED = 1 << 0,
	/* fd is O_SYNC or O_DSYNC: each write waits for the disk, so none is made in the caller's thread. */
	BACKEND_WRITES_WAIT = 1 << 1,
	/* Everything goes through the page cache and stays there as the kernel likes: nothing goes around it,
	   is read ahead here or dropped behind. */
	BACKEND_BUFFERED = 1 << 2,
};

struct backend_open {
	int fd; /* open for the requests that will follow, without O_DIRECT; the caller's, and open until
		   backend_close() */
	unsigned flags;
	/*
	 * The result of statx(2) for fd with STATX_INO and STATX_DIOALIGN; NULL: the backend calls statx(2).
	 */
	const struct statx *known;
	/*
	 * Opens the same file anew with these open(2) flags: a descriptor that becomes the backend's, or
	 * -errno. NULL: by /proc/self/fd.
	 */
	int (*reopen)(void *context, int flags);
	void *context; /* valid until backend_close() returned */
};

/* The order of the reads of a handle so far. */
enum backend_pattern {
	BACKEND_PATTERN_UNKNOWN, /* too few reads to tell */
	BACKEND_PATTERN_STREAM,
	BACKEND_PATTERN_RANDOM,
};

/* 0 and *out, for backend_free(), or -errno. */
int backend_new(const struct backend_settings *settings, struct backend **out);

/* Waits for what is in flight; every file must be closed. NULL is fine. */
void backend_free(struct backend *backend);

/* Changes readahead, in bytes, and depth, for later readahead. */
void backend_set_readahead(struct backend *backend, size_t readahead, unsigned depth);

/* Changes stream_after and stream_gap, in bytes. */
void backend_set_streams(struct backend *backend, size_t after, size_t gap);

/* Changes backend_settings.write_direct_from, in bytes. */
void backend_set_write_direct_from(struct backend *backend, off_t from);

/* "io_uring" or "threads", for the start-up message. */
const char *backend_engine_name(const struct backend *backend);

/*
 * 0 and *file, for backend_close(), or -errno. Makes few system calls and does not wait for the disk. The
 * file is read and written around the page cache where its file system has O_DIRECT; otherwise through the
 * page cache, where the pages behind streams are dropped.
 */
int backend_open(struct backend *backend, const struct backend_open *how, struct backend_file **file);

/* No request on the file may be in flight. Readahead still in flight ends by itself. NULL is fine. */
void backend_close(struct backend_file *file);

void backend_read(struct backend_request *request);

/*
 * A write to a large file goes around the page cache if it is aligned and large enough and the page cache has
 * no page of the range, unless it is part of a stream and a window in the page cache is faster on that
 * device; otherwise it goes through the page cache. The handle must be open for writing and without O_APPEND,
 * which would make the kernel ignore the offset. A full disk is -ENOSPC, never a short count, even if a part
 * was written. Errors of writeback are reported by fsync(2) on the caller's descriptor: the backend does not
 * consume them.
 */
void backend_write(struct backend_request *request);

/*
 * The caller wrote these bytes by itself through the page cache (O_APPEND, copy_file_range(2)): the request
 * is done when such a stream has no more than its window in the page cache. buf is not used, the result is
 * size. An inexact offset, as of O_APPEND, does no harm.
 */
void backend_wrote(struct backend_request *request);

/*
 * The file was changed by other means than backend_write() on this backend (truncate, fallocate, copy): call
 * it after the change was made and before it is acknowledged. Data that was read ahead is discarded.
 */
void backend_file_changed(struct backend_file *file);

/* The same for a file by its numbers; does nothing if it has no open handle. */
void backend_changed(struct backend *backend, dev_t dev, ino_t ino);

/* Bytes a second of streams that were read around the page cache from this device (st_dev), lately; 0: not
 * measured. */
uint64_t backend_read_rate(struct backend *backend, dev_t device);
/* The same of streams of large writes. */
uint64_t backend_write_rate(struct backend *backend, dev_t device);

enum backend_pattern backend_file_pattern(struct backend_file *file);

/* For tests: requests that the plan of faults holds go on, and none is held from now on. */
void backend_faults_release(struct backend *backend);

/* Never freed before the backend; read with backend_stats_each(). */
const struct backend_stats *backend_stats(const struct backend *backend);
