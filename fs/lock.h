/*
 * lock - locks of programs, kept on the backing files so that those who work in SOURCE meet them
 * (locks=shared).
 *
 * Whoever has locks on a file has an open file description of it here, its holder: a process for fcntl(2)'s
 * locks, an open file for flock(2) and for open-file-description locks. The kernel compares the holders'
 * locks with everybody's. A holder goes when its owner closes the file.
 *
 * Every function is safe to call from any thread; only lock_block() waits for other programs.
 */
#pragma once

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct handle;
struct lock_table;
struct server;

struct lock_wish {
	struct handle *handle; /* open until this is answered */
	uint64_t owner;        /* as the kernel calls it; for flock the handle itself */
	bool is_flock;
	short type; /* F_RDLCK, F_WRLCK or F_UNLCK */
	int64_t first, last;
	pid_t pid; /* of the process, to tell F_GETLK */
};

struct lock_table *lock_table_new(struct server *server);
void lock_table_free(struct lock_table *table);

/* Takes or gives back a lock: 0, -EAGAIN where somebody else's is in the way, -errno. */
int lock_try(struct lock_table *table, const struct lock_wish *wish);

/* The same, but waits; -EINTR once *interrupted is set and a signal has come. */
int lock_block(struct lock_table *table, const struct lock_wish *wish, const atomic_bool *interrupted);

/*
 * The kernel tells of some closes only after close(2) has returned. Whether the lock that was in the way may
 * be of such a file; lock_settle() tries again until it is gone, for some milliseconds at most.
 */
bool lock_may_settle(struct lock_table *table, const struct lock_wish *wish);
int lock_settle(struct lock_table *table, const struct lock_wish *wish);

/* F_GETLK: lock gets what is in the way of the wish, or F_UNLCK. 0 or -errno. */
int lock_query(struct lock_table *table, const struct lock_wish *wish, struct flock *lock);

/* One of the owner's descriptors of the file was closed: its fcntl(2) locks go. */
void lock_flush(struct lock_table *table, struct handle *handle, uint64_t owner);

/* The last descriptor was. */
void lock_release(struct lock_table *table, struct handle *handle);
