/* How a copy leaves the cache. */
#include <errno.h>
#include <limits.h>

#include "cache/base/log.h"
#include "fs/copy_impl.h"

/* Detaches the inode from its copy, which is claimed. The caller puts the inode's reference. */
static void detach(struct server *server, struct inode *inode, struct object *object)
{
	copy_forget_backing_id(server, object);
	inode->object = NULL;
}

void copy_drop(struct server *server, struct inode *inode, struct object *object)
{
	detach(server, inode, object);
	cache_drop(server->cache, object);
	tree_put(server->tree, inode, 1);
}

int copy_let_go(void *ctx, struct object *object)
{
	struct server *server = ctx;
	struct inode *inode = object->owner;
	bool mapped;

	tree_lock_inode(server->tree, inode);
	mapped = copy_is_mapped(server, object);
	if (!mapped)
		detach(server, inode, object);
	tree_unlock_inode(server->tree, inode);
	if (mapped)
		return -EBUSY;
	tree_put(server->tree, inode, 1);
	return 0;
}

/* Drops the copy if it is not in use. */
static void dismiss(struct server *server, struct inode *inode)
{
	struct object *gone = NULL;

	tree_lock_inode(server->tree, inode);
	if (inode->object)
		cached_unkeep(server, inode->object);
	if (inode->object && object_claim(inode->object)) {
		gone = inode->object;
		if (copy_is_mapped(server, gone)) {
			cache_watch(server->cache, gone, CACHE_MAPPED);
			cache_unclaim(server->cache, gone);
			gone = NULL;
		} else {
			detach(server, inode, gone);
		}
	}
	tree_unlock_inode(server->tree, inode);
	if (!gone)
		return;
	cache_drop(server->cache, gone);
	tree_put(server->tree, inode, 1);
}

void copy_forgotten(struct server *server, struct inode *inode)
{
	struct statx stx;
	int r;

	if (!inode->object)
		return;
	r = tree_statx(server->tree, inode, &stx);
	if (r < 0 || stx.stx_nlink == 0)
		dismiss(server, inode);
}

void copy_exclude(struct server *server, struct inode *inode)
{
	if (inode->object)
		dismiss(server, inode);
}

static void drop_at_exit(struct inode *inode, void *ctx)
{
	struct server *server = ctx;
	char path[PATH_MAX];
	int r = 0;

	if (!inode->object)
		return;
	cached_unkeep(server, inode->object);
	for (int tries = 0; tries < 100; tries++) {
		r = copy_sync_mapping(server, inode, inode->object, NULL);
		if (r != -EAGAIN)
			break;
		g_usleep(10000); /* the holder of a lease was asked to release it */
	}
	if (r < 0) {
		cached_path(server, inode, path);
		log_error("what a mapping stored is lost: %s: %s", g_strerror(-r), path);
	}
	cache_drop(server->cache, inode->object);
	inode->object = NULL;
}

void copy_drop_all(struct server *server)
{
	tree_each(server->tree, drop_at_exit, server);
}
