#include "fs/control/tap.h"

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 8 /* of the access log */
#define LOSS_MAX 64     /* bytes of the line that reports losses */

struct tap {
	struct taps *taps;
	enum tap_kind kind;
	struct list_node node;
	bool ended;
	uint64_t pushed, lost, told; /* told: losses that were reported */
	size_t first, used;          /* of the ring */
	char ring[TAP_BYTES];
};

void taps_init(struct taps *taps)
{
	*taps = (struct taps){0};
	pthread_mutex_init(&taps->lock, NULL);
}

void taps_deinit(struct taps *taps)
{
	struct tap *tap, *next;

	for (tap = list_entry(taps->listeners.first, struct tap, node); tap; tap = next) {
		next = list_entry(tap->node.next, struct tap, node);
		tap_close(tap);
	}
	pthread_mutex_destroy(&taps->lock);
}

/* --- the ring; under the lock ----------------------------------------------------------------- */

static bool put(struct tap *tap, const void *bytes, size_t size)
{
	size_t end = (tap->first + tap->used) % TAP_BYTES;
	size_t straight = size < TAP_BYTES - end ? size : TAP_BYTES - end;

	if (size > TAP_BYTES - tap->used)
		return false;
	memcpy(tap->ring + end, bytes, straight);
	memcpy(tap->ring, (const char *)bytes + straight, size - straight);
	tap->used += size;
	return true;
}

static size_t get(struct tap *tap, char *buffer, size_t size)
{
	size_t count = size < tap->used ? size : tap->used;
	size_t straight = count < TAP_BYTES - tap->first ? count : TAP_BYTES - tap->first;

	memcpy(buffer, tap->ring + tap->first, straight);
	memcpy(buffer + straight, tap->ring, count - straight);
	tap->first = (tap->first + count) % TAP_BYTES;
	tap->used -= count;
	return count;
}

/* Reports new losses in a line. False if that does not fit. */
static bool tell_losses(struct tap *tap)
{
	char line[LOSS_MAX];
	int length;

	if (tap->kind != TAP_ACCESS || tap->told == tap->lost)
		return true;
	length = snprintf(line, sizeof(line), "# %" PRIu64 " lines lost\n", tap->lost - tap->told);
	if (!put(tap, line, (size_t)length))
		return false;
	tap->told = tap->lost;
	return true;
}

static void push(struct tap *tap, const void *bytes, size_t size)
{
	/* room for both, else a reported loss could be followed by the next one at once */
	bool fits = tap->used + size + LOSS_MAX <= TAP_BYTES && tell_losses(tap) && put(tap, bytes, size);

	tap->pushed += fits;
	tap->lost += !fits;
}

static void push_to_all(struct taps *taps, enum tap_kind kind, const void *bytes, size_t size)
{
	struct tap *tap;

	list_for_each (tap, &taps->listeners, node)
		if (tap->kind == kind && !tap->ended)
			push(tap, bytes, size);
}

/* Sets what taps_has() reads. */
static void note_listening(struct taps *taps)
{
	unsigned listening = 0;
	struct tap *tap;

	list_for_each (tap, &taps->listeners, node)
		listening |= tap->ended ? 0 : 1u << tap->kind;
	atomic_store_explicit(&taps->listening, listening, memory_order_relaxed);
}

/* --- pushing; from here on the functions take the lock ---------------------------------------- */

void taps_push(struct taps *taps, enum tap_kind kind, const void *bytes, size_t size)
{
	lock_take(&taps->lock, LOCK_TAPS);
	push_to_all(taps, kind, bytes, size);
	lock_drop(&taps->lock, LOCK_TAPS);
}

void taps_push_record(struct taps *taps, struct trace_record record)
{
	lock_take(&taps->lock, LOCK_TAPS);
	record.time_us = htole64((uint64_t)clock_now_us());
	push_to_all(taps, TAP_TRACE, &record, sizeof(record));
	lock_drop(&taps->lock, LOCK_TAPS);
}

void taps_end(struct taps *taps, enum tap_kind kind, struct tap_figures *figures)
{
	struct tap *tap;

	*figures = (struct tap_figures){0};
	lock_take(&taps->lock, LOCK_TAPS);
	list_for_each (tap, &taps->listeners, node) {
		if (tap->kind != kind)
			continue;
		tap->ended = true;
		figures->listeners++;
		figures->pushed += tap->pushed;
		figures->lost += tap->lost;
	}
	note_listening(taps);
	lock_drop(&taps->lock, LOCK_TAPS);
}

/* --- listening -------------------------------------------------------------------------------- */

static bool is_taken(struct taps *taps, enum tap_kind kind)
{
	unsigned count = 0;
	struct tap *tap;

	list_for_each (tap, &taps->listeners, node)
		count += tap->kind == kind;
	return count >= (kind == TAP_TRACE ? 1 : LISTENERS_MAX);
}

int tap_open(struct taps *taps, enum tap_kind kind, struct tap **out)
{
	struct tap *tap = malloc(sizeof(*tap));
	bool taken;

	*out = NULL;
	if (!tap)
		return -ENOMEM;
	memset(tap, 0, offsetof(struct tap, ring));
	tap->taps = taps;
	tap->kind = kind;
	lock_take(&taps->lock, LOCK_TAPS);
	taken = is_taken(taps, kind);
	if (!taken) {
		list_push_last(&taps->listeners, &tap->node);
		note_listening(taps);
	}
	lock_drop(&taps->lock, LOCK_TAPS);
	if (taken)
		free(tap);
	else
		*out = tap;
	return taken ? -EBUSY : 0;
}

void tap_close(struct tap *tap)
{
	if (!tap)
		return;
	lock_take(&tap->taps->lock, LOCK_TAPS);
	list_remove(&tap->taps->listeners, &tap->node);
	note_listening(tap->taps);
	lock_drop(&tap->taps->lock, LOCK_TAPS);
	free(tap);
}

ssize_t tap_read(struct tap *tap, char *buffer, size_t size)
{
	ssize_t n;

	lock_take(&tap->taps->lock, LOCK_TAPS);
	if (!tap->used)
		tell_losses(tap);
	n = (ssize_t)get(tap, buffer, size);
	if (n == 0 && !tap->ended)
		n = -EAGAIN;
	lock_drop(&tap->taps->lock, LOCK_TAPS);
	return n;
}
