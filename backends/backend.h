/*
 * backend - moves the bytes of backing files for the lanes that pass through the daemon.
 *
 * A backend is made once per mount, a backend_file once per open handle. Reads and writes are requests that
 * live in the caller's own struct: submit one, and done() is called exactly once, either in the submitting
 * thread before the call returns (the data was at hand) or later in a thread of the backend. The submitting
 * thread never waits for the disk, and done() must not either: it answers and returns. done() may submit
 * other requests and may free the request.
 *
 * Results are those of pread(2) and pwrite(2): bytes moved or a negative errno; a read is short only at the
 * end of the file, a write never is. Offsets and sizes are bytes and need no alignment; an aligned buffer
 * saves a copy.
 *
 * Coherence: what a write acknowledged is in the backing file (its page cache or the disk) before done() is
 * called, and no read returns data that was read ahead before a change. Nothing acknowledged is held back
 * here.
 *
 * All functions may be called from any thread. Requests on one file may be in flight together; overlapping
 * ones are as unordered as they are with pread(2) and pwrite(2).
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
	int fd; /* open for what will be asked, without O_DIRECT; stays the caller's, open until
		   backend_close() */
	unsigned flags;
	/* What statx(2) has said of fd, asked for STATX_INO and STATX_DIOALIGN; NULL: it is asked now. */
	const struct statx *known;
	/*
	 * Opens the same file anew with these open(2) flags: a descriptor that becomes the backend's, or
	 * -errno. NULL: by /proc/self/fd.
	 */
	int (*reopen)(void *context, int flags);
	void *context; /* valid until backend_close() returned */
};

/* What a handle's reads looked like so far. */
enum backend_pattern {
	BACKEND_PATTERN_UNKNOWN, /* too few reads to tell */
	BACKEND_PATTERN_STREAM,
	BACKEND_PATTERN_RANDOM,
};

/* 0 and *out, for backend_free(), or -errno. */
int backend_new(const struct backend_settings *settings, struct backend **out);

/* Waits for what is in flight; every file must be closed. NULL is fine. */
void backend_free(struct backend *backend);

/* Another readahead, in bytes, and depth: for what streams read ahead from now on. */
void backend_set_readahead(struct backend *backend, size_t readahead, unsigned depth);

/* Another stream_after and stream_gap, in bytes, from now on. */
void backend_set_streams(struct backend *backend, size_t after, size_t gap);

/* Another backend_settings.write_direct_from from now on, in bytes. */
void backend_set_write_direct_from(struct backend *backend, off_t from);

/* "io_uring" or "threads", for the start-up message. */
const char *backend_engine_name(const struct backend *backend);

/*
 * 0 and *file, which the caller closes, or -errno. Makes few system calls and does not wait for the disk.
 * The file is read and written around the page cache where its file system has O_DIRECT; else through it, and
 * what streams leave there is dropped behind them.
 */
int backend_open(struct backend *backend, const struct backend_open *how, struct backend_file **file);

/* Every request on the file must be done. Read-ahead still in flight ends by itself. NULL is fine. */
void backend_close(struct backend_file *file);

void backend_read(struct backend_request *request);

/*
 * A write of a large file goes around the page cache where it is aligned and large enough and nobody has
 * cached that range, unless it is one of a stream and a window of the page cache is faster there; else
 * through it. The handle must be open for writing and without O_APPEND, which would
 * make the kernel ignore the offset. A full disk is -ENOSPC, never a short count, whatever part was written.
 * Errors of write-back are seen by fsync(2) on the caller's descriptor: nothing here consumes them.
 */
void backend_write(struct backend_request *request);

/*
 * The caller wrote these bytes by itself through the page cache (O_APPEND, copy_file_range(2)): the request
 * is done when no more than the window of such a stream is left in the page cache. buf is not used, the
 * result is size. Offsets that others made inexact do no harm.
 */
void backend_wrote(struct backend_request *request);

/*
 * The file was changed by other means than backend_write() on this backend (truncate, fallocate, copy): call
 * it after the change was made and before it is acknowledged. Whatever was read ahead is thrown away.
 */
void backend_file_changed(struct backend_file *file);

/* The same for a file of which no handle is at hand; nothing happens when none is open. */
void backend_changed(struct backend *backend, dev_t dev, ino_t ino);

/* Bytes a second of streams that were read around the page cache of this device (st_dev), of late; 0: none
 * was measured. */
uint64_t backend_read_rate(struct backend *backend, dev_t device);
/* The same of streams of large writes. */
uint64_t backend_write_rate(struct backend *backend, dev_t device);

enum backend_pattern backend_file_pattern(struct backend_file *file);

/* For tests: what the faults let hang goes on, and nothing hangs from now on. */
void backend_faults_release(struct backend *backend);

/* Never freed before the backend; read with backend_stats_each(). */
const struct backend_stats *backend_stats(const struct backend *backend);
