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
	if (object && inode->binding != BOUND_BACKING && object_pin(object)) {
		*fresh = copy_is_whole(server, inode);
		return object;
	}
	inode->suspect = true;
	tree_unlock_inode(server->tree, inode);
	return NULL;
}

/*
 * Whether all that happened to the file since the copy was whole is known to be ours. Somebody else may have
 * changed it in the middle of our own change, and the stamp that it has now would hide that for ever. What a
 * mapping of ours stored must not be lost for that: the copy stays the file's while there may be one.
 */
static bool is_all_ours(const struct server *server, const struct inode *inode)
{
	return server->options.coherence == COHERENCE_EXCLUSIVE || inode->mappable;
}

void copy_restamp(
	struct server *server, struct inode *inode, struct object *object, bool fresh, bool attributes_only)
{
	uint32_t content = object->content;
	struct statx stx;

	object->stamp = 0;
	object->content = 0;
	if (!fresh || tree_statx(server->tree, inode, &stx) < 0)
		return;
	if (!is_all_ours(server, inode) && !(attributes_only && content == copy_content_of(&stx)))
		return;
	copy_set_stamp(object, &stx);
	if (!copy_stamp_is_unique(server, inode, &stx))
		object->stamp = 0;
}

void copy_change_end(struct server *server, struct inode *inode, struct object *object, bool fresh)
{
	if (!object)
		return;
	cached_recount(server, object);
	copy_restamp(server, inode, object, fresh, false);
	if (object->frozen || object->entry.size > cached_size_limit(server, inode)) {
		inode->outgrown = true;
		cached_unkeep(server, object);
	}
	tree_unlock_inode(server->tree, inode);
	cache_unpin(server->cache, object);
	cache_shed(server->cache);
}

/*
 * (locked) While this mount writes the file, by handles or mappings, a change of ctime alone is a new name or
 * attribute: the copy is the file, and must not be taken for stale, since it may hold stores that the file
 * has not got yet.
 */
bool copy_is_whole(struct server *server, struct inode *inode)
{
	struct object *object = inode->object;
	struct statx stx;

	if (!object || object->damaged || tree_statx(server->tree, inode, &stx) < 0)
		return false;
	if (object->stamp == cached_stamp_of(&stx))
		return true;
	return (inode->writer_count || object->mapped) && object->content == copy_content_of(&stx);
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
	if (!fresh)
		return;
	tree_lock_inode(server->tree, inode);
	if (inode->object && object_pin(inode->object)) {
		copy_restamp(server, inode, inode->object, fresh, true);
		cache_unpin(server->cache, inode->object);
	}
	tree_unlock_inode(server->tree, inode);
}
