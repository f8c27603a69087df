/* The bounded set of O_PATH descriptors, and the ways to reach a file. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backends/stamp.h"
#include "fs/tree_impl.h"

int tree_fds_init(struct tree *tree, unsigned limit)
{
	struct fd_set_cache *fds = &tree->fds;

	pthread_mutex_init(&fds->lock, NULL);
	fds->slots = calloc(limit, sizeof(*fds->slots));
	fds->free_slots = calloc(limit, sizeof(*fds->free_slots));
	if (!fds->slots || !fds->free_slots)
		return -ENOMEM;
	fds->size = limit;
	for (uint32_t i = limit; i-- > 0;)
		fds->free_slots[fds->free_count++] = i;
	return 0;
}

void tree_fds_free(struct tree *tree)
{
	for (uint32_t i = 0; i < tree->fds.size; i++)
		if (tree->fds.slots[i].inode)
			close(tree->fds.slots[i].fd);
	free(tree->fds.slots);
	free(tree->fds.free_slots);
}

/* --- the set; fds->lock is held by the callers below this line -------------------------------- */

static bool slot_may_go(const struct fd_slot *slot)
{
	return slot->inode && slot->users == 0 && !slot->keep;
}

/* Empties a slot; returns its descriptor for the caller to close after unlocking. */
static int slot_empty(struct fd_set_cache *fds, uint32_t i)
{
	struct fd_slot *slot = &fds->slots[i];
	int fd = slot->fd;

	fds->kept_count -= slot->keep;
	slot->inode->fd_slot = -1;
	slot->inode = NULL;
	fds->free_slots[fds->free_count++] = i;
	return fd;
}

/* Makes a slot free, CLOCK-wise. *closing: a descriptor to close, or -1. False when all are in use. */
static bool set_make_room(struct fd_set_cache *fds, int *closing)
{
	*closing = -1;
	if (fds->free_count)
		return true;
	for (uint32_t n = 0; n < 2 * fds->size; n++) {
		uint32_t i = fds->hand++ % fds->size;

		if (!slot_may_go(&fds->slots[i]))
			continue;
		if (fds->slots[i].recent) {
			fds->slots[i].recent = false;
			continue;
		}
		*closing = slot_empty(fds, i);
		return true;
	}
	return false;
}

/* Puts fd in; returns the descriptor to close (fd itself when it found no place), or -1. */
static int set_insert(struct fd_set_cache *fds, struct inode *inode, int fd, uint32_t users)
{
	uint32_t i;
	int closing;

	if (inode->fd_slot >= 0) {
		fds->slots[inode->fd_slot].users += users;
		return fd;
	}
	if (!set_make_room(fds, &closing))
		return fd;
	i = fds->free_slots[--fds->free_count];
	fds->slots[i] = (struct fd_slot){.inode = inode, .fd = fd, .users = users, .recent = true};
	inode->fd_slot = (int32_t)i;
	return closing;
}

/* --- reaching files --------------------------------------------------------------------------- */

void tree_fd_path(int fd, char path[TREE_PATH_SIZE])
{
	snprintf(path, TREE_PATH_SIZE, "/proc/self/fd/%d", fd);
}

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

int tree_open_child(struct tree *tree, int dir_fd, const char *name)
{
	int fd = tree_openat(tree, dir_fd, name, O_PATH | O_NOFOLLOW, 0), r;
	struct statx stx;

	if (fd < 0)
		return fd;
	r = peek(fd, &stx);
	if (r == 0 && makedev(stx.stx_dev_major, stx.stx_dev_minor) != tree->covered.by)
		return fd;
	close(fd);
	return r < 0 ? r : open_covered(tree, dir_fd, name);
}

static int reach_by_name(struct tree *tree, struct inode *inode)
{
	struct identity id;
	const struct tree_route *route;
	struct inode *parent;
	struct statx stx;
	char *name = NULL;
	int parent_fd, fd, r;

	tree_lock_inode(tree, inode);
	route = *tree_route_of(inode);
	parent = route ? tree_hold(tree, route->parent) : NULL;
	if (parent)
		name = strdup(route->name);
	tree_unlock_inode(tree, inode);
	if (!parent)
		return -ESTALE;
	parent_fd = name ? tree_fd_get(tree, parent) : -ENOMEM;
	fd = parent_fd < 0 ? parent_fd : tree_open_child(tree, parent_fd, name);
	r = MIN(fd, 0);
	if (parent_fd >= 0)
		tree_fd_put(tree, parent);
	tree_put(tree, parent, 1);
	free(name);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	r = statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &stx) < 0 ? -errno : 0;
	if (r == 0)
		r = tree_identify(tree, fd, &stx, NULL, &id);
	if (r == 0 && !tree_is(inode, &id))
		r = -ESTALE; /* another file has the name now */
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int open_handle(const struct inode *inode, int mount_fd, int flags)
{
	struct {
		struct file_handle head;
		unsigned char data[MAX_HANDLE_SZ];
	} handle;
	struct identity id;
	int fd;

	tree_identity_of(inode, &id);
	handle.head.handle_bytes = id.bytes;
	handle.head.handle_type = id.type;
	memcpy(handle.head.f_handle, id.data, id.bytes);
	fd = open_by_handle_at(mount_fd, &handle.head, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What is reached by O_PATH may be linked, and a directory leads to others: that needs the mount itself. */
static int reach_by_handle(const struct inode *inode, int flags)
{
	const struct tree_mount *mount = inode->mount;

	return open_handle(inode, flags & O_PATH || mount->quiet_fd < 0 ? mount->fd : mount->quiet_fd, flags);
}

int tree_reach_quietly(const struct inode *inode)
{
	return open_handle(inode, inode->mount->quiet_fd, O_PATH | O_NOFOLLOW);
}

int tree_reach(struct tree *tree, struct inode *inode, int flags)
{
	if (inode == tree->root) {
		int fd = openat(tree->root_fd, ".", flags | O_CLOEXEC);

		return fd < 0 ? -errno : fd;
	}
	if (tree_is_named(inode))
		return reach_by_name(tree, inode);
	return reach_by_handle(inode, flags);
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

static int reach_with_room(struct tree *tree, struct inode *inode, int flags)
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

int tree_fd_get(struct tree *tree, struct inode *inode)
{
	struct fd_set_cache *fds = &tree->fds;
	int fd = -1, closing;

	if (inode == tree->root)
		return tree->root_fd;
	for (int tries = 0; tries < 3; tries++) {
		pthread_mutex_lock(&fds->lock);
		if (inode->fd_slot >= 0) {
			struct fd_slot *slot = &fds->slots[inode->fd_slot];

			slot->users++;
			slot->recent = true;
			fd = slot->fd;
		}
		pthread_mutex_unlock(&fds->lock);
		if (fd >= 0)
			return fd;
		fd = reach_with_room(tree, inode, O_PATH | O_NOFOLLOW);
		if (fd < 0)
			return fd;
		pthread_mutex_lock(&fds->lock);
		closing = set_insert(fds, inode, fd, 1);
		if (inode->fd_slot >= 0)
			fd = fds->slots[inode->fd_slot].fd;
		else
			fd = -1;
		pthread_mutex_unlock(&fds->lock);
		if (closing >= 0)
			close(closing);
		if (fd >= 0)
			return fd;
	}
	return -EMFILE; /* every descriptor of the set is in use at this very moment */
}

void tree_fd_put(struct tree *tree, struct inode *inode)
{
	if (inode == tree->root)
		return;
	pthread_mutex_lock(&tree->fds.lock);
	tree->fds.slots[inode->fd_slot].users--;
	pthread_mutex_unlock(&tree->fds.lock);
}

void tree_fd_donate(struct tree *tree, struct inode *inode, int fd)
{
	int closing = fd;

	if (inode != tree->root && inode->type != DT_SOCK && inode->type != DT_FIFO) {
		pthread_mutex_lock(&tree->fds.lock);
		closing = set_insert(&tree->fds, inode, fd, 0);
		pthread_mutex_unlock(&tree->fds.lock);
	}
	if (closing >= 0)
		close(closing);
}

void tree_fd_drop(struct tree *tree, struct inode *inode)
{
	int closing = -1;

	pthread_mutex_lock(&tree->fds.lock);
	if (inode->fd_slot >= 0 && tree->fds.slots[inode->fd_slot].users == 0)
		closing = slot_empty(&tree->fds, (uint32_t)inode->fd_slot);
	pthread_mutex_unlock(&tree->fds.lock);
	if (closing >= 0)
		close(closing);
}

void tree_close_idle(struct tree *tree)
{
	struct fd_set_cache *fds = &tree->fds;
	int closing[64], n;
	uint32_t i = 0;

	while (i < fds->size) {
		n = 0;
		pthread_mutex_lock(&fds->lock);
		for (; i < fds->size && n < 64; i++) {
			if (!slot_may_go(&fds->slots[i]))
				continue;
			if (fds->slots[i].recent)
				fds->slots[i].recent = false;
			else
				closing[n++] = slot_empty(fds, i);
		}
		pthread_mutex_unlock(&fds->lock);
		while (n > 0)
			close(closing[--n]);
	}
}

int tree_removed_below(int r)
{
	return r == -ENOENT ? -ESTALE : r;
}

int tree_open_patiently(struct tree *tree, struct inode *inode, int flags)
{
	char path[TREE_PATH_SIZE];
	int fd, opened;

	if (!tree_is_named(inode) || inode == tree->root)
		return reach_with_room(tree, inode, flags);
	fd = tree_fd_get(tree, inode);
	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "%d", fd);
	opened = tree->quiet ? tree_open_quietly(fd, flags & ~O_NOFOLLOW) : -EPERM;
	if (opened == -EPERM)
		opened = tree_openat(tree, tree->proc_fd, path, flags & ~O_NOFOLLOW, 0);
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
		flags &= ~O_NOATIME; /* another one's file */
		fd = tree_open_patiently(tree, inode, flags | O_NONBLOCK);
	}
	/* one of ours goes within microseconds */
	for (int tries = 0; fd == -EAGAIN && tries < 20 && (!tries || stamp_holds_leases()); tries++) {
		if (tries)
			g_usleep(250);
		fd = tree_open_patiently(tree, inode, flags | O_NONBLOCK);
	}
	if (fd >= 0 && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags); /* or io_uring would not wait for the disk */
	return fd;
}

/* (locked) A descriptor is the only way to a file whose last name is gone and that nobody has open. It stays
 * until the inode is freed; half of the set is left for others. */
static void slot_keep(struct fd_set_cache *fds, struct fd_slot *slot)
{
	if (slot->keep || fds->kept_count >= fds->size / 2)
		return;
	slot->keep = true;
	fds->kept_count++;
}

static void keep_fd(struct tree *tree, struct inode *inode)
{
	struct fd_slot *slot;

	if (tree_fd_get(tree, inode) < 0)
		return;
	pthread_mutex_lock(&tree->fds.lock);
	slot = &tree->fds.slots[inode->fd_slot];
	slot_keep(&tree->fds, slot);
	slot->users--;
	pthread_mutex_unlock(&tree->fds.lock);
}

/* Its number may be given to another file, which nothing else would tell from it. */
static bool is_told_by_number(const struct inode *inode)
{
	struct tree_named_id id;

	if (!tree_is_named(inode))
		return false;
	memcpy(&id, inode->handle, sizeof(id));
	return id.birth_ns == 0;
}

struct inode *tree_before_unlink(struct tree *tree, struct inode *parent, const char *name)
{
	struct inode *inode;
	struct statx stx;
	bool last;

	if (tree_lookup(tree, parent, name, &inode, &stx) < 0)
		return NULL;
	last = stx.stx_nlink < 2 || S_ISDIR(stx.stx_mode);
	/* somebody may have it as his working directory, mapped, or by O_PATH */
	if (inode->refs > 1 && (last || tree_is_named(inode)))
		keep_fd(tree, inode);
	if (last && is_told_by_number(inode))
		return inode;
	tree_put(tree, inode, 1);
	return NULL;
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
	pthread_mutex_lock(&tree->fds.lock);
	closing = set_insert(&tree->fds, inode, own, 0);
	if (inode->fd_slot >= 0)
		slot_keep(&tree->fds, &tree->fds.slots[inode->fd_slot]);
	pthread_mutex_unlock(&tree->fds.lock);
	if (closing >= 0)
		close(closing);
}
