#include "backends/window_host.h"
#include "cache/base/lock_order.h"

void window_host_init(struct window_host *host)
{
	pthread_mutex_init(&host->lock, NULL);
}

void window_host_deinit(struct window_host *host)
{
	pthread_mutex_destroy(&host->lock);
}

void window_host_add(struct window_host *host, struct window_seat *seat)
{
	lock_take(&host->lock, LOCK_HOST);
	list_push_first(&host->windows, &seat->node);
	lock_drop(&host->lock, LOCK_HOST);
}

void window_host_set_active(struct window_host *host, struct window_seat *seat, bool active)
{
	if (seat->active != active)
		host->active += active ? 1 : -1;
	seat->active = active;
}

void window_host_remove(struct window_host *host, struct window_seat *seat)
{
	lock_take(&host->lock, LOCK_HOST);
	window_host_set_active(host, seat, false);
	list_remove(&host->windows, &seat->node);
	lock_drop(&host->lock, LOCK_HOST);
}

size_t window_host_share(struct window_host *host)
{
	size_t readahead = host->readahead, share;
	unsigned windows;

	lock_take(&host->lock, LOCK_HOST);
	windows = host->active;
	lock_drop(&host->lock, LOCK_HOST);
	share = host->buffers->count_max * BUFFER_SIZE / (windows ? windows : 1);
	return readahead < share ? readahead : share;
}
