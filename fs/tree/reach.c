/* Reaching files. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fs/tree/tree_impl.h"

static int open_handle(struct tree *tree, const struct inode *inode, bool quiet, int flags)
{
	struct {
		struct file_handle head;
		unsigned char data[MAX_HANDLE_SZ];
	} handle;
	struct identity id;
	int mount_fd, fd;

	tree_identity_of(inode, &id);
	mount_fd = tree_mount_get(tree, id.mount, quiet);
	if (mount_fd < 0)
		return mount_fd;
	handle.head.handle_bytes = id.bytes;
	handle.head.handle_type = id.type;
	memcpy(handle.head.f_handle, id.data, id.bytes);
	fd = open_by_handle_at(mount_fd, &handle.head, flags | O_CLOEXEC);
	fd = fd < 0 ? -errno : fd;
	tree_mount_put(tree, id.mount);
	return fd;
}

/* What is reached by O_PATH may be linked, and a directory leads to others: that needs the mount itself. */
static int reach_by_handle(struct tree *tree, const struct inode *inode, int flags)
{
	return open_handle(tree, inode, !(flags & O_PATH), flags);
}

int tree_reach_quietly(struct tree *tree, const struct inode *inode)
{
	return open_handle(tree, inode, true, O_PATH | O_NOFOLLOW);
}

int tree_reach(struct tree *tree, struct inode *inode, int flags)
{
	if (inode == tree->root) {
		int fd = openat(tree->root_fd, ".", flags | O_CLOEXEC);

		return fd < 0 ? -errno : fd;
	}
	if (tree_is_named(inode))
		return tree_reach_by_name(tree, inode);
	return reach_by_handle(tree, inode, flags);
}

/* Keeps the set from starving the process of descriptors: what to do when opening failed. True: try again. */
static bool make_room(struct tree *tree, int error)
{
	if (error != -EMFILE && error != -ENFILE)
		return false;
	tree_close_idle(tree);
	tree_close_idle(tree);
	return true;
}

int tree_reach_with_room(struct tree *tree, struct inode *inode, int flags)
{
	int fd = tree_reach(tree, inode, flags);

	return make_room(tree, fd) ? tree_reach(tree, inode, flags) : fd;
}

int tree_openat(struct tree *tree, int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd = openat(dir_fd, name, flags | O_CLOEXEC, mode);

	if (fd < 0 && make_room(tree, -errno))
		fd = openat(dir_fd, name, flags | O_CLOEXEC, mode);
	return fd < 0 ? -errno : fd;
}

int tree_removed_below(int r)
{
	return r == -ENOENT ? -ESTALE : r;
}
