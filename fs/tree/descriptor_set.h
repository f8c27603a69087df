/*
 * descriptor_set - a bounded set of open descriptors, one an inode at most. A full set gives up one that is
 * not in use, CLOCK-wise.
 *
 * What leaves is returned, for the caller to close without the lock.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct inode;

struct descriptor_slot {
	struct inode *inode; /* NULL: free */
	int fd;
	uint32_t users;
	bool recent; /* used since the last sweep */
	bool keep;   /* the only way left to its file */
};

struct descriptor_set {
	pthread_mutex_t lock;
	struct descriptor_slot *slots;
	uint32_t size, hand;
	uint32_t *free_slots;
	uint32_t free_count, kept_count;
};

int descriptor_set_init(struct descriptor_set *set, unsigned limit);
/* Closes what is in it. Legal after a failed init. */
void descriptor_set_free(struct descriptor_set *set);

/* Closes the inode's descriptor if nobody uses it. */
void descriptor_set_drop(struct descriptor_set *set, struct inode *inode);

/* The caller of all below holds set->lock. */
bool descriptor_may_go(const struct descriptor_slot *slot);
/* Empties slot i; returns its descriptor. */
int descriptor_set_empty(struct descriptor_set *set, uint32_t i);
/* Puts fd in, with as many users more; returns the descriptor to close (fd itself when it found no place), or
 * -1. */
int descriptor_set_insert(struct descriptor_set *set, struct inode *inode, int fd, uint32_t users);
/* A descriptor is the only way to a file whose last name is gone and that nobody has open. It stays until the
 * inode is freed; half of the set is left for others. */
void descriptor_set_keep(struct descriptor_set *set, struct descriptor_slot *slot);
