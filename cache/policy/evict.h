/*
 * evict - chooses which file enters the cache, and which one leaves when it is full.
 *
 * Pure: no I/O, no locks, no clock. Objects are whole files. The cache embeds a struct evict_entry in each of
 * its objects, owns that memory, and serialises all calls on one struct evict under one mutex; evict_hit()
 * alone needs no lock. The host answers two questions through callbacks (struct evict_host), which are called
 * from evict_insert(), evict_pick() and evict_unpark() only.
 *
 * Life of an object:
 *
 *     open, not cached   evict_ask(): EVICT_ADMIT starts a fill, EVICT_LATER remembers the id
 *     fill finished      while (evict_must_shed(e, charge)) drop(evict_pick(e)); then evict_insert()
 *     open, cached       evict_hit(), or evict_touch() under the lock where evict_is_eager()
 *     grows while open   evict_resize(); then shed as above
 *     last release       evict_unpark(), when a take() was refused since (the object is parked)
 *     changed on disk    evict_remove(); the new version has a new id and starts afresh
 *     cache full         evict_pick() hands out the victim, already out of all queues
 *
 * Units: size, charge and budget are bytes. charge is what an object costs the cache: its pages and metadata.
 * Errors: negative errno; -ENOMEM leaves the object outside and everything else as it was.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/base/list.h"

struct evict;

enum evict_where { EVICT_OUT, EVICT_PARKED, EVICT_MAIN, EVICT_SMALL };

/*
 * Embedded in the cache's object. The host sets id, size, charge and priority before evict_insert() and
 * only reads them afterwards (priority may change and counts when the object is next weighed); everything
 * else belongs to the policy. A zeroed entry is a valid entry outside the cache.
 */
struct evict_entry {
	struct list_node node; /* in a queue, the oldest first */
	uint64_t id;           /* hash of identity and version: the ghost list's key */
	uint64_t size;         /* bytes of the file */
	uint64_t charge;       /* bytes against the budget */
	double rank;           /* H of the GreedyDual policies */
	uint32_t slot;         /* place in a heap, or number of a queue */
	uint16_t freq;         /* uses counted so far */
	_Atomic uint8_t used;  /* 1: used since the policy last looked */
	uint8_t where : 3;     /* enum evict_where */
	uint8_t returned : 1;  /* s3gd: came back after an eviction, and was not seen used since */
	int8_t priority : 4;   /* set by the host: -1, 0, 1; s3gd and gdsf weigh it, others don't */
};

/* An eviction looks at no more than this many objects that were used, and then takes the next one that is not
 * held. */
#define EVICT_EXAMINE_MAX 2048

/* A file may charge at most the budget divided by this, where the options say nothing else. */
#define EVICT_LARGEST_PART 8

struct evict_host {
	/*
	 * "Was it used since you last asked?" Answers, and clears the answer: the lazily read reference bit
	 * (in a mount, whether the atime of the store object moved). NULL: evict_hit() and evict_touch()
	 * report every use.
	 */
	bool (*used)(void *ctx, struct evict_entry *entry);

	/*
	 * Claims the object for eviction in one atomic step. False when it is held; the host then
	 * notes the refusal in the same atomic step, and the release that makes it free calls evict_unpark().
	 */
	bool (*take)(void *ctx, struct evict_entry *entry);
	void *ctx;
};

/* One per file evict_NAME.c; what it must provide is in evict_policy.h. */
struct evict_policy;

/* Every policy, ended by NULL; the default comes first. The mount option evict= and the replayer read it. */
extern const struct evict_policy *const evict_catalogue[];
const struct evict_policy *evict_find(const char *name); /* NULL when there is none */
const char *evict_policy_name(const struct evict_policy *policy);

struct evict_options {
	const struct evict_policy *policy;
	uint64_t budget;        /* bytes for charges and for the policy's own memory */
	unsigned admit;         /* opens within the ghost's horizon until a file is admitted; 0 never */
	unsigned largest_part;  /* a file may charge at most budget / this; 0 means EVICT_LARGEST_PART */
	uint64_t largest_extra; /* and this much more, for what is charged besides the file's bytes */
	bool memory_is_free;    /* the policy's own memory does not count against the budget */
	bool bit_only; /* the host never calls evict_hit() or evict_touch(): used() is all there is */
	uint64_t s0;   /* s3gd: size in bytes where a file's own weight ends; 0 means 512K */
	unsigned small_permille; /* s3gd, s3fifo: the small queue's share of the budget; 0: the default */
};

/* Takes copies of options and host. NULL: no memory. */
struct evict *evict_new(const struct evict_options *options, const struct evict_host *host);
void evict_free(struct evict *e); /* accepts NULL; does not touch entries that are still inside */

/* The budget shrinks at once; the host then evicts while evict_must_shed(e, 0). */
void evict_set_budget(struct evict *e, uint64_t budget);
uint64_t evict_budget(const struct evict *e);

/* Counts from the next evict_ask() on; opens that are remembered stay so. */
void evict_set_admit(struct evict *e, unsigned admit);

enum evict_answer {
	EVICT_NEVER, /* too large for this budget, or admit is 0: not remembered */
	EVICT_LATER, /* not yet: this open is remembered */
	EVICT_ADMIT,
};

/* An uncached file was opened that would cost charge. Asked once per open. */
enum evict_answer evict_ask(struct evict *e, uint64_t id, uint64_t charge);

/* What evict_ask() would say of it, and why. */
struct evict_outlook {
	enum evict_answer answer;
	unsigned opens;  /* that are remembered */
	unsigned wanted; /* as the option admit says */
	bool was_cached; /* it was evicted; the next open brings it back */
};

/* Changes nothing. */
struct evict_outlook evict_peek(const struct evict *e, uint64_t id, uint64_t charge);

/* Prefetches memory that evict_ask() or evict_insert() will need for this id. */
void evict_prefetch(const struct evict *e, uint64_t id);

/* Inserts an object after its fill. The host has made room before; the object may be held already. */
int evict_insert(struct evict *e, struct evict_entry *entry);

/* A use, without any lock: one byte is set. */
static inline void evict_hit(struct evict_entry *entry)
{
	if (!atomic_load_explicit(&entry->used, memory_order_relaxed))
		atomic_store_explicit(&entry->used, 1, memory_order_relaxed);
}

/* True: the policy must see each use in order (lru, gdsf). Call evict_touch() then, not evict_hit(). */
bool evict_is_eager(const struct evict *e);
void evict_touch(struct evict *e, struct evict_entry *entry);

/* The object grew or shrank. */
void evict_resize(struct evict *e, struct evict_entry *entry, uint64_t size, uint64_t charge);

/* Removes an object for a reason of the host's (changed, unlinked). It is not put into the ghost list. Does
 * nothing if the object is not inside. */
void evict_remove(struct evict *e, struct evict_entry *entry);

/* A parked object is not held any more (see evict_host.take). Does nothing if it is not parked. */
int evict_unpark(struct evict *e, struct evict_entry *entry);

/* True while charges, own memory and incoming bytes exceed the budget. */
bool evict_must_shed(const struct evict *e, uint64_t incoming);

/*
 * The next victim: claimed by take(), out of all queues, its charge given back, its id in the ghost list.
 * NULL: nothing can be evicted, since all objects that are left are held.
 */
struct evict_entry *evict_pick(struct evict *e);

struct evict_stats {
	uint64_t object_count, parked_count, ghost_count;
	uint64_t charged;       /* bytes of all objects inside, parked ones too */
	uint64_t parked;        /* bytes of those that could not leave when they were asked */
	uint64_t memory;        /* bytes of memory of the policy: ghost list, heap, queues */
	uint64_t evictions;     /* victims handed out */
	uint64_t examined;      /* objects looked at for them, in all */
	uint64_t most_examined; /* and the most for one */
	uint64_t forced;        /* evictions that met EVICT_EXAMINE_MAX */
};

void evict_read_stats(const struct evict *e, struct evict_stats *stats);

/* For tests: NULL when every invariant holds, else what is wrong. Costs a walk over everything. */
const char *evict_check(const struct evict *e);
