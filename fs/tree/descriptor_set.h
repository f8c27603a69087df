/*
 * descriptor_set - a bounded set of open descriptors, one an inode at most. A full set gives up one that is
 * not in use, CLOCK-wise.
 *
 * A large set is divided by inodes into parts that each have a lock (LOCK_FDS), and their share of the room,
 * so that requests about different files do not wait for each other. Calls nothing else of the tree. What
 * leaves the set is closed, without the lock.
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
	uint32_t part_count; /* of those that are in use */
};

int descriptor_set_init(struct descriptor_set *set, unsigned limit);
/* Closes what is in it. Legal after a failed init. */
void descriptor_set_free(struct descriptor_set *set);

/* The inode's descriptor, in use until the matching put; -1 where the set has none. */
int descriptor_set_get(struct descriptor_set *set, struct inode *inode);
/* closes: without waiting for a sweep, if that was the last user. */
void descriptor_set_put(struct descriptor_set *set, struct inode *inode, bool closes);
/*
 * The set takes over fd. Returns the inode's descriptor, in use as after a get: fd, or the one that another
 * thread brought first. -EMFILE when all of the inode's part are in use.
 */
int descriptor_set_give(struct descriptor_set *set, struct inode *inode, int fd);
/* The same for a descriptor that nobody uses now: it is closed where there is no room. */
void descriptor_set_donate(struct descriptor_set *set, struct inode *inode, int fd);
/*
 * The inode's descriptor is fd for now, which the caller goes on using. False, and nothing is done, where the
 * inode has one, or a quarter of its part is lent. True: to be ended by the second call, before fd is closed,
 * which says whether the caller is to close it. Else the set does, with its last user; or it is the only way
 * to the file, and the third call puts another in its place.
 */
bool descriptor_set_lend(struct descriptor_set *set, struct inode *inode, int fd);
bool descriptor_set_take_back(struct descriptor_set *set, struct inode *inode);
/* The set takes over fd, for the inode's descriptor that it keeps, unless that is in use. */
void descriptor_set_replace(struct descriptor_set *set, struct inode *inode, int fd);
/*
 * The inode's descriptor, which the caller has in use, is the only way to a file whose last name is gone and
 * that nobody has open: it stays until the inode is freed. Half of the set is left for others.
 */
void descriptor_set_keep(struct descriptor_set *set, const struct inode *inode);
bool descriptor_set_keeps(struct descriptor_set *set, const struct inode *inode);

/* Closes the inode's descriptor if nobody uses it. */
void descriptor_set_drop(struct descriptor_set *set, struct inode *inode);
/* Closes those that nobody has used since the last call. */
void descriptor_set_close_idle(struct descriptor_set *set);
