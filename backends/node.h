/*
 * node - what the handles of one backing file share: a count of the changes made through the daemon, and the
 * number of windows that read it ahead.
 *
 * A node lives while a handle or a readahead in flight holds it.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	NODE_BUCKETS = 256,
};

struct node {
	struct node *next;
	dev_t dev;
	ino_t ino;
	unsigned refs;       /* under the table's lock */
	uint64_t generation; /* atomic */
	_Atomic unsigned window_count;
};

struct nodes {
	pthread_mutex_t lock;
	struct node *buckets[NODE_BUCKETS];
};

void nodes_init(struct nodes *nodes);
void nodes_deinit(struct nodes *nodes);

/* The node of the file with a reference for the caller, to be given back by nodes_put(); NULL: no memory. */
struct node *nodes_get(struct nodes *nodes, dev_t dev, ino_t ino);
void nodes_put(struct nodes *nodes, struct node *node);

/* Counts a change of the file, if a handle has it open. */
void nodes_changed(struct nodes *nodes, dev_t dev, ino_t ino);

static inline void node_changed(struct node *node)
{
	__atomic_fetch_add(&node->generation, 1, __ATOMIC_SEQ_CST);
}

static inline uint64_t node_generation(struct node *node)
{
	return __atomic_load_n(&node->generation, __ATOMIC_SEQ_CST);
}
