/*
 * coherence - random operations on a few files by processes of two machines, and what each process must see.
 *
 * The oracle is a table in memory that all processes share. It has a lock for each file, held during an
 * operation: either one process changes the file, or any number of them read it. So what was written and
 * closed before the lock was released must be seen by each process that opens the file under the lock.
 */
#pragma once

#include "tests/support/random.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define COHERENCE_FILES 64
#define COHERENCE_HELD 4 /* descriptors that a process keeps open */
#define COHERENCE_GENERATIONS 32

struct coherent_file {
	pthread_rwlock_t lock;
	bool exists;
	uint32_t version; /* of its contents; none is used twice */
	uint64_t size;
	uint32_t generation;                     /* changes with each new inode under the name */
	uint32_t changes[COHERENCE_GENERATIONS]; /* changes in place, of generation % COHERENCE_GENERATIONS */
	_Atomic int64_t quiet_until_ms;          /* CLOCK_MONOTONIC; until then the file is only read */
};

struct coherence {
	unsigned long op_count, proc_count, file_count; /* options */
	unsigned quiet_ms, pause_us;
	uint64_t small_size, large_size; /* largest size in bytes, of most files and of every sixteenth one */
	bool stats;                      /* compare what stat(2) says */
	uint64_t seed;
	atomic_ulong reads, changes, held_reads, mapped_reads; /* operations done */
	atomic_bool failed;
	struct coherent_file files[COHERENCE_FILES];
};

struct held {
	int fd; /* -1: none */
	unsigned file;
	uint32_t version, generation, changes;
	uint64_t size;
};

struct worker {
	struct coherence *shared;
	unsigned number;
	const char *dir; /* the directory as its machine sees it */
	struct random random;
	struct held held[COHERENCE_HELD];
	char *buffer; /* large_size bytes */
	char path[PATH_MAX], other[PATH_MAX];
	char doing[64];
};

/* Prints what was done and what is wrong, and ends the process. */
void worker_fail(struct worker *worker, unsigned file, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void worker_name(struct worker *worker, unsigned file);

/* The caller holds the file's lock, shared or exclusive. */
void worker_read(struct worker *worker, unsigned file);
void worker_hold(struct worker *worker, unsigned file);
void worker_read_held(struct worker *worker, struct held *held);
/* Exclusive. */
void worker_change(struct worker *worker, unsigned file);
