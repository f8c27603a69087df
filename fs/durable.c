#include "fs/durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fs/handle.h"
#include "fs/options/generic_options.h"
#include "fs/server.h"

static bool is_on(const struct server *server, unsigned flags)
{
	return server->options.generic_flags & flags;
}

static int sync_inode(struct server *server, struct inode *inode)
{
	int fd = -EINVAL, r;

	if (inode->type == DT_REG || inode->type == DT_DIR)
		fd = tree_open(server->tree, inode, O_RDONLY);
	if (fd < 0) /* a device, or a file that can't be read or has a lease */
		return syncfs(tree_fd_get(server->tree, tree_root(server->tree))) < 0 ? -errno : 0;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int durable_names(struct server *server, struct inode *dir)
{
	return is_on(server, GENERIC_SYNC | GENERIC_DIRSYNC) ? sync_inode(server, dir) : 0;
}

int durable_bytes(struct server *server, int fd)
{
	return is_on(server, GENERIC_SYNC) && fdatasync(fd) < 0 ? -errno : 0;
}

int durable_change(struct server *server, const struct handle *handle, int fd)
{
	if (!handle->through)
		return durable_bytes(server, fd);
	return fdatasync(fd) < 0 ? -errno : 0;
}

int durable_inode(struct server *server, struct inode *inode)
{
	return is_on(server, GENERIC_SYNC) ? sync_inode(server, inode) : 0;
}
