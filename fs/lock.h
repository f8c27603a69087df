/*
 * lock - file locks on the backing files, which also exclude processes that work in SOURCE (locks=shared).
 *
 * Each lock owner has an open file description of the backing file, its holder: a process for fcntl(2) locks,
 * an open file for flock(2) and open-file-description locks. Ranges are locked with open-file-description
 * locks, which the kernel checks against all others. A holder is closed when its owner closes the file.
 *
 * Every function is safe to call from any thread; only lock_block() waits for other processes.
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

struct lock_request {
	struct handle *handle; /* open until the request is answered */
	uint64_t owner;        /* the kernel's number; for flock the handle */
	bool is_flock;
	short type; /* F_RDLCK, F_WRLCK or F_UNLCK */
	int64_t first, last;
	pid_t pid; /* of the process, for F_GETLK */
};

struct lock_table *lock_table_new(struct server *server);
void lock_table_free(struct lock_table *table);

/* Locks or unlocks without waiting: 0, -EAGAIN on a conflict, -errno. */
int lock_try(struct lock_table *table, const struct lock_request *request);

/* The same, but waits for conflicting locks. -EINTR once *interrupted is set and a signal arrives. */
int lock_block(struct lock_table *table, const struct lock_request *request, const atomic_bool *interrupted);

/*
 * The kernel reports some closes only after close(2) has returned. lock_may_settle(): whether the conflicting
 * lock may belong to a file that is being closed so. lock_settle(): repeats lock_try() while that is so, for
 * at most 100 ms; 0 or -errno.
 */
bool lock_may_settle(struct lock_table *table, const struct lock_request *request);
int lock_settle(struct lock_table *table, const struct lock_request *request);

/* F_GETLK: *lock becomes the first conflicting lock, or F_UNLCK. 0 or -errno. */
int lock_query(struct lock_table *table, const struct lock_request *request, struct flock *lock);

/* The owner closed one of its descriptors of the file: drops its fcntl(2) locks. */
void lock_flush(struct lock_table *table, struct handle *handle, uint64_t owner);

/* The last descriptor of the open file was closed. */
void lock_release(struct lock_table *table, struct handle *handle);
