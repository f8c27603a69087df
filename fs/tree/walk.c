/* Walking routes: from directory to directory, each reached from the one above. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/tree/tree_impl.h"

/* A directory and its ancestors that have no open descriptor, each referenced. */
struct way {
	struct inode **dirs;
	size_t count, size;
};

#define WAY_MAX 65536 /* renames in SOURCE can make routes circular */

static int way_add(struct way *way, struct inode *dir)
{
	struct inode **grown;

	if (way->count == WAY_MAX)
		return -ELOOP;
	if (way->count == way->size) {
		grown = realloc(way->dirs, (way->size + 16) * 2 * sizeof(struct inode *));
		if (!grown)
			return -ENOMEM;
		way->dirs = grown;
		way->size = (way->size + 16) * 2;
	}
	way->dirs[way->count++] = dir;
	return 0;
}

static void way_free(struct tree *tree, struct way *way)
{
	while (way->count > 0)
		tree_put(tree, way->dirs[--way->count], 1);
	free(way->dirs);
}

static int way_up(struct tree *tree, struct inode *dir, struct way *way)
{
	struct inode *at = tree_hold(tree, dir), *up;
	int r = 0;

	while (r == 0 && tree_is_named(at) && !tree_fd_is_there(tree, at)) {
		r = tree_route_read(tree, tree_route_of(at), &up, NULL);
		if (r < 0)
			break;
		r = way_add(way, at);
		if (r < 0)
			tree_put(tree, at, 1);
		at = up;
	}
	tree_put(tree, at, 1);
	return r;
}

/*
 * tree_fd_get() for a directory whose ancestors may have no descriptors either. Iterative, since a deep path
 * would overflow the stack: collects the ancestors on the way up, then opens each from its parent on the way
 * down.
 */
static int get_dir(struct tree *tree, struct inode *dir)
{
	struct way way = {0};
	struct inode *above = NULL;
	int fd, r = way_up(tree, dir, &way);

	for (size_t i = way.count; r == 0 && i-- > 1;) {
		fd = tree_fd_get(tree, way.dirs[i]);
		r = MIN(fd, 0);
		if (above)
			tree_fd_put(tree, above);
		above = r == 0 ? way.dirs[i] : NULL;
	}
	fd = r < 0 ? r : tree_fd_get(tree, dir);
	if (above)
		tree_fd_put(tree, above);
	way_free(tree, &way);
	return fd;
}

int tree_walk(struct tree *tree, struct tree_route *const *place, int flags)
{
	struct inode *parent;
	char *name;
	int dir_fd, fd, r = tree_route_read(tree, place, &parent, &name);

	if (r < 0)
		return r;
	dir_fd = get_dir(tree, parent);
	fd = dir_fd < 0 ? dir_fd : tree_open_child(tree, dir_fd, name, flags);
	if (dir_fd >= 0)
		tree_fd_put(tree, parent);
	tree_put(tree, parent, 1);
	free(name);
	return fd == -ENOENT || fd == -ENOTDIR ? -ESTALE : fd;
}

int tree_reach_by_name(struct tree *tree, struct inode *inode)
{
	struct identity id;
	struct statx stx;
	int fd = tree_walk(tree, tree_route_of(inode), 0), r;

	if (fd < 0)
		return fd;
	r = statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, &stx) < 0 ? -errno : 0;
	if (r == 0)
		r = tree_identify(tree, fd, &stx, NULL, &id);
	if (r == 0 && !tree_is(inode, &id))
		r = -ESTALE; /* another file has the name now */
	if (r == 0)
		return fd;
	close(fd);
	return r;
}
