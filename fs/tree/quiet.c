/*
 * Reads that do not change access times. The kernel decides by the flags of the mount through which a file is
 * opened; with passthrough that is the mount of the daemon's descriptor. So for each file system of SOURCE
 * the daemon has a private mount with noatime beside the original one. Names are looked up through the
 * original: only that leads to file systems mounted below.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "fs/tree/tree_impl.h"

int tree_clone_quietly(int fd)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOATIME, .attr_clr = MOUNT_ATTR__ATIME};
	int mount = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), r;

	if (mount < 0)
		return -errno;
	if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return mount;
	r = -errno;
	close(mount);
	return r;
}

int tree_open_quietly(int fd, int flags)
{
	int mount = tree_clone_quietly(fd), opened;
	char path[TREE_PATH_SIZE];

	if (mount < 0)
		return mount;
	tree_fd_path(mount, path);
	opened = open(path, flags | O_CLOEXEC);
	opened = opened < 0 ? -errno : opened;
	close(mount);
	return opened;
}

int tree_mount_quietly(const struct tree *tree, int fd)
{
	int quiet_fd;

	if (!tree->quiet || fd < 0)
		return -1;
	quiet_fd = tree_open_quietly(fd, O_RDONLY | O_NONBLOCK);
	if (quiet_fd < 0)
		log_once(LOG_LEVEL_WARNING,
			"noatime, ro: cannot make a mount with noatime (%s); reads that the kernel passes "
			"through change access times",
			g_strerror(-quiet_fd));
	return quiet_fd;
}

void tree_leave_times(struct tree *tree)
{
	tree->quiet = true;
	for (struct tree_mount *mount = tree->mounts; mount; mount = mount->next)
		mount->quiet_fd = tree_mount_quietly(tree, mount->fd);
}

bool tree_leaves_times(const struct tree *tree)
{
	return tree->quiet;
}
