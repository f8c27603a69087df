/* The file systems of SOURCE. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/fstype.h"
#include "cache/base/lock_order.h"
#include "fs/tree/tree_impl.h"

/* Opens the file behind fd as the mount for open_by_handle_at(2). -errno if handles do not work. */
static int mount_handle_fd(int fd, uint32_t mode)
{
	char path[TREE_PATH_SIZE];
	struct {
		struct file_handle head;
		unsigned char data[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	int id, opened, probe, r;

	if (!S_ISDIR(mode) && !S_ISREG(mode))
		return -EOPNOTSUPP;
	if (name_to_handle_at(fd, "", &handle.head, &id, AT_EMPTY_PATH) < 0)
		return -errno;
	/* open_by_handle_at() refuses an O_PATH descriptor as its mount */
	tree_fd_path(fd, path);
	opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (opened < 0)
		return -errno;
	probe = open_by_handle_at(opened, &handle.head, O_PATH | O_CLOEXEC);
	if (probe < 0) {
		r = -errno;
		close(opened);
		return r;
	}
	close(probe);
	return opened;
}

static bool kernel_has_fine_stamps(void)
{
	struct utsname kernel;
	int major = 0, minor = 0;

	if (uname(&kernel) < 0 || sscanf(kernel.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 13);
}

static uint64_t fsid_of(const struct statfs *fs)
{
	uint64_t fsid;

	memcpy(&fsid, &fs->f_fsid, sizeof(fsid));
	return fsid;
}

static bool is_below_root(const struct tree_mount *mount)
{
	return mount->ino_mix != 0;
}

static void note_atime(struct tree_mount *mount, const struct statfs *fs)
{
	if (fs->f_flags & (ST_NOATIME | ST_NODIRATIME | ST_RDONLY))
		mount->atime = TREE_ATIME_NEVER;
	else
		mount->atime = fs->f_flags & ST_RELATIME ? TREE_ATIME_DAILY : TREE_ATIME_ALWAYS;
}

static void note_flags(struct tree_mount *mount, const struct statfs *fs)
{
	mount->nosuid = fs->f_flags & ST_NOSUID;
	mount->nodev = fs->f_flags & ST_NODEV;
}

static struct tree_mount *mount_new(const struct tree *tree, dev_t dev, int fd, const struct statx *stx,
	const struct statfs *fs, bool below)
{
	struct tree_mount *mount = calloc(1, sizeof(*mount));
	const struct fstype *type = fstype_find((uint32_t)fs->f_type);

	if (!mount)
		return NULL;
	mount->fd = type->forgets_handles ? -EOPNOTSUPP : mount_handle_fd(fd, stx->stx_mode);
	if (mount->fd < 0 && tree_is_short(-mount->fd)) {
		free(mount); /* else its files would be reached by name for good */
		return NULL;
	}
	mount->dev = dev;
	mount->mount_id = stx->stx_mnt_id;
	mount->fsid = fsid_of(fs);
	mount->type = (uint32_t)fs->f_type;
	mount->quiet_fd = tree_mount_quietly(tree, mount->fd);
	mount->has_handles = mount->fd >= 0;
	mount->recent = true;
	mount->local = type->local;
	mount->remote = type->remote;
	mount->space.kept = type->keeps_reserve;
	mount->hides_mappings = type->hides_mappings;
	mount->state_by_open = type->state_by_open;
	mount->fine_stamps = type->fine_stamps && kernel_has_fine_stamps();
	mount->fine_dir_stamps = mount->fine_stamps && !type->coarse_dir_stamps;
	note_atime(mount, fs);
	if (below) {
		/* the file system's own id stays the same when device numbers change */
		mount->ino_mix = hash_mix64(mount->fsid ? mount->fsid : dev) | 1;
		note_flags(mount, fs);
	}
	return mount;
}

static void mount_free(struct tree_mount *mount)
{
	if (mount->fd >= 0)
		close(mount->fd);
	if (mount->quiet_fd >= 0)
		close(mount->quiet_fd);
	free(mount);
}

static bool is_same(const struct tree_mount *mount, const struct statfs *fs)
{
	return mount->fsid == fsid_of(fs) && mount->type == (uint32_t)fs->f_type;
}

/* (locked) The current file system with this device number, as far as is known. */
static struct tree_mount *holder(struct tree *tree, dev_t dev)
{
	struct tree_mount *mount = tree->mounts;

	while (mount && (mount->dev != dev || mount->gone))
		mount = mount->next;
	return mount;
}

/* (locked) This file system if it was seen before, even if unmounted since; or NULL. */
static struct tree_mount *known(struct tree *tree, dev_t dev, const struct statfs *fs)
{
	struct tree_mount *mount = tree->mounts;

	while (mount && (mount->dev != dev || !is_same(mount, fs)))
		mount = mount->next;
	return mount;
}

/* (locked) Marks it as mounted, and the previous owner of its device number as gone. */
static void has_come(struct tree *tree, struct tree_mount *mount, const struct statfs *fs)
{
	struct tree_mount *before = holder(tree, mount->dev);

	if (before && before != mount)
		before->gone = true;
	mount->gone = false;
	note_atime(mount, fs); /* the flags may differ after a remount */
	if (is_below_root(mount))
		note_flags(mount, fs);
}

/* Adds it to the list unless another thread did so first; returns the one in the list. */
static struct tree_mount *add(struct tree *tree, struct tree_mount *fresh, const struct statfs *fs)
{
	struct tree_mount *mount;

	lock_take(&tree->mounts_lock, LOCK_MOUNTS);
	mount = known(tree, fresh->dev, fs);
	if (!mount) {
		fresh->serial = tree->mounts ? tree->mounts->serial + 1 : 0;
		fresh->next = tree->mounts;
		tree->mounts = mount = fresh;
		fresh = NULL;
	}
	has_come(tree, mount, fs);
	lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
	if (fresh)
		mount_free(fresh);
	return mount;
}

struct tree_mount *tree_mount_find(struct tree *tree, int fd, const struct statx *stx)
{
	dev_t dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	struct tree_mount *mount;
	struct statfs fs;

	if (tree->root && tree->root->mount->dev == dev)
		return tree->root->mount;
	lock_take(&tree->mounts_lock, LOCK_MOUNTS);
	mount = holder(tree, dev);
	if (mount && mount->fd < 0)
		mount = NULL; /* no descriptor keeps it mounted: the device number may have been reused */
	lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
	if (mount)
		return mount;
	if (fstatfs(fd, &fs) < 0)
		memset(&fs, 0, sizeof(fs));
	lock_take(&tree->mounts_lock, LOCK_MOUNTS);
	mount = known(tree, dev, &fs);
	if (mount)
		has_come(tree, mount, &fs);
	lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
	if (mount)
		return mount;
	mount = mount_new(tree, dev, fd, stx, &fs, tree->root != NULL);
	return mount ? add(tree, mount, &fs) : NULL;
}

bool tree_mount_is_at(struct tree *tree, struct tree_mount *mount, int fd)
{
	struct statfs fs;
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) < 0 ||
		makedev(stx.stx_dev_major, stx.stx_dev_minor) != mount->dev || fstatfs(fd, &fs) < 0 ||
		!is_same(mount, &fs))
		return false;
	lock_take(&tree->mounts_lock, LOCK_MOUNTS);
	has_come(tree, mount, &fs);
	mount->mount_id = stx.stx_mnt_id;
	lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
	return true;
}

/* (locked) The descriptor to use, or -1 if the file system is idle. */
static int use(struct tree_mount *mount, bool quiet)
{
	if (mount->fd < 0)
		return -1;
	mount->users++;
	mount->recent = true;
	return quiet && mount->quiet_fd >= 0 ? mount->quiet_fd : mount->fd;
}

bool tree_mount_get(struct tree *tree, struct tree_mount *mount, bool quiet, int *fd)
{
	if (!is_below_root(mount)) {
		*fd = quiet && mount->quiet_fd >= 0 ? mount->quiet_fd : mount->fd;
		return true;
	}
	lock_take(&tree->mounts_lock, LOCK_MOUNTS);
	*fd = use(mount, quiet);
	lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
	return *fd >= 0;
}

/* Descriptors to close once the lock is dropped; -1 for none. */
struct closing {
	int fd, quiet_fd;
};

static void close_both(const struct closing *closing)
{
	if (closing->fd >= 0)
		close(closing->fd);
	if (closing->quiet_fd >= 0)
		close(closing->quiet_fd);
}

int tree_mount_reopened(struct tree *tree, struct tree_mount *mount, int fd, bool quiet)
{
	struct closing spare = {fd, tree_mount_quietly(tree, fd)};

	lock_take(&tree->mounts_lock, LOCK_MOUNTS);
	if (mount->fd < 0) {
		mount->fd = spare.fd;
		mount->quiet_fd = spare.quiet_fd;
		spare = (struct closing){-1, -1};
	}
	fd = use(mount, quiet);
	lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
	close_both(&spare);
	return fd;
}

/* (locked) Takes away the descriptors of an unused file system; unless at_once, only if it was not used since
 * the last call. */
static struct closing let_go(struct tree_mount *mount, bool at_once)
{
	struct closing closing = {-1, -1};

	if (!is_below_root(mount) || mount->fd < 0 || mount->users > 0)
		return closing;
	if (mount->recent && !at_once) {
		mount->recent = false;
		return closing;
	}
	closing = (struct closing){mount->fd, mount->quiet_fd};
	mount->fd = mount->quiet_fd = -1;
	return closing;
}

void tree_mount_put(struct tree *tree, struct tree_mount *mount)
{
	struct closing closing = {-1, -1};

	if (!is_below_root(mount))
		return;
	lock_take(&tree->mounts_lock, LOCK_MOUNTS);
	mount->users--;
	if (tree->keeps_none)
		closing = let_go(mount, true);
	lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
	close_both(&closing);
}

void tree_mounts_close_idle(struct tree *tree)
{
	struct tree_mount *mount;
	struct closing closing;

	lock_take(&tree->mounts_lock, LOCK_MOUNTS);
	mount = tree->mounts;
	lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
	/* entries are never removed from the list */
	for (; mount; mount = mount->next) {
		lock_take(&tree->mounts_lock, LOCK_MOUNTS);
		closing = let_go(mount, false);
		lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
		close_both(&closing);
	}
}

void tree_mounts_free(struct tree *tree)
{
	while (tree->mounts) {
		struct tree_mount *mount = tree->mounts;

		tree->mounts = mount->next;
		tree_route_free(mount->route);
		mount_free(mount);
	}
}
