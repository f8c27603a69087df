/* upkeep - periodic work of a mount, once a second. */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>

struct server;
struct watchdog;

struct upkeep {
	struct server *server;
	struct watchdog *watchdog; /* is told of each round */
	pthread_t threads[2];
	unsigned thread_count;
	GMutex lock; /* for ending */
	GCond wake;
	bool ending;
};

/* 0 or -errno; upkeep_end() is legal after either. */
int upkeep_start(struct upkeep *upkeep, struct server *server, struct watchdog *watchdog);
void upkeep_end(struct upkeep *upkeep);
