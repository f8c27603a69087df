/*
 * order - the order in which the daemon takes its locks, and its check.
 *
 * A thread takes a lock only while all that it holds come before it in the list below, and never two of one
 * kind. Builds with -Dlock_checks=enabled, which those with tests are by themselves, abort with both names
 * where a thread does otherwise, whether or not that led to a deadlock; in others nothing is left of the
 * check.
 *
 * Before all of them comes libfuse's: over io_uring a queue's thread holds its queue's lock while it runs an
 * operation, and whoever answers a request of that queue takes it. So an operation waits for no thread that
 * answers another queue, and nobody answers while he holds a lock that an operation takes. session.c's own
 * lock is held for nothing but waiting.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

enum lock_rank {
	/* fs/ */
	LOCK_CONTROL,   /* an open control file's: its command runs under it */
	LOCK_DIRECTORY, /* an open directory's: its files are looked up under it */
	LOCK_RULING,    /* the rules */
	LOCK_INODE, /* tree_lock_inode(): what a file is tied to, and its copy. Never two, since several files
		       share one */
	/* cache/ */
	LOCK_CACHE,
	/* fs/tree*: no function of the tree takes an inode's lock */
	LOCK_NAMED,  /* who has which identity where there are no handles */
	LOCK_ROUTES, /* the ways to files without handles, and to file systems below SOURCE */
	LOCK_SHARD,  /* a part of the table of inodes, and their references */
	LOCK_MOUNTS, /* the file systems below SOURCE */
	LOCK_FDS,    /* the set of descriptors */
	/* fs/: each alone */
	LOCK_RELIEF,
	LOCK_HANDLES,     /* the list of open files */
	LOCK_DIRECTORIES, /* the list of open directories */
	LOCK_IO,          /* a pool of requests in flight */
	LOCK_PAYLOAD, /* known buffers of libfuse: readers who were killed get theirs exchanged under LOCK_IO
		       */
	/* backends/ */
	LOCK_FILE,   /* what is known of a handle's reads and writes */
	LOCK_CHOICE, /* a volume's trials */
	LOCK_WINDOW, /* others' windows are only tried under LOCK_HOST */
	LOCK_HOST,   /* all windows */
	LOCK_NODES,
	LOCK_VOLUMES,
	LOCK_BUFFERS,
	LOCK_ENGINE, /* the queue to the disk */
	LOCK_REAP,   /* what came back from it */
	LOCK_FAULT,
	LOCK_RANKS,
};

#ifdef LOCK_CHECKS
/* Aborts unless this thread may take a lock of that kind: for what takes one only now and then. */
void lock_may_take(enum lock_rank rank);
void lock_order_taken(enum lock_rank rank);
void lock_order_dropped(enum lock_rank rank);
#else
static inline void lock_may_take(enum lock_rank rank)
{
	(void)rank;
}

static inline void lock_order_taken(enum lock_rank rank)
{
	(void)rank;
}

static inline void lock_order_dropped(enum lock_rank rank)
{
	(void)rank;
}
#endif

static inline void lock_take(pthread_mutex_t *lock, enum lock_rank rank)
{
	lock_may_take(rank);
	pthread_mutex_lock(lock);
	lock_order_taken(rank);
}

/* In any order, since it does not wait. */
static inline bool lock_try(pthread_mutex_t *lock, enum lock_rank rank)
{
	if (pthread_mutex_trylock(lock) != 0)
		return false;
	lock_order_taken(rank);
	return true;
}

static inline void lock_drop(pthread_mutex_t *lock, enum lock_rank rank)
{
	lock_order_dropped(rank);
	pthread_mutex_unlock(lock);
}

static inline void lock_take_to_read(pthread_rwlock_t *lock, enum lock_rank rank)
{
	lock_may_take(rank);
	pthread_rwlock_rdlock(lock);
	lock_order_taken(rank);
}

static inline void lock_take_to_write(pthread_rwlock_t *lock, enum lock_rank rank)
{
	lock_may_take(rank);
	pthread_rwlock_wrlock(lock);
	lock_order_taken(rank);
}

static inline void lock_drop_rw(pthread_rwlock_t *lock, enum lock_rank rank)
{
	lock_order_dropped(rank);
	pthread_rwlock_unlock(lock);
}
