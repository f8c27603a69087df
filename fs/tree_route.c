/* The ways to files that have no handle: a directory, and the name in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/tree_impl.h"

void tree_route_free(struct tree *tree, struct tree_route *route)
{
	if (!route)
		return;
	tree_put(tree, route->parent, 1);
	free(route->name);
	free(route);
}

int tree_route_set(struct tree *tree, struct inode *inode, struct inode *parent, const char *name)
{
	struct tree_route *route = calloc(1, sizeof(*route));
	struct tree_route *old;

	if (!route)
		return -ENOMEM;
	route->name = strdup(name);
	if (!route->name) {
		free(route);
		return -ENOMEM;
	}
	route->parent = tree_hold(tree, parent);
	tree_lock_inode(tree, inode);
	old = *tree_route_of(inode);
	*tree_route_of(inode) = route;
	tree_unlock_inode(tree, inode);
	tree_route_free(tree, old);
	return 0;
}

bool tree_route_is(struct tree *tree, struct inode *inode, const struct inode *parent, const char *name)
{
	const struct tree_route *route;
	bool is;

	tree_lock_inode(tree, inode);
	route = *tree_route_of(inode);
	is = route && route->parent == parent && strcmp(route->name, name) == 0;
	tree_unlock_inode(tree, inode);
	return is;
}

int tree_reach_by_name(struct tree *tree, struct inode *inode)
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
