/* upkeep - what is done once a second while a mount is served. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct server;

struct upkeep {
	struct server *server;
	GThread *ticker, *rescuer;
	GMutex lock; /* for ending */
	GCond wake;
	bool ending;
};

void upkeep_start(struct upkeep *upkeep, struct server *server);
void upkeep_end(struct upkeep *upkeep);
