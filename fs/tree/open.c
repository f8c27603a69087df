/* Opening files to read or write them. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "backends/stamp.h"
#include "fs/tree/tree_impl.h"

/* Opens the file that fd, an O_PATH descriptor, is open on. */
static int open_again(struct tree *tree, int fd, int flags)
{
	char path[TREE_PATH_SIZE];
	int opened = tree->quiet ? tree_open_quietly(fd, flags & ~O_NOFOLLOW) : -EPERM;

	if (opened != -EPERM)
		return opened;
	snprintf(path, sizeof(path), "%d", fd);
	return tree_openat(tree, tree->proc_fd, path, flags & ~O_NOFOLLOW, 0);
}

/* Looks the file up by its name, as an open without this mount would. Negative also if the name is gone or is
 * another file's by now. */
static int look_up(struct tree *tree, struct inode *inode)
{
	if (!inode->mount->state_by_open || inode->type != DT_REG)
		return -EOPNOTSUPP;
	return tree_reach(tree, inode, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

void tree_look_again(struct tree *tree, struct inode *inode)
{
	int fd = look_up(tree, inode);

	if (fd >= 0)
		close(fd);
}

int tree_open_patiently(struct tree *tree, struct inode *inode, int flags)
{
	int fd, opened, r = flags & O_DIRECTORY ? tree_automount(tree, inode) : 0;

	if (r < 0)
		return r;
	if (!tree_is_named(inode) || inode == tree->root)
		return tree_reach(tree, inode, flags);
	fd = look_up(tree, inode);
	if (fd >= 0) {
		opened = open_again(tree, fd, flags);
		close(fd);
		return tree_removed_below(opened);
	}
	fd = tree_fd_get(tree, inode);
	if (fd < 0)
		return fd;
	opened = open_again(tree, fd, flags);
	tree_fd_put(tree, inode);
	return tree_removed_below(opened);
}

int tree_open(struct tree *tree, struct inode *inode, int flags)
{
	int fd;

	if (tree->quiet)
		flags |= O_NOATIME;
	fd = tree_open_patiently(tree, inode, flags | O_NONBLOCK);
	if (fd == -EPERM && flags & O_NOATIME) {
		flags &= ~O_NOATIME; /* another user's file */
		fd = tree_open_patiently(tree, inode, flags | O_NONBLOCK);
	}
	/* a lease of this daemon ends within microseconds */
	for (int tries = 0; fd == -EAGAIN && tries < 20 && (!tries || stamp_holds_leases()); tries++) {
		if (tries)
			g_usleep(250);
		fd = tree_open_patiently(tree, inode, flags | O_NONBLOCK);
	}
	if (fd >= 0 && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags); /* or io_uring would not wait for the disk */
	return fd;
}

/* An O_PATH descriptor through which reading the symbolic link does not change its access time; negative if
 * there is none. fd: any O_PATH descriptor of the link. */
static int open_link_quietly(struct tree *tree, struct inode *inode, int fd)
{
	if (!tree->quiet)
		return -1;
	return tree_is_named(inode) ? tree_clone_quietly(fd) : tree_reach_quietly(tree, inode);
}

ssize_t tree_readlink(struct tree *tree, struct inode *inode, char *target, size_t size)
{
	int fd = tree_fd_get(tree, inode), quiet;
	ssize_t n;

	if (fd < 0)
		return fd;
	quiet = open_link_quietly(tree, inode, fd);
	n = readlinkat(quiet < 0 ? fd : quiet, "", target, size);
	n = n < 0 ? -errno : n;
	if (quiet >= 0)
		close(quiet);
	tree_fd_put(tree, inode);
	return n;
}
