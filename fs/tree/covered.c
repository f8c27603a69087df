/* The directory that the mount covers: a name of our own mount leads there, never into the mount. */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/tree/tree_impl.h"

/* Uses cached attributes only: a request to our own mount would wait for itself. */
static int peek(int fd, unsigned mask, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, stx) < 0 ? -errno : 0;
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
	r = peek(fd, 0, &stx);
	close(fd);
	if (r == 0)
		tree->covered.by = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	return r;
}

/* Opens the covered directory if the name in dir_fd is its place. -ELOOP for other files of our own mount. */
static int open_covered(struct tree *tree, int dir_fd, const char *name)
{
	const struct tree_covered *covered = &tree->covered;
	struct statx dir;
	int fd = -1;

	if (strcmp(name, covered->name) != 0)
		return -ELOOP; /* a part of the mount, bind-mounted elsewhere */
	if (statx(dir_fd, "", AT_EMPTY_PATH, STATX_INO, &dir) < 0)
		return -errno;
	if (dir.stx_ino != covered->parent_ino ||
		makedev(dir.stx_dev_major, dir.stx_dev_minor) != covered->parent_dev)
		return -ELOOP;
	fd = fcntl(covered->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0 && tree_make_room(tree, errno))
		fd = fcntl(covered->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static bool is_ours(const struct tree *tree, const struct statx *stx)
{
	return makedev(stx->stx_dev_major, stx->stx_dev_minor) == tree->covered.by;
}

int tree_open_child(
	struct tree *tree, int dir_fd, const char *name, int flags, unsigned mask, struct statx *stx)
{
	int fd = tree_openat(tree, dir_fd, name, O_PATH | O_NOFOLLOW | flags, 0), r;

	if (fd < 0)
		return fd;
	r = peek(fd, mask, stx);
	if (r == 0 && is_ours(tree, stx)) {
		close(fd);
		fd = open_covered(tree, dir_fd, name);
		r = fd < 0 ? 0 : peek(fd, mask, stx);
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

void tree_ask_name(struct tree *tree, int dir_fd, const char *name)
{
	int fd = tree_openat(tree, dir_fd, name, O_PATH | O_NOFOLLOW, 0);
	struct statx stx;

	if (fd < 0)
		return;
	/* On a network file system, statx(2) of a removed file fails with ESTALE; the kernel then looks the
	 * name up again by itself. Opening the file for reading would do that, too, and more. */
	if (peek(fd, 0, &stx) == 0 && !is_ours(tree, &stx))
		statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_FORCE_SYNC,
			STATX_BASIC_STATS, &stx);
	close(fd);
}
