/*
 * lock_impl - lock holders. Shared by lock.c and lock_holder.c.
 *
 * The holder's own lock protects its descriptor and is never held while waiting for other processes. The
 * table's lock protects everything else, is never held across a system call, and is taken second.
 */
#pragma once

#include <pthread.h>

#include "fs/handle.h"
#include "fs/lock.h"
#include "fs/lock_ranges.h"
#include "fs/server.h"

#define LOCK_BUCKETS 1024

struct holder {
	struct inode *inode; /* referenced by the handle, or by a request in flight */
	uint64_t owner;
	bool is_flock;

	/* under the table's lock */
	struct holder *next;
	struct handle *handle; /* through which it got its last lock; NULL: closed */
	pid_t pid;
	unsigned users;
	struct lock_ranges ranges;

	pthread_mutex_t lock; /* for the fields below */
	int fd;
	unsigned generation; /* counts replacements of fd */
	bool writable;
};

struct lock_table {
	struct server *server;
	pthread_mutex_t lock; /* not held across system calls */
	pthread_cond_t dropped;
	unsigned dropping; /* holders removed from the table but not closed yet */
	struct holder *buckets[LOCK_BUCKETS];
};

/* The bucket of the inode's holders; hold the table's lock. */
static inline struct holder **lock_bucket(struct lock_table *table, const struct inode *inode)
{
	return &table->buckets[(inode->nodeid ^ inode->nodeid >> 32) % LOCK_BUCKETS];
}

/* command: F_OFD_SETLK or F_OFD_SETLKW. 0 or -errno. */
int lock_set_range(int fd, int command, short type, int64_t first, int64_t last);

/* The owner's holder, referenced until holder_put(); NULL: none. */
struct holder *holder_get(struct lock_table *table, const struct lock_request *request);
void holder_put(struct lock_table *table, struct holder *holder);
/* Creates it. 0 or -errno. */
int holder_make(struct lock_table *table, const struct lock_request *request, struct holder **ret);
/* The owner's holder, whose locks the caller is to drop. *removed: it was taken out of the table, pass it to
 * holder_drop(); otherwise another request uses it: unlock its ranges and pass it to holder_put(). NULL:
 * none. */
struct holder *holder_take(struct lock_table *table, const struct lock_request *request, bool *removed);
/* Removes a holder that got its last lock through the handle, for holder_drop(). NULL: none. */
struct holder *holder_take_closed(struct lock_table *table, const struct handle *handle);
void holder_drop(struct lock_table *table, struct holder *holder);
/* Under the holder's lock. 0 or -errno. */
int holder_make_writable(struct lock_table *table, struct holder *holder, struct handle *handle);
