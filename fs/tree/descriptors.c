/* The bounded set of O_PATH descriptors. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/base/lock_order.h"
#include "fs/tree/tree_impl.h"

int tree_fds_init(struct tree *tree, unsigned limit)
{
	struct fd_set_cache *fds = &tree->fds;

	pthread_mutex_init(&fds->lock, NULL);
	fds->slots = calloc(limit, sizeof(*fds->slots));
	fds->free_slots = calloc(limit, sizeof(*fds->free_slots));
	if (!fds->slots || !fds->free_slots)
		return -ENOMEM;
	fds->size = limit;
	for (uint32_t i = limit; i-- > 0;)
		fds->free_slots[fds->free_count++] = i;
	return 0;
}

void tree_fds_free(struct tree *tree)
{
	for (uint32_t i = 0; i < tree->fds.size; i++)
		if (tree->fds.slots[i].inode)
			close(tree->fds.slots[i].fd);
	free(tree->fds.slots);
	free(tree->fds.free_slots);
}

/* --- the set; fds->lock is held by the callers below this line -------------------------------- */

static bool slot_may_go(const struct fd_slot *slot)
{
	return slot->inode && slot->users == 0 && !slot->keep;
}

/* Empties a slot; returns its descriptor for the caller to close after unlocking. */
static int slot_empty(struct fd_set_cache *fds, uint32_t i)
{
	struct fd_slot *slot = &fds->slots[i];
	int fd = slot->fd;

	fds->kept_count -= slot->keep;
	slot->inode->fd_slot = -1;
	slot->inode = NULL;
	fds->free_slots[fds->free_count++] = i;
	return fd;
}

/* Makes a slot free, CLOCK-wise. *closing: a descriptor to close, or -1. False when all are in use. */
static bool set_make_room(struct fd_set_cache *fds, int *closing)
{
	*closing = -1;
	if (fds->free_count)
		return true;
	for (uint32_t n = 0; n < 2 * fds->size; n++) {
		uint32_t i = fds->hand++ % fds->size;

		if (!slot_may_go(&fds->slots[i]))
			continue;
		if (fds->slots[i].recent) {
			fds->slots[i].recent = false;
			continue;
		}
		*closing = slot_empty(fds, i);
		return true;
	}
	return false;
}

/* Puts fd in; returns the descriptor to close (fd itself when it found no place), or -1. */
static int set_insert(struct fd_set_cache *fds, struct inode *inode, int fd, uint32_t users)
{
	uint32_t i;
	int closing;

	if (inode->fd_slot >= 0) {
		fds->slots[inode->fd_slot].users += users;
		return fd;
	}
	if (!set_make_room(fds, &closing))
		return fd;
	i = fds->free_slots[--fds->free_count];
	fds->slots[i] = (struct fd_slot){.inode = inode, .fd = fd, .users = users, .recent = true};
	inode->fd_slot = (int32_t)i;
	return closing;
}

bool tree_fd_is_there(struct tree *tree, struct inode *inode)
{
	bool there;

	if (inode == tree->root)
		return true;
	lock_take(&tree->fds.lock, LOCK_FDS);
	there = inode->fd_slot >= 0;
	lock_drop(&tree->fds.lock, LOCK_FDS);
	return there;
}

bool tree_fd_is_kept(struct tree *tree, struct inode *inode)
{
	bool kept;

	lock_take(&tree->fds.lock, LOCK_FDS);
	kept = inode->fd_slot >= 0 && tree->fds.slots[inode->fd_slot].keep;
	lock_drop(&tree->fds.lock, LOCK_FDS);
	return kept;
}

int tree_fd_get(struct tree *tree, struct inode *inode)
{
	struct fd_set_cache *fds = &tree->fds;
	int fd = -1, closing;

	if (inode == tree->root)
		return tree->root_fd;
	for (int tries = 0; tries < 3; tries++) {
		lock_take(&fds->lock, LOCK_FDS);
		if (inode->fd_slot >= 0) {
			struct fd_slot *slot = &fds->slots[inode->fd_slot];

			slot->users++;
			slot->recent = true;
			fd = slot->fd;
		}
		lock_drop(&fds->lock, LOCK_FDS);
		if (fd >= 0)
			return fd;
		fd = tree_reach_with_room(tree, inode, O_PATH | O_NOFOLLOW);
		if (fd < 0)
			return fd;
		lock_take(&fds->lock, LOCK_FDS);
		closing = set_insert(fds, inode, fd, 1);
		if (inode->fd_slot >= 0)
			fd = fds->slots[inode->fd_slot].fd;
		else
			fd = -1;
		lock_drop(&fds->lock, LOCK_FDS);
		if (closing >= 0)
			close(closing);
		if (fd >= 0)
			return fd;
	}
	return -EMFILE; /* every descriptor of the set is in use at this very moment */
}

void tree_fd_put(struct tree *tree, struct inode *inode)
{
	struct fd_slot *slot;
	int closing = -1;

	if (inode == tree->root)
		return;
	lock_take(&tree->fds.lock, LOCK_FDS);
	slot = &tree->fds.slots[inode->fd_slot];
	slot->users--;
	if (tree->keeps_none && slot_may_go(slot))
		closing = slot_empty(&tree->fds, (uint32_t)inode->fd_slot);
	lock_drop(&tree->fds.lock, LOCK_FDS);
	if (closing >= 0)
		close(closing);
}

void tree_fd_donate(struct tree *tree, struct inode *inode, int fd)
{
	int closing = fd;

	if (inode != tree->root && !tree->keeps_none && inode->type != DT_SOCK && inode->type != DT_FIFO) {
		lock_take(&tree->fds.lock, LOCK_FDS);
		closing = set_insert(&tree->fds, inode, fd, 0);
		lock_drop(&tree->fds.lock, LOCK_FDS);
	}
	if (closing >= 0)
		close(closing);
}

void tree_fd_drop(struct tree *tree, struct inode *inode)
{
	int closing = -1;

	lock_take(&tree->fds.lock, LOCK_FDS);
	if (inode->fd_slot >= 0 && tree->fds.slots[inode->fd_slot].users == 0)
		closing = slot_empty(&tree->fds, (uint32_t)inode->fd_slot);
	lock_drop(&tree->fds.lock, LOCK_FDS);
	if (closing >= 0)
		close(closing);
}

void tree_close_idle(struct tree *tree)
{
	struct fd_set_cache *fds = &tree->fds;
	int closing[64], n;
	uint32_t i = 0;

	while (i < fds->size) {
		n = 0;
		lock_take(&fds->lock, LOCK_FDS);
		for (; i < fds->size && n < 64; i++) {
			if (!slot_may_go(&fds->slots[i]))
				continue;
			if (fds->slots[i].recent)
				fds->slots[i].recent = false;
			else
				closing[n++] = slot_empty(fds, i);
		}
		lock_drop(&fds->lock, LOCK_FDS);
		while (n > 0)
			close(closing[--n]);
	}
	tree_mounts_close_idle(tree);
}

/* (locked) A descriptor is the only way to a file whose last name is gone and that nobody has open. It stays
 * until the inode is freed; half of the set is left for others. */
static void slot_keep(struct fd_set_cache *fds, struct fd_slot *slot)
{
	if (slot->keep || fds->kept_count >= fds->size / 2)
		return;
	slot->keep = true;
	fds->kept_count++;
}

void tree_fd_keep(struct tree *tree, struct inode *inode)
{
	struct fd_slot *slot;

	if (tree_fd_get(tree, inode) < 0)
		return;
	lock_take(&tree->fds.lock, LOCK_FDS);
	slot = &tree->fds.slots[inode->fd_slot];
	slot_keep(&tree->fds, slot);
	slot->users--;
	lock_drop(&tree->fds.lock, LOCK_FDS);
}

void tree_keep(struct tree *tree, struct inode *inode, int fd)
{
	char path[TREE_PATH_SIZE];
	int own, closing;

	if (!tree_is_named(inode))
		return;
	snprintf(path, sizeof(path), "%d", fd);
	own = openat(tree->proc_fd, path, O_PATH | O_CLOEXEC);
	if (own < 0)
		return;
	lock_take(&tree->fds.lock, LOCK_FDS);
	closing = set_insert(&tree->fds, inode, own, 0);
	if (inode->fd_slot >= 0)
		slot_keep(&tree->fds, &tree->fds.slots[inode->fd_slot]);
	lock_drop(&tree->fds.lock, LOCK_FDS);
	if (closing >= 0)
		close(closing);
}
