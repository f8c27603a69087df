/* server - the state of one mount, which all operations share. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "cache/cache.h"
#include "cache/policy/classify.h"
#include "cache/policy/listed.h"
#include "cache/policy/missing.h"
#include "cache/policy/readdirplus.h"
#include "cache/policy/ways.h"
#include "fs/control/control.h"
#include "fs/control/stats.h"
#include "fs/estale.h"
#include "fs/handle.h"
#include "fs/live_rules.h"
#include "fs/memory_floor.h"
#include "fs/options/options.h"
#include "fs/pin_list.h"
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
struct queues;
struct throttle;
struct trail;

struct server {
	struct options options; /* those whose rows are live: under settings_lock */
	pthread_mutex_t settings_lock;
	struct live_options live;     /* the live options as atomics, for any thread */
	uint64_t cache_size_at_mount; /* bytes */
	time_t start_time;
	int64_t started_us;            /* the same, monotonic */
	struct classify_limits limits; /* except sizes that are live */
	struct tree *tree;
	struct cache *cache;
	struct advice *advice;     /* the sample of opens for sievectl advise */
	struct backend *backend;   /* moves the bytes of the lanes that the daemon serves */
	struct trail *trail;       /* follows trailed files; NULL: no file is trailed */
	struct flusher *flusher;   /* of the options dirty_*; NULL: only the kernel's thresholds apply */
	struct throttle *throttle; /* makes writers wait for the disk (dirty_max); NULL: none does */
	struct observer *observer; /* latencies, access log and traces */
	struct fuse_session *session;
	struct loop *loop;     /* receives its requests; NULL over io_uring */
	struct queues *queues; /* sets the scheduling class of libfuse's threads; NULL: they keep it */
	bool may_leave_idle;   /* a thread may leave the class SCHED_IDLE again */
	_Atomic bool failed;   /* mounting failed, or the mount broke */
	struct pool *fillers;  /* threads that bring files into the cache */
	struct pool *workers;  /* threads for requests that may take long: fsync, copies */
	struct pool *waiters;  /* threads of requests that wait for the release of a lease */
	unsigned waiting_max;  /* requests that may wait so at a time; further ones are refused */
	_Atomic unsigned waiting;
	struct lock_table *locks; /* with locks=shared; NULL: the kernel keeps the locks */
	struct lock_waiting *lock_waiting;
	bool privileged;             /* runs as root: can serve many users, open by handle, pass through */
	bool passthrough;            /* the kernel supports it and the options permit it */
	bool stacked;                /* SOURCE is a stacked file system (overlayfs, FUSE, ...) */
	bool uring;                  /* the transport is io_uring */
	unsigned uring_depth;        /* requests per queue */
	bool pins;                   /* cached files are pinned, not copied */
	unsigned looked_at;          /* slices of pinned files checked so far; used by upkeep */
	bool source_in_memory;       /* SOURCE is on tmpfs or the like */
	struct charged *charged;     /* finds out which memory cgroup pays for pages; NULL: not possible */
	const char *large_why;       /* why large files that are read have their lane; static */
	const char *large_write_why; /* the same of those that are written */
	char *store_why;             /* why files are pinned or copied; owned */
	char *transport_why;         /* why the transport is io_uring or not; owned */
	struct control control;
	struct exporter *exporter; /* serves the metrics over HTTP; NULL without the option metrics */
	struct handle_list handles;
	struct live_rules live_rules;
	struct pin_list pin_list;
	pthread_mutex_t ways_lock;
	struct ways ways; /* measured lanes of large files that are read (large=stream); under ways_lock */
	struct ways write_ways; /* of those that are written (large_write=measured); under ways_lock */
	pthread_mutex_t listing_lock;
	struct readdirplus
		readdirplus;  /* decides whether directories are listed with attributes; under listing_lock */
	struct listed listed; /* the same on local file systems, and whether the kernel may cache listings */
	struct missing missing; /* names that were looked up and do not exist (negative_timeout=auto) */
	struct memory_floor memory_floor;
	_Atomic uint64_t kept_bytes;   /* charges of objects exempt from eviction */
	_Atomic unsigned random_opens; /* opens of files that were read out of order */
	_Atomic int fill_error;        /* the last logged reason why a file was not cached */
	_Atomic int64_t fill_error_us; /* when that was logged, monotonic */
	_Atomic int flush_error;       /* the last logged reason why writeback could not be started */
	struct estale estale;          /* threads that look a name up again after ESTALE */
	struct stats stats;
};

/* Creates what a mount needs; server->options must be set. descriptors: the limit of open descriptors. 0 or
 * -errno, after logging the reason. server_stop() is legal after either. */
int server_start(struct server *server, unsigned descriptors);
/* Starts the pools of threads. 0 or -errno. */
int server_start_pools(struct server *server);
/* Starts the exporter if the option metrics is set. The last step before the mount. 0 or -errno, after
 * logging the reason. */
int server_start_exporter(struct server *server);
void server_stop(struct server *server);
