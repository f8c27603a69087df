/* Uses the set of descriptors, and closes idle ones when the process runs out of descriptors. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "fs/tree/tree_impl.h"

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

bool tree_fd_lend(struct tree *tree, struct inode *inode, int fd)
{
	/* links and opens through the descriptor must be on the original mount, not on one with noatime */
	if (tree->quiet || tree->keeps_none || inode == tree->root || !inode->mount->local)
		return false;
	return descriptor_set_lend(&tree->fds, inode, fd);
}

static int open_path(struct tree *tree, int fd)
{
	char path[TREE_PATH_SIZE];

	snprintf(path, sizeof(path), "%d", fd);
	return openat(tree->proc_fd, path, O_PATH | O_CLOEXEC);
}

bool tree_fd_take_back(struct tree *tree, struct inode *inode, int fd)
{
	int own;

	if (descriptor_set_take_back(&tree->fds, inode))
		return true;
	if (!descriptor_set_keeps(&tree->fds, inode))
		return false;
	/* while it is kept, a descriptor that can write would make the file look open for writing */
	own = open_path(tree, fd);
	if (own >= 0)
		descriptor_set_replace(&tree->fds, inode, own);
	return false;
}

void tree_keep(struct tree *tree, struct inode *inode, int fd)
{
	int own;

	if (!tree_is_named(inode))
		return;
	own = open_path(tree, fd);
	if (own < 0 || descriptor_set_give(&tree->fds, inode, own) < 0)
		return;
	descriptor_set_keep(&tree->fds, inode);
	descriptor_set_put(&tree->fds, inode, false);
}

void tree_close_idle(struct tree *tree)
{
	descriptor_set_close_idle(&tree->fds);
	tree_mounts_close_idle(tree);
}

bool tree_make_room(struct tree *tree, int error)
{
	if (error != EMFILE && error != ENFILE)
		return false;
	tree_close_idle(tree);
	tree_close_idle(tree);
	return true;
}

int tree_openat(struct tree *tree, int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd = openat(dir_fd, name, flags | O_CLOEXEC, mode);

	if (fd < 0 && tree_make_room(tree, errno))
		fd = openat(dir_fd, name, flags | O_CLOEXEC, mode);
	return fd < 0 ? -errno : fd;
}
