#include "fs/observe.h"

#include <endian.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cache/base/clock.h"
#include "cache/base/hash.h"
#include "fs/control/latency.h"
#include "fs/control/tap.h"
#include "fs/observe_line.h"
#include "fs/op.h"
#include "fs/ops_control.h"

/* More slots than requests are ever in flight, so that few of them share a neighbourhood. */
#define SLOTS 2048u
#define NEIGHBOURS 8

/* A request in flight; the slot belongs to it while req is set. */
struct slot {
	_Alignas(64) _Atomic(fuse_req_t) req;
	int64_t began_ns;
	enum operation operation;
	char *file; /* what its line in the access log names; owned; NULL without a listener */
};

struct observer {
	struct slot slots[SLOTS];
	struct latency latency;
	struct taps taps;
};

struct observer *observe_new(struct server *server)
{
	struct observer *observer = NULL;

	(void)server;
	if (posix_memalign((void **)&observer, 64, sizeof(*observer)) != 0)
		return NULL;
	memset(observer, 0, sizeof(*observer));
	taps_init(&observer->taps);
	return observer;
}

void observe_free(struct observer *observer)
{
	if (!observer)
		return;
	taps_deinit(&observer->taps);
	free(observer);
}

const struct latency *observe_latency(const struct observer *observer)
{
	return &observer->latency;
}

struct taps *observe_taps(struct observer *observer)
{
	return &observer->taps;
}

/* --- requests in flight ----------------------------------------------------------------------- */

static struct slot *neighbour(struct observer *observer, fuse_req_t req, unsigned i)
{
	return &observer->slots[(hash_mix64((uintptr_t)req) + i) % SLOTS];
}

/* NULL: the neighbourhood is full, and the request is not observed. */
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
	struct observer *observer = server_of(req)->observer;
	struct slot *slot;

	if (ino == CONTROL_NODEID)
		return;
	slot = take_slot(observer, req);
	if (!slot)
		return;
	slot->operation = operation;
	slot->file = taps_has(&observer->taps, TAP_ACCESS) ? observe_file(server_of(req), ino, name) : NULL;
	slot->began_ns = clock_now_ns();
}

static void log_access(
	struct observer *observer, fuse_req_t req, struct slot *slot, int64_t ns, ssize_t result)
{
	char line[OBSERVE_LINE_MAX];
	const struct observe_access access = {
		.began_ns = clock_wall_ns() - ns,
		.pid = fuse_req_ctx(req)->pid,
		.operation = slot->operation,
		.file = slot->file,
		.result = result,
		.ns = ns,
	};

	taps_push(&observer->taps, TAP_ACCESS, line, observe_line(&access, line));
	free(slot->file);
}

void observe_reply(fuse_req_t req, ssize_t result)
{
	struct observer *observer = server_of(req)->observer;
	struct slot *slot = find_slot(observer, req);

	int64_t ns;

	if (!slot)
		return;
	ns = clock_now_ns() - slot->began_ns;
	latency_count(&observer->latency, slot->operation, (uint64_t)ns);
	if (slot->file)
		log_access(observer, req, slot, ns, result);
	atomic_store_explicit(&slot->req, NULL, memory_order_release);
}

/* --- opens ------------------------------------------------------------------------------------ */

/* Mixes in the device, since file systems use the same small inode numbers. */
static uint64_t identity_of(const struct statx *stx)
{
	return stx->stx_ino ^ hash_mix64(makedev(stx->stx_dev_major, stx->stx_dev_minor));
}

/* Changes of the contents are not observed: an open for writing stands for them. */
void observe_opened(struct server *server, const struct handle *handle)
{
	struct taps *taps = &server->observer->taps;
	const enum trace_event event = handle_may_write(handle) ? TRACE_CHANGE : TRACE_OPEN;
	struct statx stx;

	if (!taps_has(taps, TAP_TRACE) || tree_statx(server->tree, handle->inode, &stx) < 0)
		return;
	taps_push_record(taps, (struct trace_record){
				       .id = htole64(identity_of(&stx)),
				       .size_and_event = htole64(stx.stx_size << 8 | event),
			       });
}
