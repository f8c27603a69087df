/* Changes of a file that its copy must follow. */
#include "fs/copy_impl.h"

struct object *copy_change_begin(struct server *server, struct inode *inode, bool *fresh)
{
	struct object *object;

	if (server->pins)
		return NULL;
	tree_lock_inode(server->tree, inode);
	inode->change_seq++;
	object = inode->object;
	if (object && inode->binding != BOUND_BACKING && object_hold(object)) {
		*fresh = copy_is_whole(server, inode);
		return object;
	}
	inode->suspect = true;
	tree_unlock_inode(server->tree, inode);
	return NULL;
}

bool copy_is_unwanted(const struct server *server, const struct inode *inode, const struct object *object)
{
	return inode->object == object &&
	       (object->frozen || (inode_is(inode, INODE_OUTGROWN) &&
					  object->entry.size > cached_size_limit(server, inode)));
}

bool copy_can_follow(
	struct server *server, struct inode *inode, struct object *object, bool fresh, uint64_t from)
{
	return fresh || from <= object->entry.size || object->frozen || copy_refresh(server, inode) == 0;
}

void copy_change_end(struct server *server, struct inode *inode, struct object *object, bool fresh)
{
	if (!object)
		return;
	cached_recount(server, object);
	copy_restamp(server, inode, object, fresh, false);
	if (object->frozen || object->entry.size > cached_size_limit(server, inode)) {
		inode_set_mark(inode, INODE_OUTGROWN, true);
		cached_unkeep(server, object);
	}
	tree_unlock_inode(server->tree, inode);
	cache_release(server->cache, object);
	cache_shed(server->cache);
}

bool copy_attributes_begin(struct server *server, struct inode *inode)
{
	bool fresh;

	if (server->pins)
		return false;
	tree_lock_inode(server->tree, inode);
	fresh = copy_is_whole(server, inode);
	tree_unlock_inode(server->tree, inode);
	return fresh;
}

void copy_attributes_end(struct server *server, struct inode *inode, bool fresh)
{
	copy_attributes_changed(server, inode);
	if (!fresh)
		return;
	tree_lock_inode(server->tree, inode);
	if (inode->object && object_hold(inode->object)) {
		copy_restamp(server, inode, inode->object, fresh, true);
		cache_release(server->cache, inode->object);
	}
	tree_unlock_inode(server->tree, inode);
}
