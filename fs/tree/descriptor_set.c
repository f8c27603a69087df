#include "fs/tree/descriptor_set.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/base/lock_order.h"
#include "fs/tree/tree.h"

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

bool descriptor_may_go(const struct descriptor_slot *slot)
{
	return slot->inode && slot->users == 0 && !slot->keep;
}

int descriptor_set_empty(struct descriptor_set *set, uint32_t i)
{
	struct descriptor_slot *slot = &set->slots[i];
	int fd = slot->fd;

	set->kept_count -= slot->keep;
	slot->inode->fd_slot = -1;
	slot->inode = NULL;
	set->free_slots[set->free_count++] = i;
	return fd;
}

/* Makes a slot free, CLOCK-wise. *closing: a descriptor to close, or -1. False when all are in use. */
static bool make_room(struct descriptor_set *set, int *closing)
{
	*closing = -1;
	if (set->free_count)
		return true;
	for (uint32_t n = 0; n < 2 * set->size; n++) {
		uint32_t i = set->hand++ % set->size;

		if (!descriptor_may_go(&set->slots[i]))
			continue;
		if (set->slots[i].recent) {
			set->slots[i].recent = false;
			continue;
		}
		*closing = descriptor_set_empty(set, i);
		return true;
	}
	return false;
}

int descriptor_set_insert(struct descriptor_set *set, struct inode *inode, int fd, uint32_t users)
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

void descriptor_set_keep(struct descriptor_set *set, struct descriptor_slot *slot)
{
	if (slot->keep || set->kept_count >= set->size / 2)
		return;
	slot->keep = true;
	set->kept_count++;
}

void descriptor_set_drop(struct descriptor_set *set, struct inode *inode)
{
	int closing = -1;

	lock_take(&set->lock, LOCK_FDS);
	if (inode->fd_slot >= 0 && set->slots[inode->fd_slot].users == 0)
		closing = descriptor_set_empty(set, (uint32_t)inode->fd_slot);
	lock_drop(&set->lock, LOCK_FDS);
	if (closing >= 0)
		close(closing);
}
