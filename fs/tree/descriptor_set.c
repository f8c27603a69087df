#include "fs/tree/descriptor_set.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/base/lock_order.h"
#include "fs/tree/tree.h"

struct descriptor_slot {
	struct inode *inode; /* NULL: free */
	int fd;
	uint32_t users;
	bool recent; /* used since the last sweep */
	bool keep;   /* the only way left to its file */
};

int descriptor_set_init(struct descriptor_set *set, unsigned limit)
{
	pthread_mutex_init(&set->lock, NULL);
	set->slots = calloc(limit, sizeof(*set->slots));
	set->free_slots = calloc(limit, sizeof(*set->free_slots));
	if (!set->slots || !set->free_slots)
		return -ENOMEM;
	set->size = limit;
	for (uint32_t i = limit; i-- > 0;)
		set->free_slots[set->free_count++] = i;
	return 0;
}

void descriptor_set_free(struct descriptor_set *set)
{
	for (uint32_t i = 0; i < set->size; i++)
		if (set->slots[i].inode)
			close(set->slots[i].fd);
	free(set->slots);
	free(set->free_slots);
}

/* --- under the lock --------------------------------------------------------------------------- */

static struct descriptor_slot *slot_of(struct descriptor_set *set, const struct inode *inode)
{
	return inode->fd_slot < 0 ? NULL : &set->slots[inode->fd_slot];
}

static bool may_go(const struct descriptor_slot *slot)
{
	return slot->inode && slot->users == 0 && !slot->keep;
}

/* Returns the descriptor, to be closed. */
static int empty(struct descriptor_set *set, struct descriptor_slot *slot)
{
	set->kept_count -= slot->keep;
	slot->inode->fd_slot = -1;
	slot->inode = NULL;
	set->free_slots[set->free_count++] = (uint32_t)(slot - set->slots);
	return slot->fd;
}

/* Makes a slot free, CLOCK-wise. *closing: a descriptor to close, or -1. False when all are in use. */
static bool make_room(struct descriptor_set *set, int *closing)
{
	*closing = -1;
	if (set->free_count)
		return true;
	for (uint32_t n = 0; n < 2 * set->size; n++) {
		struct descriptor_slot *slot = &set->slots[set->hand++ % set->size];

		if (!may_go(slot))
			continue;
		if (slot->recent) {
			slot->recent = false;
			continue;
		}
		*closing = empty(set, slot);
		return true;
	}
	return false;
}

/* Puts fd in, with as many users more; returns the descriptor to close (fd itself when it found no place), or
 * -1. */
static int insert(struct descriptor_set *set, struct inode *inode, int fd, uint32_t users)
{
	uint32_t i;
	int closing;

	if (inode->fd_slot >= 0) {
		set->slots[inode->fd_slot].users += users;
		return fd;
	}
	if (!make_room(set, &closing))
		return fd;
	i = set->free_slots[--set->free_count];
	set->slots[i] = (struct descriptor_slot){.inode = inode, .fd = fd, .users = users, .recent = true};
	inode->fd_slot = (int32_t)i;
	return closing;
}

/* --- the calls -------------------------------------------------------------------------------- */

static void unlock_and_close(struct descriptor_set *set, int closing)
{
	lock_drop(&set->lock, LOCK_FDS);
	if (closing >= 0)
		close(closing);
}

int descriptor_set_get(struct descriptor_set *set, struct inode *inode)
{
	struct descriptor_slot *slot;
	int fd = -1;

	lock_take(&set->lock, LOCK_FDS);
	slot = slot_of(set, inode);
	if (slot) {
		slot->users++;
		slot->recent = true;
		fd = slot->fd;
	}
	lock_drop(&set->lock, LOCK_FDS);
	return fd;
}

void descriptor_set_put(struct descriptor_set *set, struct inode *inode, bool closes)
{
	struct descriptor_slot *slot;
	int closing = -1;

	lock_take(&set->lock, LOCK_FDS);
	slot = slot_of(set, inode);
	slot->users--;
	if (closes && may_go(slot))
		closing = empty(set, slot);
	unlock_and_close(set, closing);
}

int descriptor_set_give(struct descriptor_set *set, struct inode *inode, int fd)
{
	int closing;

	lock_take(&set->lock, LOCK_FDS);
	closing = insert(set, inode, fd, 1);
	fd = inode->fd_slot < 0 ? -EMFILE : set->slots[inode->fd_slot].fd;
	unlock_and_close(set, closing);
	return fd;
}

void descriptor_set_donate(struct descriptor_set *set, struct inode *inode, int fd)
{
	lock_take(&set->lock, LOCK_FDS);
	unlock_and_close(set, insert(set, inode, fd, 0));
}

void descriptor_set_keep(struct descriptor_set *set, const struct inode *inode)
{
	struct descriptor_slot *slot;

	lock_take(&set->lock, LOCK_FDS);
	slot = slot_of(set, inode);
	if (!slot->keep && set->kept_count < set->size / 2) {
		slot->keep = true;
		set->kept_count++;
	}
	lock_drop(&set->lock, LOCK_FDS);
}

bool descriptor_set_keeps(struct descriptor_set *set, const struct inode *inode)
{
	const struct descriptor_slot *slot;
	bool keeps;

	lock_take(&set->lock, LOCK_FDS);
	slot = slot_of(set, inode);
	keeps = slot && slot->keep;
	lock_drop(&set->lock, LOCK_FDS);
	return keeps;
}

void descriptor_set_drop(struct descriptor_set *set, struct inode *inode)
{
	struct descriptor_slot *slot;
	int closing = -1;

	lock_take(&set->lock, LOCK_FDS);
	slot = slot_of(set, inode);
	if (slot && slot->users == 0)
		closing = empty(set, slot);
	unlock_and_close(set, closing);
}

void descriptor_set_close_idle(struct descriptor_set *set)
{
	int closing[64], n;
	uint32_t i = 0;

	while (i < set->size) {
		n = 0;
		lock_take(&set->lock, LOCK_FDS);
		for (; i < set->size && n < 64; i++) {
			if (!may_go(&set->slots[i]))
				continue;
			if (set->slots[i].recent)
				set->slots[i].recent = false;
			else
				closing[n++] = empty(set, &set->slots[i]);
		}
		lock_drop(&set->lock, LOCK_FDS);
		while (n > 0)
			close(closing[--n]);
	}
}
