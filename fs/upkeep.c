#include "fs/upkeep.h"

#include "cache/trail/trail.h"
#include "fs/advice.h"
#include "fs/io.h"
#include "fs/loop.h"
#include "fs/pinned.h"
#include "fs/server.h"
#include "fs/threads.h"
#include "fs/watchdog.h"

/* Shrinks the cache while the machine is short of memory, and lets it grow again later. The first to go are
 * pages of large files that are read repeatedly. */
static void relieve_memory(struct server *server)
{
	struct cache_figures figures;
	uint64_t target;

	cache_read_figures(server->cache, &figures);
	target = memory_floor_tick(&server->memory_floor, figures.bytes);
	if (target != figures.budget)
		cache_set_budget(server->cache, target);
	trail_limit_staying(server->trail, target < server->live.cache_size ? 0 : server->live.large_keep);
}

/* Calls back once a second until the end. */
static void each_second(struct upkeep *upkeep, void (*look)(struct upkeep *upkeep))
{
	g_mutex_lock(&upkeep->lock);
	while (!upkeep->ending) {
		if (g_cond_wait_until(
			    &upkeep->wake, &upkeep->lock, g_get_monotonic_time() + G_TIME_SPAN_SECOND))
			continue;
		g_mutex_unlock(&upkeep->lock);
		look(upkeep);
		g_mutex_lock(&upkeep->lock);
	}
	g_mutex_unlock(&upkeep->lock);
}

static void look_after_the_cache(struct upkeep *upkeep)
{
	relieve_memory(upkeep->server);
	tree_close_idle(upkeep->server->tree);
	if (upkeep->server->pins)
		pinned_tick(upkeep->server);
	else
		cache_tick(upkeep->server->cache);
	trail_tick(upkeep->server->trail);
	advice_tick(upkeep->server);
	pin_list_save(upkeep->server);
	watchdog_ticked(upkeep->watchdog);
}

static void *tick(void *upkeep)
{
	each_second(upkeep, look_after_the_cache);
	return NULL;
}

static void look_after_readers(struct upkeep *upkeep)
{
	io_rescue();
	loop_rescue(upkeep->server->loop);
}

/* In its own thread, since the ticker may have to wait for the disk. */
static void *rescue(void *upkeep)
{
	each_second(upkeep, look_after_readers);
	return NULL;
}

int upkeep_start(struct upkeep *upkeep, struct server *server, struct watchdog *watchdog)
{
	int r;

	*upkeep = (struct upkeep){.server = server, .watchdog = watchdog};
	r = thread_start(&upkeep->threads[0], "sieve-tick", tick, upkeep);
	upkeep->thread_count += r == 0;
	if (r == 0) {
		r = thread_start(&upkeep->threads[1], "sieve-rescue", rescue, upkeep);
		upkeep->thread_count += r == 0;
	}
	return r;
}

void upkeep_end(struct upkeep *upkeep)
{
	g_mutex_lock(&upkeep->lock);
	upkeep->ending = true;
	g_cond_broadcast(&upkeep->wake);
	g_mutex_unlock(&upkeep->lock);
	for (unsigned i = 0; i < upkeep->thread_count; i++)
		pthread_join(upkeep->threads[i], NULL);
	upkeep->thread_count = 0;
}
