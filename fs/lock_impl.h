/*
 * lock_impl - holders of locks: what lock.c and lock_holder.c share.
 *
 * A holder's description is worked with under its own lock, which is held while nobody waits for other
 * programs; the table's lock, under which everything else is, is held for no system call and taken second.
 */
#pragma once

#include <pthread.h>

#include "fs/handle.h"
#include "fs/lock.h"
#include "fs/lock_ranges.h"
#include "fs/server.h"

#define LOCK_BUCKETS 1024

struct holder {
	struct inode *inode; /* the handle's reference, or that of a request in flight, keeps it */
	uint64_t owner;
	bool is_flock;

	/* under the table's lock */
	struct holder *next;
	struct handle *handle; /* by which it got its last lock; NULL: closed */
	pid_t pid;
	unsigned users;
	struct lock_ranges ranges;

	pthread_mutex_t lock; /* for the description; not held while waiting for other programs */
	int fd;
	unsigned generation; /* moves when fd is exchanged */
	bool writable;
};

struct lock_table {
	struct server *server;
	pthread_mutex_t lock; /* held for no system call */
	pthread_cond_t dropped;
	unsigned dropping; /* holders that were taken out and are not closed yet */
	struct holder *buckets[LOCK_BUCKETS];
};

/* Of the inode's holders and some others. The table's lock must be held, also to follow it. */
static inline struct holder **lock_bucket(struct lock_table *table, const struct inode *inode)
{
	return &table->buckets[(inode->nodeid ^ inode->nodeid >> 32) % LOCK_BUCKETS];
}

/* Whether locks for writing can be had by this handle. */
static inline bool lock_wants_write(const struct handle *handle)
{
	return (handle->open_flags & O_ACCMODE) != O_RDONLY;
}

/* command: F_OFD_SETLK or F_OFD_SETLKW. 0 or -errno. */
int lock_set_range(int fd, int command, short type, int64_t first, int64_t last);

/* The holder of the wish's owner, to be given back; NULL: none. */
struct holder *holder_get(struct lock_table *table, const struct lock_wish *wish);
void holder_put(struct lock_table *table, struct holder *holder);
/* The same where there is none yet. 0 or -errno. */
int holder_make(struct lock_table *table, const struct lock_wish *wish, struct holder **ret);
/* The owner's, whose locks go. With *is_out it is for holder_drop(); else somebody still works with it, and
 * it is to be given back. NULL: none. */
struct holder *holder_take(struct lock_table *table, const struct lock_wish *wish, bool *is_out);
/* One that got its last lock by the handle, for holder_drop(). NULL: none. */
struct holder *holder_take_closed(struct lock_table *table, const struct handle *handle);
void holder_drop(struct lock_table *table, struct holder *holder);
/* Under the holder's lock. 0 or -errno. */
int holder_make_writable(struct lock_table *table, struct holder *holder, struct handle *handle);
