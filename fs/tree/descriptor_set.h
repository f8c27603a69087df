/*
 * descriptor_set - a bounded cache of open descriptors, at most one per inode. A full set closes one that is
 * not in use, chosen by CLOCK.
 *
 * A large set is divided by inode into parts, each with its own lock (LOCK_FDS) and its share of the limit,
 * so that requests for different files do not contend. Calls no other code of the tree. Descriptors are
 * closed without holding the lock.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct inode;
struct descriptor_slot;

#define DESCRIPTOR_PARTS 16

struct descriptor_part {
	_Alignas(64) pthread_mutex_t lock;
	struct descriptor_slot *slots;
	uint32_t size, hand;
	uint32_t *free_slots;
	uint32_t free_count, kept_count, lent_count;
};

struct descriptor_set {
	struct descriptor_part parts[DESCRIPTOR_PARTS];
	uint32_t part_count; /* number of parts in use */
};

int descriptor_set_init(struct descriptor_set *set, unsigned limit);
/* Closes all descriptors of the set. Legal after a failed init. */
void descriptor_set_free(struct descriptor_set *set);

/* The inode's descriptor, in use until the matching put; -1 if the set has none. */
int descriptor_set_get(struct descriptor_set *set, struct inode *inode);
/* Ends a use. closes: if that was the last use, close the descriptor now instead of with a later sweep. */
void descriptor_set_put(struct descriptor_set *set, struct inode *inode, bool closes);
/*
 * Takes over fd. Returns the inode's descriptor, in use as after a get: fd, or the one that another thread
 * added first. -EMFILE if all descriptors of the inode's part are in use.
 */
int descriptor_set_give(struct descriptor_set *set, struct inode *inode, int fd);
/* Takes over fd without a use: closes it if there is no room. */
void descriptor_set_donate(struct descriptor_set *set, struct inode *inode, int fd);
/*
 * Makes fd the inode's descriptor while the caller goes on using it. False, with nothing done, if the inode
 * has one, or a quarter of its part is lent. After true the caller must call descriptor_set_take_back()
 * before it closes fd: true: the caller closes fd. False: the set now owns fd and closes it after its last
 * use; or fd is the only way to the file, and the caller may replace it with descriptor_set_replace().
 */
bool descriptor_set_lend(struct descriptor_set *set, struct inode *inode, int fd);
bool descriptor_set_take_back(struct descriptor_set *set, struct inode *inode);
/* Takes over fd in place of the inode's descriptor that the set keeps, unless that is in use. */
void descriptor_set_replace(struct descriptor_set *set, struct inode *inode, int fd);
/*
 * Keeps the inode's descriptor, which the caller has in use, until the inode is freed: it is the only way to
 * a file that has no name any more and is not open. At most half of the set is kept so.
 */
void descriptor_set_keep(struct descriptor_set *set, const struct inode *inode);
bool descriptor_set_keeps(struct descriptor_set *set, const struct inode *inode);

/* Closes the inode's descriptor if it is not in use. */
void descriptor_set_drop(struct descriptor_set *set, struct inode *inode);
/* Closes descriptors that were not used since the last call. */
void descriptor_set_close_idle(struct descriptor_set *set);
