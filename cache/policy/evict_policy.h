/*
 * evict_policy - what a file evict_NAME.c provides, and what it may use. Callers of evict include evict.h
 * only.
 *
 * A policy keeps its entries in queues (or a heap) of its own, and sets entry->where. evict.c does the rest:
 * bytes and counts, admission and the ghost list, parking, the counters.
 */
#pragma once

#include "cache/policy/evict.h"
#include "cache/policy/ghost.h"

struct evict_policy {
	const char *name;
	size_t state_bytes;
	bool keeps_ghost; /* uses the ghost list itself, even if admission does not */

	int (*init)(struct evict *e); /* the state is zeroed; NULL: nothing to do */
	void (*deinit)(struct evict *e);

	/* remembered: what the ghost list knew of this id; freq is 0 when nothing. May fail with -ENOMEM. */
	int (*insert)(struct evict *e, struct evict_entry *entry, struct ghost_memory remembered);

	/* A use, in order. NULL: counting by evict_hit() is enough. */
	void (*touch)(struct evict *e, struct evict_entry *entry);

	/* Takes the entry out of its queue. */
	void (*remove)(struct evict *e, struct evict_entry *entry);

	/* Puts a parked entry back. used: it was used since then, which freq has counted. May fail with
	 * -ENOMEM. */
	int (*unpark)(struct evict *e, struct evict_entry *entry, bool used);

	/*
	 * Size and charge change from those in the entry to these. NULL: the policy does not depend on them.
	 */
	void (*resize)(struct evict *e, struct evict_entry *entry, uint64_t size, uint64_t charge);

	/* Judges entries by evict_judge() until one is EVICT_TAKEN; returns it, out of its queue, or NULL. */
	struct evict_entry *(*pick)(struct evict *e);

	/* Checks all invariants: NULL, or what is wrong. Adds up counts and charges, to be compared with the
	 * totals. */
	const char *(*check)(const struct evict *e, uint64_t *count, uint64_t *charged);
	size_t (*memory)(const struct evict *e); /* NULL: the state alone */
};

struct evict {
	const struct evict_policy *policy;
	struct evict_options options;
	struct evict_host host;
	void *state;
	struct ghost ghost;
	uint64_t asked_mean; /* bytes: moving average of the charges that evict_ask() saw */
	uint64_t examined;   /* objects looked at in the present evict_pick() */
	struct evict_stats stats;
};

enum evict_verdict {
	EVICT_TAKEN, /* the victim: take it out of its queue and return it */
	EVICT_USED,  /* was used, which freq now counts: give it its second chance */
	EVICT_HELD,  /* take it out of its queue and call evict_park() */
	EVICT_ENOUGH /* looked at too many: give up with NULL */
};

/* Judges an entry: the only function that clears the reference bit and claims victims. Call it once for each
 * entry in a step. */
enum evict_verdict evict_judge(struct evict *e, struct evict_entry *entry);

/* Whether the entry was used since the last look; clears that, and counts it in freq. */
bool evict_absorb(struct evict *e, struct evict_entry *entry);

/* The weight, scaled by the entry's priority: low a quarter, high four times as much. */
static inline double evict_weighed(const struct evict_entry *entry, double weight)
{
	return entry->priority < 0 ? weight / 4 : entry->priority > 0 ? weight * 4 : weight;
}

/* Marks an entry that left its queue as parked. */
void evict_park(struct evict *e, struct evict_entry *entry);

/* A FIFO: new entries at the newest end. */
struct evict_queue {
	struct list entries; /* the oldest first */
	uint64_t count, charged;
};

static inline void evict_queue_push(struct evict_queue *q, struct evict_entry *entry)
{
	list_push_last(&q->entries, &entry->node);
	q->count++;
	q->charged += entry->charge;
}

static inline void evict_queue_unlink(struct evict_queue *q, struct evict_entry *entry)
{
	list_remove(&q->entries, &entry->node);
	q->count--;
	q->charged -= entry->charge;
}

/* NULL where the queue is empty. */
static inline struct evict_entry *evict_queue_oldest(const struct evict_queue *q)
{
	return list_entry(q->entries.first, struct evict_entry, node);
}

/* The next in its queue; NULL for the newest. */
static inline struct evict_entry *evict_newer(const struct evict_entry *entry)
{
	return list_entry(entry->node.next, struct evict_entry, node);
}

/* NULL or what is wrong with the links, the sums, or an entry whose where is not the given one. */
const char *evict_queue_check(
	const struct evict_queue *q, enum evict_where where, uint64_t *count, uint64_t *charged);
