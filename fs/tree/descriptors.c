/* The O_PATH descriptor of an inode: taken from the set, or reached anew. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "fs/tree/tree_impl.h"

bool tree_fd_is_there(struct tree *tree, struct inode *inode)
{
	int fd = inode == tree->root ? tree->root_fd : descriptor_set_get(&tree->fds, inode);

	if (fd >= 0 && inode != tree->root)
		descriptor_set_put(&tree->fds, inode, false);
	return fd >= 0;
}

int tree_fd_get(struct tree *tree, struct inode *inode)
{
	int fd = -EMFILE; /* every descriptor of the set is in use at this very moment */

	if (inode == tree->root)
		return tree->root_fd;
	for (int tries = 0; fd == -EMFILE && tries < 3; tries++) {
		fd = descriptor_set_get(&tree->fds, inode);
		if (fd >= 0)
			return fd;
		fd = tree_reach_with_room(tree, inode, O_PATH | O_NOFOLLOW);
		if (fd < 0)
			return fd;
		fd = descriptor_set_give(&tree->fds, inode, fd);
	}
	return fd;
}

void tree_fd_put(struct tree *tree, struct inode *inode)
{
	if (inode != tree->root)
		descriptor_set_put(&tree->fds, inode, tree->keeps_none);
}

void tree_fd_donate(struct tree *tree, struct inode *inode, int fd)
{
	if (inode != tree->root && !tree->keeps_none && inode->type != DT_SOCK && inode->type != DT_FIFO)
		descriptor_set_donate(&tree->fds, inode, fd);
	else
		close(fd);
}

void tree_close_idle(struct tree *tree)
{
	descriptor_set_close_idle(&tree->fds);
	tree_mounts_close_idle(tree);
}

void tree_fd_keep(struct tree *tree, struct inode *inode)
{
	if (inode == tree->root || tree_fd_get(tree, inode) < 0)
		return;
	descriptor_set_keep(&tree->fds, inode);
	descriptor_set_put(&tree->fds, inode, false);
}

void tree_keep(struct tree *tree, struct inode *inode, int fd)
{
	char path[TREE_PATH_SIZE];
	int own;

	if (!tree_is_named(inode))
		return;
	snprintf(path, sizeof(path), "%d", fd);
	own = openat(tree->proc_fd, path, O_PATH | O_CLOEXEC);
	if (own < 0 || descriptor_set_give(&tree->fds, inode, own) < 0)
		return;
	descriptor_set_keep(&tree->fds, inode);
	descriptor_set_put(&tree->fds, inode, false);
}
