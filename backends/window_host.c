/*
 * window_host - the windows of one backend and their fair share of memory.
 */
#include "backends/window_impl.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"

enum {
	RECLAIM_NS = 100000000,
	REST_NS = 1000000000,
};

void window_host_init(struct window_host *host)
{
	pthread_mutex_init(&host->lock, NULL);
}

void window_host_deinit(struct window_host *host)
{
	pthread_mutex_destroy(&host->lock);
}

void window_host_add(struct window_host *host, struct window *window)
{
	lock_take(&host->lock, LOCK_HOST);
	list_push_first(&host->windows, &window->node_in_host);
	lock_drop(&host->lock, LOCK_HOST);
}

/* The host's lock must be held. */
void window_host_set_active(struct window_host *host, struct window *window, bool active)
{
	if (window->active != active)
		host->active += active ? 1 : -1;
	window->active = active;
}

void window_host_remove(struct window_host *host, struct window *window)
{
	lock_take(&host->lock, LOCK_HOST);
	window_host_set_active(host, window, false);
	list_remove(&host->windows, &window->node_in_host);
	lock_drop(&host->lock, LOCK_HOST);
}

/* Readers that rest give their memory to this window, which wants it. Others' locks are only tried: no
 * deadlock. */
void window_reclaim(struct window *window)
{
	struct window_host *host = window->host;
	uint64_t now = clock_coarse_ns();
	struct window *other;

	lock_take(&host->lock, LOCK_HOST);
	if (now - host->reclaimed_ns >= RECLAIM_NS) {
		host->reclaimed_ns = now;
		list_for_each (other, &host->windows, node_in_host) {
			if (other == window || !other->active ||
				!lock_take_if_free(&other->lock, LOCK_WINDOW))
				continue;
			if (now - other->used_ns >= REST_NS) {
				window_retire_all(other);
				window_host_set_active(host, other, false);
			}
			lock_drop(&other->lock, LOCK_WINDOW);
		}
	}
	lock_drop(&host->lock, LOCK_HOST);
}
