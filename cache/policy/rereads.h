/*
 * rereads - which large files stay in the page cache, since they are read again and again.
 *
 * Pure: no I/O, no locks, no clock. A file that was read whole before, within the last REREADS_HORIZON files
 * that were, may stay if it fits beside the others. Where it does not, the files that stay lose credit, one
 * after the other, and those without credit go: so a round of readings of more than fits keeps a part of it,
 * and what is not read any more makes room in the end. Not thread-safe. Sizes are bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cache/base/list.h"
#include "cache/policy/ghost.h"

enum {
	REREADS_HORIZON = 1024,
	REREADS_CREDIT = 3, /* newcomers that a file withstands without being read again */
};

/* A file that may stay; embedded in what its owner knows of it, zeroed at first. */
struct reread {
	struct list_node node; /* while it stays */
	uint64_t size;         /* so much is counted for it; 0: it does not stay */
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
 * The file is opened. True if it is to stay; it counts with this size from now on. Where it would, but for
 * others, *leaver is one of these that is to make room from now on, else NULL: it was taken out.
 */
bool rereads_opened(
	struct rereads *rereads, struct reread *reread, uint64_t id, uint64_t size, struct reread **leaver);

/* Takes the file out; nothing if it does not stay. */
void rereads_leave(struct rereads *rereads, struct reread *reread);

/* Another limit. Returns a file that is too much now, taken out, or NULL: to be called until then. */
struct reread *rereads_limit(struct rereads *rereads, uint64_t limit);
