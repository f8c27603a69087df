/* The O_PATH descriptor of an inode: taken from the set, or reached anew. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cache/base/lock_order.h"
#include "fs/tree/tree_impl.h"

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
	struct descriptor_set *fds = &tree->fds;
	int fd = -1, closing;

	if (inode == tree->root)
		return tree->root_fd;
	for (int tries = 0; tries < 3; tries++) {
		lock_take(&fds->lock, LOCK_FDS);
		if (inode->fd_slot >= 0) {
			struct descriptor_slot *slot = &fds->slots[inode->fd_slot];

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
		closing = descriptor_set_insert(fds, inode, fd, 1);
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
	struct descriptor_slot *slot;
	int closing = -1;

	if (inode == tree->root)
		return;
	lock_take(&tree->fds.lock, LOCK_FDS);
	slot = &tree->fds.slots[inode->fd_slot];
	slot->users--;
	if (tree->keeps_none && descriptor_may_go(slot))
		closing = descriptor_set_empty(&tree->fds, (uint32_t)inode->fd_slot);
	lock_drop(&tree->fds.lock, LOCK_FDS);
	if (closing >= 0)
		close(closing);
}

void tree_fd_donate(struct tree *tree, struct inode *inode, int fd)
{
	int closing = fd;

	if (inode != tree->root && !tree->keeps_none && inode->type != DT_SOCK && inode->type != DT_FIFO) {
		lock_take(&tree->fds.lock, LOCK_FDS);
		closing = descriptor_set_insert(&tree->fds, inode, fd, 0);
		lock_drop(&tree->fds.lock, LOCK_FDS);
	}
	if (closing >= 0)
		close(closing);
}

void tree_close_idle(struct tree *tree)
{
	struct descriptor_set *fds = &tree->fds;
	int closing[64], n;
	uint32_t i = 0;

	while (i < fds->size) {
		n = 0;
		lock_take(&fds->lock, LOCK_FDS);
		for (; i < fds->size && n < 64; i++) {
			if (!descriptor_may_go(&fds->slots[i]))
				continue;
			if (fds->slots[i].recent)
				fds->slots[i].recent = false;
			else
				closing[n++] = descriptor_set_empty(fds, i);
		}
		lock_drop(&fds->lock, LOCK_FDS);
		while (n > 0)
			close(closing[--n]);
	}
	tree_mounts_close_idle(tree);
}

void tree_fd_keep(struct tree *tree, struct inode *inode)
{
	struct descriptor_slot *slot;

	if (inode == tree->root || tree_fd_get(tree, inode) < 0)
		return;
	lock_take(&tree->fds.lock, LOCK_FDS);
	slot = &tree->fds.slots[inode->fd_slot];
	descriptor_set_keep(&tree->fds, slot);
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
	closing = descriptor_set_insert(&tree->fds, inode, own, 0);
	if (inode->fd_slot >= 0)
		descriptor_set_keep(&tree->fds, &tree->fds.slots[inode->fd_slot]);
	lock_drop(&tree->fds.lock, LOCK_FDS);
	if (closing >= 0)
		close(closing);
}
