/*
 * Reaching a file: by its handle, or from a directory. A file without a handle is opened from the directory
 * where it was last found. A file with a handle needs a descriptor of its file system; if the file system is
 * idle, it is reopened from the directory where it is mounted. These directories are reached in the same way.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/tree/tree_impl.h"

/* Which inode, and how it is to be opened. */
struct target {
	struct tree *tree;
	struct inode *inode;
	int flags;  /* without a handle always O_PATH */
	bool quiet; /* through a mount with noatime, if there is one */
};

/* --- one step --------------------------------------------------------------------------------- */

static int open_handle(const struct target *target, int mount_fd)
{
	struct {
		struct file_handle head;
		unsigned char data[MAX_HANDLE_SZ];
	} handle;
	struct identity id;
	int fd;

	tree_identity_of(target->inode, &id);
	handle.head.handle_bytes = id.bytes;
	handle.head.handle_type = id.type;
	memcpy(handle.head.f_handle, id.data, id.bytes);
	fd = open_by_handle_at(mount_fd, &handle.head, target->flags | O_CLOEXEC);
	if (fd < 0 && tree_make_room(target->tree, errno))
		fd = open_by_handle_at(mount_fd, &handle.head, target->flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_handle_and_put(const struct target *target, int mount_fd)
{
	int fd = mount_fd < 0 ? mount_fd : open_handle(target, mount_fd);

	if (mount_fd >= 0)
		tree_mount_put(target->tree, target->inode->mount);
	return fd;
}

/* Opens the file by its handle. False if that needs a directory first. */
static bool open_at_once(const struct target *target, int *fd)
{
	int mount_fd;

	if (tree_is_named(target->inode) ||
		!tree_mount_get(target->tree, target->inode->mount, target->quiet, &mount_fd))
		return false;
	*fd = open_handle_and_put(target, mount_fd);
	return true;
}

/* The route to the inode, or to the mount point of its idle file system. */
static struct tree_route *const *route_to(struct inode *inode)
{
	return tree_is_named(inode) ? tree_route_of(inode) : &inode->mount->route;
}

/* The known name leads nowhere now: -ESTALE makes the kernel look it up again. */
static int lost(int r)
{
	return r == -ENOENT || r == -ENOTDIR ? -ESTALE : r;
}

static int compare_identity(const struct target *target, int at, const struct statx *stx)
{
	struct identity id;
	int r = tree_identify(target->tree, at, stx, NULL, &id);

	return r == 0 && !tree_is(target->inode, &id) ? -ESTALE : r;
}

/* at: the file that has the inode's name now; known: its cached attributes. A file's identity does not
 * change, but the cache may have only a part of it. */
static int check_identity(const struct target *target, int at, const struct statx *known)
{
	struct statx stx;

	if (compare_identity(target, at, known) == 0)
		return 0;
	if (statx(at, "", AT_EMPTY_PATH, STATX_WANTED, &stx) < 0)
		return -errno;
	return compare_identity(target, at, &stx);
}

/* at: the directory at the mount point now. Returns a descriptor as tree_mount_get() does, or -errno. */
static int reopen_mount(const struct target *target, int at)
{
	struct tree *tree = target->tree;
	char number[16];
	int fd;

	if (!tree_mount_is_at(tree, target->inode->mount, at))
		return -ESTALE;
	snprintf(number, sizeof(number), "%d", at);
	fd = tree_openat(tree, tree->proc_fd, number, O_RDONLY | O_NONBLOCK, 0);
	return fd < 0 ? fd : tree_mount_reopened(tree, target->inode->mount, fd, target->quiet);
}

/* dir_fd, name: the place to which route_to() leads. */
static int open_from(const struct target *target, int dir_fd, const char *name)
{
	bool named = tree_is_named(target->inode);
	struct statx stx;
	int at = lost(tree_open_child(target->tree, dir_fd, name, 0, STATX_WHO, &stx)), r;

	if (at < 0)
		return at;
	r = named ? check_identity(target, at, &stx) : reopen_mount(target, at);
	if (named && r == 0)
		return at;
	close(at);
	return named ? r : open_handle_and_put(target, r);
}

/* The root's descriptor, or that of the set, in use until tree_fd_put(); -1 if there is none. */
static int fd_get_cached(struct tree *tree, struct inode *inode)
{
	return inode == tree->root ? tree->root_fd : descriptor_set_get(&tree->fds, inode);
}

/* --- all the way ------------------------------------------------------------------------------ */

#define WAY_TRIES 3
/* Renames and mounts made directly in SOURCE can leave routes that lead in a circle. */
#define WAY_MAX 65536

/*
 * The way from an inode without a descriptor up to the first directory that can be opened at once, and down
 * again, each inode opened from the one above. A loop: recursion over a deep path would overflow the stack.
 */
struct way {
	struct tree *tree;
	struct inode **inodes; /* still to be opened, the last one first; all but the first referenced */
	size_t count, size;
	struct inode *above; /* opened last, if any: referenced, with above_fd in use */
	int above_fd;
	int tries;
};

/* Takes over the reference, unless it fails. */
static int way_add(struct way *way, struct inode *inode)
{
	size_t size = way->size ? 2 * way->size : 16;
	struct inode **grown;

	if (way->count == WAY_MAX)
		return -ESTALE;
	if (way->count == way->size) {
		grown = realloc(way->inodes, size * sizeof(struct inode *));
		if (!grown)
			return -ENOMEM;
		way->inodes = grown;
		way->size = size;
	}
	way->inodes[way->count++] = inode;
	return 0;
}

static void way_leave(struct way *way)
{
	if (!way->above)
		return;
	tree_fd_put(way->tree, way->above);
	tree_put(way->tree, way->above, 1);
	way->above = NULL;
}

/* The last inode now has the descriptor fd, which is in use. */
static int way_reached(struct way *way, int fd)
{
	way_leave(way);
	way->above = way->inodes[--way->count];
	way->above_fd = fd;
	return 0;
}

/* Gives the set a descriptor of the last inode. If all descriptors of the set are in use at the moment, the
 * step is tried again. */
static int way_give(struct way *way, int fd)
{
	fd = descriptor_set_give(&way->tree->fds, way->inodes[way->count - 1], fd);
	if (fd >= 0)
		return way_reached(way, fd);
	return ++way->tries < WAY_TRIES ? 0 : fd;
}

/* Opens the last inode, or adds the directory from which it has to be opened. */
static int way_step(struct way *way)
{
	const struct target target = {
		.tree = way->tree, .inode = way->inodes[way->count - 1], .flags = O_PATH | O_NOFOLLOW};
	struct inode *dir;
	char *name;
	int fd = fd_get_cached(target.tree, target.inode), r;

	if (fd >= 0)
		return way_reached(way, fd);
	if (open_at_once(&target, &fd))
		return fd < 0 ? fd : way_give(way, fd);
	r = tree_route_read(target.tree, route_to(target.inode), &dir, &name);
	if (r < 0)
		return r;
	if (dir == way->above) {
		fd = open_from(&target, way->above_fd, name);
		r = fd < 0 ? fd : way_give(way, fd);
	} else {
		r = way_add(way, dir);
		dir = r < 0 ? dir : NULL;
	}
	tree_put(target.tree, dir, 1);
	free(name);
	return r;
}

static int fd_get_by_way(struct tree *tree, struct inode *inode)
{
	struct way way = {.tree = tree};
	int r = way_add(&way, inode);

	while (r == 0 && way.count > 0)
		r = way_step(&way);
	if (r < 0) {
		way_leave(&way);
		while (way.count > 1)
			tree_put(tree, way.inodes[--way.count], 1);
	}
	free(way.inodes);
	return r < 0 ? r : way.above_fd;
}

/* --- the calls -------------------------------------------------------------------------------- */

int tree_fd_get(struct tree *tree, struct inode *inode)
{
	int fd = fd_get_cached(tree, inode);

	return fd < 0 ? fd_get_by_way(tree, inode) : fd;
}

/* A name and the directory that it is in, with its descriptor in use. */
struct place {
	struct inode *dir;
	int dir_fd;
	char *name;
};

static void leave(struct tree *tree, struct place *place)
{
	if (place->dir_fd >= 0)
		tree_fd_put(tree, place->dir);
	tree_put(tree, place->dir, 1);
	free(place->name);
}

static int enter(struct tree *tree, struct tree_route *const *route, struct place *place)
{
	int r = tree_route_read(tree, route, &place->dir, &place->name);

	if (r < 0)
		return r;
	place->dir_fd = tree_fd_get(tree, place->dir);
	if (place->dir_fd >= 0)
		return 0;
	leave(tree, place);
	return lost(place->dir_fd);
}

static int reach(const struct target *target)
{
	struct place place;
	int fd, r;

	if (open_at_once(target, &fd))
		return fd;
	r = enter(target->tree, route_to(target->inode), &place);
	if (r < 0)
		return r;
	fd = open_from(target, place.dir_fd, place.name);
	leave(target->tree, &place);
	return fd;
}

int tree_reach(struct tree *tree, struct inode *inode, int flags)
{
	/* an O_PATH descriptor may be linked or lead to other files, which takes the original mount */
	const struct target target = {
		.tree = tree, .inode = inode, .flags = flags, .quiet = !(flags & O_PATH)};

	return inode == tree->root ? tree_openat(tree, tree->root_fd, ".", flags, 0) : reach(&target);
}

int tree_reach_quietly(struct tree *tree, struct inode *inode)
{
	const struct target target = {
		.tree = tree, .inode = inode, .flags = O_PATH | O_NOFOLLOW, .quiet = true};

	return reach(&target);
}

int tree_automount(struct tree *tree, struct inode *dir)
{
	struct place place;
	struct statx stx;
	int fd, r;

	if (dir->mount->type != AUTOFS_SUPER_MAGIC || !tree_is_named(dir) || dir == tree->root)
		return 0;
	r = enter(tree, tree_route_of(dir), &place);
	if (r < 0)
		return r;
	fd = lost(tree_open_child(tree, place.dir_fd, place.name, O_DIRECTORY, 0, &stx));
	leave(tree, &place);
	if (fd < 0)
		return fd;
	close(fd);
	return makedev(stx.stx_dev_major, stx.stx_dev_minor) != dir->mount->dev ? -ESTALE : 0;
}
