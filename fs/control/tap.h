/*
 * tap - who listens to what happens in a mount, and the bounded queue between.
 *
 * Any thread pushes, without waiting for a listener: what does not fit is lost for him, and counted. While
 * nobody listens to a kind, taps_has() is one relaxed load, and the caller makes nothing to push. Each
 * listener has a queue of TAP_BYTES of his own while he listens.
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
	TAP_ACCESS, /* lines; those that were lost are told in a line where they would stand */
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
void taps_deinit(struct taps *taps); /* frees who still listens */

static inline bool taps_has(struct taps *taps, enum tap_kind kind)
{
	return atomic_load_explicit(&taps->listening, memory_order_relaxed) & 1u << kind;
}

/* size: at most TAP_BYTES / 16 */
void taps_push(struct taps *taps, enum tap_kind kind, const void *bytes, size_t size);

/* Puts the time into the record, so that it never falls from one to the next, and pushes it to TAP_TRACE. */
void taps_push_record(struct taps *taps, struct trace_record record);

/* What was pushed to a kind, as its listeners got it or lost it. */
struct tap_figures {
	unsigned listeners; /* who have not closed yet */
	uint64_t pushed, lost;
};

/* Nothing more comes: each gets what is in his queue, and then the end. */
void taps_end(struct taps *taps, enum tap_kind kind, struct tap_figures *figures);

/* 0, -ENOMEM, or -EBUSY where as many listen as may. Closed by its owner. */
int tap_open(struct taps *taps, enum tap_kind kind, struct tap **out);
void tap_close(struct tap *tap); /* NULL is fine */

/* Bytes that were moved; 0 at the end; -EAGAIN: nothing at the moment. size: at least 64. */
ssize_t tap_read(struct tap *tap, char *buffer, size_t size);
