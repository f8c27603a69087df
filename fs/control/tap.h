/*
 * tap - listeners to a mount's events (access log, traces), each with a bounded queue.
 *
 * Any thread pushes without waiting for a listener: what does not fit into a listener's queue is lost to it,
 * and counted. While there is no listener to a kind, taps_has() is one relaxed load and callers prepare
 * nothing. Each listener has its own queue of TAP_BYTES.
 */
#pragma once

#include "cache/base/list.h"
#include "cache/base/trace_format.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TAP_BYTES (1u << 20)

enum tap_kind {
	TAP_ACCESS, /* lines; a line in their place says how many were lost */
	TAP_TRACE,  /* records of cache/base/trace_format.h; one listener at a time */
	TAP_KINDS
};

struct taps {
	pthread_mutex_t lock;
	struct list listeners;
	_Atomic unsigned listening; /* a bit for each kind */
};

struct tap;

void taps_init(struct taps *taps);
void taps_deinit(struct taps *taps); /* frees the remaining listeners */

static inline bool taps_has(struct taps *taps, enum tap_kind kind)
{
	return atomic_load_explicit(&taps->listening, memory_order_relaxed) & 1u << kind;
}

/* Pushes to all listeners of the kind. size: bytes, at most TAP_BYTES / 16. */
void taps_push(struct taps *taps, enum tap_kind kind, const void *bytes, size_t size);

/* Sets the record's time, such that times never decrease from record to record, and pushes it to
 * TAP_TRACE. */
void taps_push_record(struct taps *taps, struct trace_record record);

/* What was pushed to the listeners of a kind, and what they lost. */
struct tap_figures {
	unsigned listeners; /* those that have not closed their tap yet */
	uint64_t pushed, lost;
};

/* Ends all taps of a kind: each listener gets what is in its queue, and then the end. */
void taps_end(struct taps *taps, enum tap_kind kind, struct tap_figures *figures);

/* 0, -ENOMEM, or -EBUSY if there are as many listeners as permitted. The caller closes the tap. */
int tap_open(struct taps *taps, enum tap_kind kind, struct tap **out);
void tap_close(struct tap *tap); /* accepts NULL */

/* Reads from the queue: returns the number of bytes, 0 at the end, or -EAGAIN if it is empty. size: at least
 * 64 bytes. */
ssize_t tap_read(struct tap *tap, char *buffer, size_t size);
