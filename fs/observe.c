#include "fs/observe.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/clock.h"
#include "fs/control/latency.h"
#include "fs/op.h"
#include "fs/ops_control.h"

/* More than are ever in flight at a time, so that few of them share a neighbourhood. */
#define SLOT_BITS 11
#define SLOTS (1u << SLOT_BITS)
#define NEIGHBOURS 8

/* A request in flight; owned by it while req is set. */
struct slot {
	_Alignas(64) _Atomic(fuse_req_t) req;
	int64_t began_ns;
	enum operation operation;
};

struct observer {
	struct slot slots[SLOTS];
	struct latency latency;
};

struct observer *observe_new(struct server *server)
{
	struct observer *observer = NULL;

	(void)server;
	if (posix_memalign((void **)&observer, 64, sizeof(*observer)) != 0)
		return NULL;
	memset(observer, 0, sizeof(*observer));
	return observer;
}

void observe_free(struct observer *observer)
{
	free(observer);
}

const struct latency *observe_latency(const struct observer *observer)
{
	return &observer->latency;
}

/* --- requests in flight ----------------------------------------------------------------------- */

static struct slot *neighbour(struct observer *observer, fuse_req_t req, unsigned i)
{
	uint64_t hash = ((uint64_t)(uintptr_t)req >> 4) * 0x9e3779b97f4a7c15ull >> (64 - SLOT_BITS);

	return &observer->slots[(hash + i) % SLOTS];
}

/* NULL: the neighbourhood is full, and the request goes unseen. */
static struct slot *take_slot(struct observer *observer, fuse_req_t req)
{
	for (unsigned i = 0; i < NEIGHBOURS; i++) {
		struct slot *slot = neighbour(observer, req, i);
		fuse_req_t nobody = NULL;

		if (!atomic_load_explicit(&slot->req, memory_order_relaxed) &&
			atomic_compare_exchange_strong_explicit(
				&slot->req, &nobody, req, memory_order_acquire, memory_order_relaxed))
			return slot;
	}
	return NULL;
}

static struct slot *find_slot(struct observer *observer, fuse_req_t req)
{
	for (unsigned i = 0; i < NEIGHBOURS; i++) {
		struct slot *slot = neighbour(observer, req, i);

		if (atomic_load_explicit(&slot->req, memory_order_relaxed) == req)
			return slot;
	}
	return NULL;
}

/* --- begin and reply -------------------------------------------------------------------------- */

void observe_begin(fuse_req_t req, enum operation operation, fuse_ino_t ino, const char *name)
{
	struct slot *slot;

	(void)name;
	if (ino == CONTROL_NODEID)
		return;
	slot = take_slot(server_of(req)->observer, req);
	if (!slot)
		return;
	slot->operation = operation;
	slot->began_ns = clock_now_ns();
}

void observe_reply(fuse_req_t req, ssize_t result)
{
	struct observer *observer = server_of(req)->observer;
	struct slot *slot = find_slot(observer, req);

	(void)result;
	if (!slot)
		return;
	latency_count(&observer->latency, slot->operation, (uint64_t)(clock_now_ns() - slot->began_ns));
	atomic_store_explicit(&slot->req, NULL, memory_order_release);
}
