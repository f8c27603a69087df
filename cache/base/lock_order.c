#include "cache/base/lock_order.h"

#ifdef LOCK_CHECKS

#include <stdio.h>
#include <stdlib.h>

#define HELD_MAX 16

static const char *const names[LOCK_RANKS] = {
	[LOCK_CONTROL] = "control",
	[LOCK_DIRECTORY] = "directory",
	[LOCK_LIVE_RULES] = "live rules",
	[LOCK_THROTTLE] = "throttle",
	[LOCK_PIN_LIST] = "pin list",
	[LOCK_SETTINGS] = "settings",
	[LOCK_ADVICE] = "advice",
	[LOCK_INODE] = "inode",
	[LOCK_CACHE] = "cache",
	[LOCK_KEEPERS] = "keepers",
	[LOCK_KEEPER] = "keeper",
	[LOCK_CHARGED] = "charged",
	[LOCK_TRAIL] = "trail",
	[LOCK_FLUSHER] = "flusher",
	[LOCK_HOLDER] = "holder",
	[LOCK_HOLDERS] = "holders",
	[LOCK_WAITERS] = "waiters",
	[LOCK_POOL] = "pool",
	[LOCK_LOOP] = "loop",
	[LOCK_NAMED] = "named",
	[LOCK_ROUTES] = "routes",
	[LOCK_SHARD] = "shard",
	[LOCK_MOUNTS] = "mounts",
	[LOCK_FDS] = "fds",
	[LOCK_MEMORY_FLOOR] = "memory floor",
	[LOCK_WAYS] = "ways",
	[LOCK_HANDLES] = "handles",
	[LOCK_DIRECTORIES] = "directories",
	[LOCK_SESSIONS] = "sessions",
	[LOCK_IO] = "io",
	[LOCK_PAYLOAD] = "payload",
	[LOCK_TAPS] = "taps",
	[LOCK_FILE] = "file",
	[LOCK_BEHIND] = "behind",
	[LOCK_STREAM_MODE] = "stream mode",
	[LOCK_WINDOW] = "window",
	[LOCK_HOST] = "host",
	[LOCK_NODES] = "nodes",
	[LOCK_VOLUMES] = "volumes",
	[LOCK_BUFFERS] = "buffers",
	[LOCK_ENGINE] = "engine",
	[LOCK_REAP] = "reap",
	[LOCK_FAULT] = "fault",
};

static __thread enum lock_rank held[HELD_MAX];
static __thread unsigned held_count;

static void give_up(enum lock_rank rank, const char *how, const char *other)
{
	fprintf(stderr, "locks: %s %s %s; see cache/base/lock_order.h\n", names[rank], how, other);
	abort();
}

void lock_may_take(enum lock_rank rank)
{
	for (unsigned i = 0; i < held_count; i++)
		if (held[i] >= rank)
			give_up(rank, "is wanted under", names[held[i]]);
}

void lock_order_taken(enum lock_rank rank)
{
	if (held_count == HELD_MAX)
		give_up(rank, "is one too many:", "the thread holds more locks than there are kinds");
	held[held_count++] = rank;
}

void lock_order_dropped(enum lock_rank rank)
{
	unsigned i = held_count;

	while (i > 0 && held[i - 1] != rank)
		i--;
	if (i == 0)
		give_up(rank, "is dropped", "by a thread that does not hold it");
	for (; i < held_count; i++)
		held[i - 1] = held[i];
	held_count--;
}

#else
extern int lock_checks_are_off; /* a translation unit must not be empty */
#endif
