/*
 * lock_order - the lock hierarchy of the daemon, and its run-time check.
 *
 * A thread may take a lock only if every lock it already holds comes earlier in the list below, and never two
 * locks of the same rank. With -Dlock_checks (on by default in builds with tests, off in release builds) a
 * violation aborts the daemon and names both locks, even if no deadlock happened. Without it the check
 * compiles to nothing.
 *
 * libfuse's queue lock comes before all of these: over io_uring a queue thread holds it while it runs an
 * operation, and any thread that replies to a request of that queue takes it. So an operation must never wait
 * for a thread that replies on another queue, and no thread may reply while it holds a lock that an operation
 * takes. The lock in session.c is a leaf, used only to sleep.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

enum lock_rank {
	/* fs/ */
	LOCK_CONTROL,    /* an open control file; its command runs under this lock */
	LOCK_PIN_LIST,   /* which files were pinned by name */
	LOCK_SETTINGS,   /* options that change while the mount is in use */
	LOCK_DIRECTORY,  /* an open directory; its entries are looked up under this lock */
	LOCK_LIVE_RULES, /* the rules */
	LOCK_THROTTLE,   /* answers that wait for the disk */
	LOCK_INODE,      /* tree_lock_inode(): binding and object. Never two at once: inodes share a lock */
	/* cache/ */
	LOCK_CACHE,
	/* cache/store/ */
	LOCK_KEEPERS, /* the list of keepers; starting one */
	LOCK_KEEPER,  /* a request to one of them */
	LOCK_CHARGED, /* the memory cgroup of this process */
	/* cache/trail/ */
	LOCK_TRAIL, /* the files that are trailed */
	/* cache/flush/ */
	LOCK_FLUSHER, /* the files that may be dirty */
	/* fs/lock*: locks=shared */
	LOCK_HOLDER,  /* an owner's open file description; not held while waiting for other processes */
	LOCK_HOLDERS, /* the table of owners */
	/* fs/loop: the threads that take requests, and what each is doing */
	LOCK_LOOP,
	/* fs/tree/: functions of the tree never take LOCK_INODE */
	LOCK_NAMED,  /* identities of files without handles */
	LOCK_ROUTES, /* routes to files without handles and to file systems below SOURCE */
	LOCK_SHARD,  /* a shard of the inode table, and reference counts */
	LOCK_MOUNTS, /* the list of file systems below SOURCE */
	LOCK_FDS,    /* the set of O_PATH descriptors */
	/* fs/: leaves, except that LOCK_PAYLOAD is taken under LOCK_IO */
	LOCK_MEMORY_FLOOR, /* how large the cache may be (memory_floor) */
	LOCK_ADVICE,       /* the sample of opens */
	LOCK_LISTING,      /* how directories are listed, see cache/policy/readdirplus.h and listed.h */
	LOCK_WAYS,         /* how large files are read, by volume */
	LOCK_WAITERS,      /* requests that wait for locks */
	LOCK_POOL,         /* a queue of jobs */
	LOCK_HANDLES,      /* the list of open files */
	LOCK_DIRECTORIES,  /* the list of open directories */
	LOCK_SESSIONS,     /* the list of open control files */
	LOCK_IO,           /* a pool of requests in flight */
	LOCK_PAYLOAD,      /* libfuse's buffers and their second mappings */
	LOCK_TAPS,         /* sessions of accesslog and trace, and what they have not read yet */
	/* backends/ */
	LOCK_FILE,        /* the read and write patterns of an open file */
	LOCK_BEHIND,      /* what all streams of writes hold in the page cache */
	LOCK_STREAM_MODE, /* a volume's choice of how streams are read and written */
	LOCK_WINDOW,      /* a readahead window; under LOCK_HOST only lock_take_if_free() */
	LOCK_HOST,        /* the list of all windows */
	LOCK_NODES,       /* the table of backing files that are open */
	LOCK_VOLUMES,     /* the list of backing file systems */
	LOCK_BUFFERS,     /* the pool of buffers */
	LOCK_ENGINE,      /* the submission queue */
	LOCK_REAP,        /* the completion queue */
	LOCK_FAULT,       /* for tests: what a plan of faults delays */
	LOCK_RANKS,
};

#ifdef LOCK_CHECKS
/* Aborts unless this thread may take a lock of that rank now. For code that takes the lock only in rare
 * cases. */
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

/* Allowed in any order, since it never blocks. */
static inline bool lock_take_if_free(pthread_mutex_t *lock, enum lock_rank rank)
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
