/* server - one mount: what every operation of it works on. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "cache/cache.h"
#include "cache/policy/classify.h"
#include "cache/policy/plus.h"
#include "cache/policy/ways.h"
#include "fs/control/control.h"
#include "fs/control/stats.h"
#include "fs/estale.h"
#include "fs/handle.h"
#include "fs/options/options.h"
#include "fs/pin_list.h"
#include "fs/relief.h"
#include "fs/ruling.h"
#include "fs/settings.h"
#include "fs/tree/tree.h"

struct fuse_session;
struct advice;
struct backend;
struct charged;
struct exporter;
struct flusher;
struct lock_table;
struct lock_waiting;
struct observer;
struct pool;
struct throttle;
struct trail;

struct server {
	struct options options; /* those that its rows call live: under settings_lock */
	pthread_mutex_t settings_lock;
	struct live_options live;     /* the same, for any thread */
	uint64_t cache_size_at_mount; /* bytes */
	time_t start_time;
	int64_t started_us;            /* the same on the monotonic clock */
	struct classify_limits limits; /* but for sizes that are live */
	struct tree *tree;
	struct cache *cache;
	struct advice *advice;     /* a sample of the opens */
	struct backend *backend;   /* bytes that travel through the daemon */
	struct trail *trail;       /* large files in the page cache; NULL: none is followed */
	struct flusher *flusher;   /* what is dirty; NULL: the kernel's thresholds act alone */
	struct throttle *throttle; /* who writes waits for the disk; NULL: never */
	struct observer *observer; /* of what happens to requests */
	struct fuse_session *session;
	struct loop *loop;    /* what takes its requests; NULL over io_uring */
	_Atomic bool failed;  /* no mount came about, or it broke */
	struct pool *fillers; /* bring files into the cache */
	struct pool *workers; /* requests that may take long: fsync, copies */
	struct pool *waiters; /* requests that wait for somebody's lease */
	unsigned waiting_max; /* of them at a time: others are refused */
	_Atomic unsigned waiting;
	struct lock_table *locks; /* NULL: the kernel keeps the locks of the mount's programs */
	struct lock_waiting *lock_waiting;
	bool privileged;             /* runs as root: many users, handles, passthrough */
	bool passthrough;            /* the kernel offers it and it may be used */
	bool stacked;                /* SOURCE is a stacked file system (overlayfs, FUSE, ...) */
	bool uring;                  /* requests come over io_uring */
	unsigned uring_depth;        /* as many on each queue */
	bool pins;                   /* cached files are pinned, not copied */
	unsigned looked_at;          /* slices of pinned files that were looked at; upkeep's */
	bool source_in_memory;       /* SOURCE is on tmpfs or the like */
	struct charged *charged;     /* whose pages may be held; NULL: not known */
	const char *large_why;       /* how large files that are read travel, and why; static */
	const char *large_write_why; /* and those that are written */
	char *store_why;             /* pinned or copied: why; owned */
	char *transport_why;         /* and why, or why not; owned */
	struct control control;
	struct exporter *exporter; /* serves the metrics over HTTP; NULL: nobody asked for that */
	struct handle_list handles;
	struct ruling ruling;
	struct pin_list pin_list;
	pthread_mutex_t ways_lock;
	struct ways ways;       /* of large files that are read, with large=stream; under ways_lock */
	struct ways write_ways; /* and of those that are written, with large_write=measured; likewise */
	pthread_mutex_t plus_lock;
	struct plus plus; /* whether directories are listed with attributes; under plus_lock */
	struct relief relief;
	_Atomic uint64_t kept_bytes;   /* charges of objects that rules pin */
	_Atomic unsigned random_opens; /* of files that were read out of order */
	_Atomic int fill_error;        /* why a file was last not cached, as it was logged */
	_Atomic int64_t fill_error_us; /* and when, by the monotonic clock */
	_Atomic int flush_error;       /* why writeback last failed to start, as it was logged */
	struct estale estale;          /* whom the kernel makes look a name up again */
	struct stats stats;
};

/* What a mount needs, from the options that are in place; descriptors: how many there are. 0 or -errno, which
 * was said. server_stop() is legal after either. */
int server_start(struct server *server, unsigned descriptors);
/* The threads behind it. 0 or -errno. */
int server_start_pools(struct server *server);
/* Serves the metrics, where that was asked for; the last before the mount. 0 or -errno, which was said. */
int server_start_exporter(struct server *server);
void server_stop(struct server *server);
