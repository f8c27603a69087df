#include "fs/tree/descriptor_set.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/base/hash.h"
#include "cache/base/lock_order.h"
#include "fs/tree/tree.h"

struct descriptor_slot {
	struct inode *inode; /* NULL: free */
	int fd;
	uint32_t users;
	bool recent; /* used since the last sweep */
	bool keep;   /* it is the only way to the file */
	bool lent;   /* closed by its owner */
	bool leaves; /* closed after its last use: the owner took it back meanwhile */
};

/* In a smaller part all slots could be in use while other parts have room. */
#define PART_MIN 64

static int part_init(struct descriptor_part *part, uint32_t limit)
{
	part->slots = calloc(limit, sizeof(*part->slots));
	part->free_slots = calloc(limit, sizeof(*part->free_slots));
	if (!part->slots || !part->free_slots)
		return -ENOMEM;
	part->size = limit;
	for (uint32_t i = limit; i-- > 0;)
		part->free_slots[part->free_count++] = i;
	return 0;
}

int descriptor_set_init(struct descriptor_set *set, unsigned limit)
{
	uint32_t count = limit / PART_MIN;
	int r = 0;

	set->part_count = count < 1 ? 1 : count > DESCRIPTOR_PARTS ? DESCRIPTOR_PARTS : count;
	for (uint32_t i = 0; i < DESCRIPTOR_PARTS; i++)
		pthread_mutex_init(&set->parts[i].lock, NULL);
	for (uint32_t i = 0; r == 0 && i < set->part_count; i++)
		r = part_init(&set->parts[i], (limit + i) / set->part_count);
	return r;
}

void descriptor_set_free(struct descriptor_set *set)
{
	for (struct descriptor_part *part = set->parts; part < set->parts + DESCRIPTOR_PARTS; part++) {
		for (uint32_t i = 0; i < part->size; i++)
			if (part->slots[i].inode && !part->slots[i].lent)
				close(part->slots[i].fd);
		free(part->slots);
		free(part->free_slots);
	}
}

static struct descriptor_part *lock_part(struct descriptor_set *set, const struct inode *inode)
{
	/* nodeids made of inode numbers may all be multiples of the part count */
	struct descriptor_part *part = &set->parts[hash_mix64(inode->nodeid) % set->part_count];

	lock_take(&part->lock, LOCK_FDS);
	return part;
}

/* --- under the lock --------------------------------------------------------------------------- */

static struct descriptor_slot *slot_of(const struct descriptor_part *part, const struct inode *inode)
{
	return inode->fd_slot < 0 ? NULL : &part->slots[inode->fd_slot];
}

static bool may_go(const struct descriptor_slot *slot)
{
	return slot->inode && slot->users == 0 && !slot->keep && !slot->lent;
}

/* Frees the slot. Returns its descriptor, which the caller closes. */
static int empty(struct descriptor_part *part, struct descriptor_slot *slot)
{
	part->kept_count -= slot->keep;
	part->lent_count -= slot->lent;
	slot->inode->fd_slot = -1;
	slot->inode = NULL;
	part->free_slots[part->free_count++] = (uint32_t)(slot - part->slots);
	return slot->fd;
}

/* Frees a slot by CLOCK if none is free. *closing: a descriptor to close, or -1. False if all are in use. */
static bool make_room(struct descriptor_part *part, int *closing)
{
	*closing = -1;
	if (part->free_count)
		return true;
	for (uint32_t n = 0; n < 2 * part->size; n++) {
		struct descriptor_slot *slot = &part->slots[part->hand++ % part->size];

		if (!may_go(slot))
			continue;
		if (slot->recent) {
			slot->recent = false;
			continue;
		}
		*closing = empty(part, slot);
		return true;
	}
	return false;
}

/* Inserts fd if there is a slot for it. *closing: a descriptor to close, or -1. */
static bool insert(struct descriptor_part *part, struct inode *inode, int fd, int *closing)
{
	uint32_t i;

	if (!make_room(part, closing))
		return false;
	i = part->free_slots[--part->free_count];
	part->slots[i] = (struct descriptor_slot){.inode = inode, .fd = fd, .recent = true};
	inode->fd_slot = (int32_t)i;
	return true;
}

/* Inserts fd unless the inode has a descriptor, and counts more users of the inode's descriptor. Returns the
 * descriptor to close, or -1; fd itself if it is not needed or found no slot. */
static int take_in(struct descriptor_part *part, struct inode *inode, int fd, uint32_t users)
{
	int closing = fd;

	if (inode->fd_slot < 0 && !insert(part, inode, fd, &closing))
		return fd;
	part->slots[inode->fd_slot].users += users;
	return closing;
}

/* --- the calls -------------------------------------------------------------------------------- */

static void unlock_and_close(struct descriptor_part *part, int closing)
{
	lock_drop(&part->lock, LOCK_FDS);
	if (closing >= 0)
		close(closing);
}

int descriptor_set_get(struct descriptor_set *set, struct inode *inode)
{
	struct descriptor_part *part = lock_part(set, inode);
	struct descriptor_slot *slot = slot_of(part, inode);
	int fd = -1;

	if (slot) {
		slot->users++;
		slot->recent = true;
		fd = slot->fd;
	}
	lock_drop(&part->lock, LOCK_FDS);
	return fd;
}

void descriptor_set_put(struct descriptor_set *set, struct inode *inode, bool closes)
{
	struct descriptor_part *part = lock_part(set, inode);
	struct descriptor_slot *slot = slot_of(part, inode);
	int closing = -1;

	slot->users--;
	if ((closes || slot->leaves) && may_go(slot))
		closing = empty(part, slot);
	unlock_and_close(part, closing);
}

int descriptor_set_give(struct descriptor_set *set, struct inode *inode, int fd)
{
	struct descriptor_part *part = lock_part(set, inode);
	int closing = take_in(part, inode, fd, 1);

	fd = inode->fd_slot < 0 ? -EMFILE : part->slots[inode->fd_slot].fd;
	unlock_and_close(part, closing);
	return fd;
}

void descriptor_set_donate(struct descriptor_set *set, struct inode *inode, int fd)
{
	struct descriptor_part *part = lock_part(set, inode);

	unlock_and_close(part, take_in(part, inode, fd, 0));
}

bool descriptor_set_lend(struct descriptor_set *set, struct inode *inode, int fd)
{
	struct descriptor_part *part = lock_part(set, inode);
	bool lent = inode->fd_slot < 0 && part->lent_count < part->size / 4;
	int closing = -1;

	lent = lent && insert(part, inode, fd, &closing);
	if (lent) {
		slot_of(part, inode)->lent = true;
		part->lent_count++;
	}
	unlock_and_close(part, closing);
	return lent;
}

bool descriptor_set_take_back(struct descriptor_set *set, struct inode *inode)
{
	struct descriptor_part *part = lock_part(set, inode);
	struct descriptor_slot *slot = slot_of(part, inode);
	bool free = slot->users == 0 && !slot->keep;

	if (free) {
		empty(part, slot);
	} else {
		slot->lent = false;
		slot->leaves = true;
		part->lent_count--;
	}
	lock_drop(&part->lock, LOCK_FDS);
	return free;
}

void descriptor_set_replace(struct descriptor_set *set, struct inode *inode, int fd)
{
	struct descriptor_part *part = lock_part(set, inode);
	struct descriptor_slot *slot = slot_of(part, inode);
	int closing = fd;

	if (slot->users == 0) {
		closing = slot->fd;
		slot->fd = fd;
		slot->leaves = false;
	}
	unlock_and_close(part, closing);
}

void descriptor_set_keep(struct descriptor_set *set, const struct inode *inode)
{
	struct descriptor_part *part = lock_part(set, inode);
	struct descriptor_slot *slot = slot_of(part, inode);

	if (!slot->keep && part->kept_count < part->size / 2) {
		slot->keep = true;
		part->kept_count++;
	}
	lock_drop(&part->lock, LOCK_FDS);
}

bool descriptor_set_keeps(struct descriptor_set *set, const struct inode *inode)
{
	struct descriptor_part *part = lock_part(set, inode);
	const struct descriptor_slot *slot = slot_of(part, inode);
	bool keeps = slot && slot->keep;

	lock_drop(&part->lock, LOCK_FDS);
	return keeps;
}

void descriptor_set_drop(struct descriptor_set *set, struct inode *inode)
{
	struct descriptor_part *part = lock_part(set, inode);
	struct descriptor_slot *slot = slot_of(part, inode);
	int closing = -1;

	if (slot && slot->users == 0)
		closing = empty(part, slot);
	unlock_and_close(part, closing);
}

static void close_idle(struct descriptor_part *part)
{
	int closing[64], n;
	uint32_t i = 0;

	while (i < part->size) {
		n = 0;
		lock_take(&part->lock, LOCK_FDS);
		for (; i < part->size && n < 64; i++) {
			if (!may_go(&part->slots[i]))
				continue;
			if (part->slots[i].recent)
				part->slots[i].recent = false;
			else
				closing[n++] = empty(part, &part->slots[i]);
		}
		lock_drop(&part->lock, LOCK_FDS);
		while (n > 0)
			close(closing[--n]);
	}
}

void descriptor_set_close_idle(struct descriptor_set *set)
{
	for (uint32_t i = 0; i < set->part_count; i++)
		close_idle(&set->parts[i]);
}
