/* Reaching files, and never anything of our own mount. */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/tree/tree_impl.h"

/* Asks nobody, and so not our own mount either. */
static int peek(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, stx) < 0 ? -errno : 0;
}

int tree_before_mount(struct tree *tree, const char *mountpoint)
{
	struct tree_covered *covered = &tree->covered;
	struct statx parent;

	covered->name = g_path_get_basename(mountpoint);
	covered->fd = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (covered->fd < 0 || statx(covered->fd, "..", 0, STATX_INO, &parent) < 0)
		return -errno;
	covered->parent_dev = makedev(parent.stx_dev_major, parent.stx_dev_minor);
	covered->parent_ino = parent.stx_ino;
	return 0;
}

int tree_after_mount(struct tree *tree, const char *mountpoint)
{
	int fd = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC), r;
	struct statx stx;

	if (fd < 0)
		return -errno;
	r = peek(fd, &stx);
	close(fd);
	if (r == 0)
		tree->covered.by = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	return r;
}

/* What to take instead of something of our own mount: a descriptor, or -ELOOP. */
static int open_covered(struct tree *tree, int dir_fd, const char *name)
{
	const struct tree_covered *covered = &tree->covered;
	struct statx dir;
	int fd = -1;

	if (strcmp(name, covered->name) != 0)
		return -ELOOP; /* a part of the mount that was bound to another place */
	if (statx(dir_fd, "", AT_EMPTY_PATH, STATX_INO, &dir) < 0)
		return -errno;
	if (dir.stx_ino != covered->parent_ino ||
		makedev(dir.stx_dev_major, dir.stx_dev_minor) != covered->parent_dev)
		return -ELOOP;
	fd = fcntl(covered->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int tree_open_child(struct tree *tree, int dir_fd, const char *name, int flags)
{
	int fd = tree_openat(tree, dir_fd, name, O_PATH | O_NOFOLLOW | flags, 0), r;
	struct statx stx;

	if (fd < 0)
		return fd;
	r = peek(fd, &stx);
	if (r == 0 && makedev(stx.stx_dev_major, stx.stx_dev_minor) != tree->covered.by)
		return fd;
	close(fd);
	return r < 0 ? r : open_covered(tree, dir_fd, name);
}

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
