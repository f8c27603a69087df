#include "fs/upkeep.h"

#include "fs/io.h"
#include "fs/server.h"

/* Gives memory back while the machine is short of it, and takes it again later. */
static void relieve_memory(struct server *server)
{
	struct cache_figures figures;
	uint64_t target;

	if (!server->options.memory_floor)
		return;
	cache_read_figures(server->cache, &figures);
	target = relief_tick(&server->relief, figures.bytes);
	if (target != figures.budget)
		cache_set_budget(server->cache, target);
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
	cache_tick(upkeep->server->cache);
}

static gpointer tick(gpointer upkeep)
{
	each_second(upkeep, look_after_the_cache);
	return NULL;
}

static void look_after_readers(struct upkeep *upkeep)
{
	io_rescue();
}

/* Apart from the ticker, which may have to wait for the disk. */
static gpointer rescue(gpointer upkeep)
{
	each_second(upkeep, look_after_readers);
	return NULL;
}

void upkeep_start(struct upkeep *upkeep, struct server *server)
{
	*upkeep = (struct upkeep){.server = server};
	upkeep->ticker = g_thread_new("ticker", tick, upkeep);
	upkeep->rescuer = g_thread_new("rescuer", rescue, upkeep);
}

void upkeep_end(struct upkeep *upkeep)
{
	g_mutex_lock(&upkeep->lock);
	upkeep->ending = true;
	g_cond_broadcast(&upkeep->wake);
	g_mutex_unlock(&upkeep->lock);
	g_thread_join(upkeep->ticker);
	g_thread_join(upkeep->rescuer);
}
