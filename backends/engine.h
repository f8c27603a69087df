/*
 * engine - runs single operations on a range of a file, for which the submitter does not wait.
 *
 * Two kinds: io_uring rings, each with one thread that calls done(); or, where the kernel refuses io_uring, a
 * pool of threads with preadv2(2) and pwritev2(2). The op lives in the caller's struct and must stay in place
 * until its done() was called, which happens exactly once: in an engine thread or, where `here` allows it, in
 * the submitting thread before engine_submit() returns. Result: bytes moved (may be short) or -errno; the
 * engine repeats operations that fail with EINTR, EAGAIN or ECANCELED.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	ENGINE_SIZE_MAX = 1 << 30, /* bytes of one op; a multiple of any device's block size */
};

enum engine_verb {
	ENGINE_READ,
	ENGINE_WRITE,
	ENGINE_SYNC, /* sync_file_range(2) with rw_flags */
	ENGINE_DROP, /* the range's clean pages leave the page cache */
};

struct engine_op {
	enum engine_verb verb;
	int fd; /* open until done() */
	void *buf;
	size_t size;
	off_t offset;
	int rw_flags; /* RWF_*, or SYNC_FILE_RANGE_* */
	void (*done)(struct engine_op *op, ssize_t result);
	/* done() may run in the submitting thread: it must reply only to requests that this thread received,
	 * and take no lock that the thread could hold. */
	bool here;

	/* Private to the engine. */
	struct engine_op *next;
	const void *submitter;
	unsigned handed; /* atomic: orders the submitter's stores before the engine thread's loads */
	bool blocking;   /* to be repeated where it may block */
};

struct engine_settings {
	unsigned thread_count; /* rings, or threads of the pool; 0: by the number of CPUs */
	bool threads_only;
};

struct engine;

/* 0 or -errno. Falls back to threads by itself where io_uring is refused; engine_is_uring() tells. */
int engine_new(const struct engine_settings *settings, struct engine **out);

/* Waits until everything submitted is done. NULL is fine. */
void engine_free(struct engine *engine);

/* Takes a list of ops linked by next. Never fails and never waits for the device. */
void engine_submit(struct engine *engine, struct engine_op *op);

bool engine_is_uring(const struct engine *engine);
