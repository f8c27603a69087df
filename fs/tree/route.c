/* Routes: files without a handle are reached by parent directory and name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/lock_order.h"
#include "fs/tree/tree_impl.h"

static struct tree_route *route_new(struct tree *tree, struct inode *parent, const char *name)
{
	struct tree_route *route = calloc(1, sizeof(*route));

	if (route)
		route->name = strdup(name);
	if (!route || !route->name) {
		free(route);
		return NULL;
	}
	route->parent = tree_hold(tree, parent);
	return route;
}

int tree_route_set(struct tree *tree, struct tree_route **place, struct inode *parent, const char *name)
{
	struct tree_route *route, *old;
	struct inode *left;
	bool is;

	lock_take(&tree->routes_lock, LOCK_ROUTES);
	old = *place;
	is = old && old->parent == parent && strcmp(old->name, name) == 0;
	lock_drop(&tree->routes_lock, LOCK_ROUTES);
	if (is)
		return 0;
	route = route_new(tree, parent, name);
	if (!route)
		return -ENOMEM;
	lock_take(&tree->routes_lock, LOCK_ROUTES);
	old = *place;
	*place = route;
	lock_drop(&tree->routes_lock, LOCK_ROUTES);
	left = tree_route_free(old);
	if (left)
		tree_put(tree, left, 1);
	return 0;
}

int tree_route_read(struct tree *tree, struct tree_route *const *place, struct inode **parent, char **name)
{
	const struct tree_route *route;
	int r = -ESTALE;

	lock_take(&tree->routes_lock, LOCK_ROUTES);
	route = *place;
	if (route) {
		*name = strdup(route->name);
		r = *name ? 0 : -ENOMEM;
	}
	if (r == 0)
		*parent = tree_hold(tree, route->parent);
	lock_drop(&tree->routes_lock, LOCK_ROUTES);
	return r;
}
