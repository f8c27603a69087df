/*
 * window_host - what all windows of a backend share, and which of them are active and so share its memory.
 */
#pragma once

#include "backends/buffers.h"
#include "backends/engine.h"
#include "backends/node.h"
#include "cache/base/list.h"
#include <pthread.h>

struct backend_request;

/* A window's place in its host; embedded in the window. Under the host's lock. */
struct window_seat {
	struct list_node node;
	bool active; /* its reader is active */
};

/* The backend's. */
struct window_host {
	struct engine *engine;
	struct buffers *buffers;
	struct nodes *nodes;
	struct backend_stats *stats;
	_Atomic size_t readahead; /* bound of one window, bytes */
	_Atomic unsigned depth;   /* chunks in flight of one window */
	/* Goes on with a request that had waited for a chunk; no lock is held. */
	void (*resume)(struct backend_request *request);
	pthread_mutex_t lock; /* of what follows; taken after a window's own */
	struct list windows;  /* by their seats */
	unsigned active;
	uint64_t reclaimed_ns; /* when idle readers were last looked for */
};

void window_host_init(struct window_host *host);
void window_host_deinit(struct window_host *host);

void window_host_add(struct window_host *host, struct window_seat *seat);
void window_host_remove(struct window_host *host, struct window_seat *seat);

/* How far one window may read ahead, bytes: active ones share the memory evenly. */
size_t window_host_share(struct window_host *host);

/* The host's lock must be held. */
void window_host_set_active(struct window_host *host, struct window_seat *seat, bool active);
