/*
 * rereads - which large files stay in the page cache, since they are read again and again.
 *
 * Pure: no I/O, no locks, no clock. A file may stay if it is among the last REREADS_HORIZON files that were
 * read whole and fits beside the others that stay. If it does not fit, the files that stay lose credit, one
 * after the other, and a file without credit no longer stays: so if more is read in rounds than fits, a part
 * of it stays, and files that are not read any more make room in the end. Not thread-safe. Sizes are bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cache/base/list.h"
#include "cache/policy/ghost.h"

enum {
	REREADS_HORIZON = 1024,
	REREADS_CREDIT = 3, /* new files for which it need not make room though it is not read again */
};

/* A file that may stay; embedded in what its owner knows of it, zeroed at first. */
struct reread {
	struct list_node node; /* while it stays */
	uint64_t size;         /* bytes that count for it; 0: it does not stay */
	unsigned credit;
};

struct rereads {
	struct ghost whole; /* read whole before */
	struct list stay;   /* the next to lose credit first */
	uint64_t limit, used;
};

void rereads_init(struct rereads *rereads, uint64_t limit);
void rereads_deinit(struct rereads *rereads);

/* The file, which does not stay, was read from end to end. */
void rereads_whole(struct rereads *rereads, uint64_t id);

/*
 * The file is opened. True: it stays, and counts with this size from now on. If there is no room for it,
 * *leaver is a file that no longer stays, to make room; else NULL.
 */
bool rereads_opened(
	struct rereads *rereads, struct reread *reread, uint64_t id, uint64_t size, struct reread **leaver);

/* The file no longer stays. Does nothing if it does not. */
void rereads_leave(struct rereads *rereads, struct reread *reread);

/* Changes the limit. Returns a file that no longer stays since it exceeds the limit, or NULL: call it until
 * it returns NULL. */
struct reread *rereads_limit(struct rereads *rereads, uint64_t limit);
