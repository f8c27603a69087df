/*
 * What the trail's own sources share. Included by them only.
 *
 * trail.c has the functions of trail.h, trail_table.c the files that are followed, trail_thread.c what the
 * threads do.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/clock.h"
#include "cache/trail/rates.h"
#include "cache/trail/trail_file.h"

#define TRAIL_BUCKETS 256
#define TRAIL_LOOK_NS (10 * CLOCK_NS_PER_MS)
/* One works; the others replace one that a file system blocks. */
#define TRAIL_THREADS 3
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

struct trail_thread {
	struct trail *trail;
	pthread_t thread;
	struct extent *extents;   /* room for FINDER_EXTENTS */
	struct trail_file *looks; /* at this one now, or NULL; this and what follows under the trail's lock */
	int64_t since_ns;
};

struct trail {
	struct trail_settings settings; /* as given; window and large may change */
	_Atomic uint64_t window, large;
	struct trail_stats stats;
	struct trail_thread threads[TRAIL_THREADS];
	unsigned thread_count;
	int wake_fd;    /* eventfd */
	int inotify_fd; /* or -1: then no file is idle, and all are looked at each tenth of a second */

	pthread_mutex_t lock;
	pthread_cond_t replaced;
	struct trail_thread *works; /* the one that works now */
	bool ending;
	struct list files;
	struct rereads rereads;
	struct rates read, written;
	bool asleep;    /* the one that works */
	int64_t due_ns; /* when that one wakes up; while it is awake, the earliest time that it may have
			   passed by in this round */
	struct trail_file *buckets[TRAIL_BUCKETS];
};

/* The caller of all of these holds the lock. The place of the file with this number in its bucket. */
struct trail_file **trail_slot_of(struct trail *trail, uint64_t id);
void trail_insert(struct trail *trail, struct trail_file *file);
void trail_unwatch(struct trail *trail, struct trail_file *file);
/* Not for a file that is being looked at. The caller then frees the file, without the lock: closing may free
 * the blocks of a removed file, which takes long. */
void trail_forget(struct trail *trail, struct trail_file *file);
/* Wakes the thread that works by then. */
void trail_wake_by(struct trail *trail, int64_t due_ns);

/* Frees the files of a list that is the caller's alone. */
void trail_free_all(struct list *files);

/* 0 or -errno; those that were started end when trail->ending is set and they are woken. */
int trail_threads_start(struct trail *trail);
void trail_threads_end(struct trail *trail);
/* (locked) Replaces a thread that is blocked by another one. */
void trail_replace(struct trail *trail, int64_t now_ns);
