/* Changes of a file that its copy must follow, and stores into the copy that the file must follow. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/copy_impl.h"

/* --- following changes ------------------------------------------------------------------------ */

struct object *copy_change_begin(struct server *server, struct inode *inode, bool *fresh)
{
	struct object *object;

	tree_lock_inode(server->tree, inode);
	inode->change_seq++;
	object = inode->object;
	if (object && inode->binding != BOUND_BACKING && object_pin(object)) {
		*fresh = copy_is_whole(server, inode);
		copy_recount_begin(server, object);
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

/* After a change to both: no stamp where it could hide somebody else's, and the next open looks again. */
static void restamp(
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
	copy_recount_end(server, object);
	restamp(server, inode, object, fresh, false);
	if (object->frozen || object->entry.size > copy_size_limit(server, inode)) {
		inode->outgrown = true;
		copy_unkeep(server, object);
	}
	tree_unlock_inode(server->tree, inode);
	cache_unpin(server->cache, object);
	cache_shed(server->cache);
}

int copy_before_reading(struct server *server, struct inode *inode)
{
	struct object *object;
	bool ahead;
	int r;

	if (!inode->object)
		return 0;
	tree_lock_inode(server->tree, inode);
	object = inode->object;
	ahead = object && (inode->binding == BOUND_STORE || object->mapped) &&
		store_is_written(cache_store(server->cache), &object->file) && object_pin(object);
	tree_unlock_inode(server->tree, inode);
	if (!ahead)
		return 0;
	r = copy_sync_mapping(server, inode, object);
	cache_unpin(server->cache, object);
	return r;
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
	if (object->stamp == copy_stamp_of(&stx))
		return true;
	return (inode->writer_count || object->mapped) && object->content == copy_content_of(&stx);
}

bool copy_attributes_begin(struct server *server, struct inode *inode)
{
	bool fresh;

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
		restamp(server, inode, inode->object, fresh, true);
		cache_unpin(server->cache, inode->object);
	}
	tree_unlock_inode(server->tree, inode);
}

/* --- shared writable mappings of the copy ----------------------------------------------------- */

#define SYNC_STEP (64 * 1024)
#define SYNC_PAGE 4096

/* Writes the pages of ours that differ from theirs. */
static int write_differences(int fd, const char *ours, const char *theirs, size_t size, off_t offset)
{
	for (size_t at = 0; at < size; at += SYNC_PAGE) {
		size_t n = MIN(SYNC_PAGE, size - at);

		if (memcmp(ours + at, theirs + at, n) == 0)
			continue;
		if (pwrite(fd, ours + at, n, offset + (off_t)at) != (ssize_t)n)
			return -EIO;
	}
	return 0;
}

int copy_sync_locked(struct server *server, struct inode *inode, struct object *object, int fd)
{
	char *ours = malloc(2 * SYNC_STEP), *theirs = ours + SYNC_STEP;
	off_t offset = 0;
	int r = ours ? 0 : -ENOMEM;

	while (r == 0) {
		ssize_t n = cache_read(server->cache, object, ours, SYNC_STEP, (uint64_t)offset);
		ssize_t m = n > 0 ? pread(fd, theirs, (size_t)n, offset) : 0;

		if (n <= 0 || m < 0) {
			r = n < 0 ? (int)n : m < 0 ? -errno : 0;
			break;
		}
		r = write_differences(fd, ours, theirs, (size_t)MIN(n, m), offset);
		offset += n;
		if (n < SYNC_STEP || m < n)
			break;
	}
	restamp(server, inode, object, r == 0, false);
	free(ours);
	return r;
}

/* (locked) What was stored through mappings that may be gone by now. */
int copy_sync_if_ahead(struct server *server, struct inode *inode, struct object *object)
{
	int fd, r;

	/* a copy that is stale, or that the file was not tied to meanwhile, must not be written over newer
	 * contents */
	if (inode->binding == BOUND_BACKING || !copy_is_whole(server, inode))
		return 0;
	fd = tree_open(server->tree, inode, O_RDWR | O_NOATIME);
	if (fd < 0)
		return fd;
	r = copy_sync_locked(server, inode, object, fd);
	close(fd);
	return r;
}

int copy_sync_mapping(struct server *server, struct inode *inode, struct object *object)
{
	int r;

	tree_lock_inode(server->tree, inode);
	r = copy_sync_if_ahead(server, inode, object);
	tree_unlock_inode(server->tree, inode);
	return r;
}

int copy_watch(void *ctx, struct object *object)
{
	struct server *server = ctx;
	struct inode *inode = object->owner;
	int r;

	tree_lock_inode(server->tree, inode);
	r = inode->binding == BOUND_STORE || store_is_written(cache_store(server->cache), &object->file) ||
			    copy_is_mapped(server, object)
		    ? -EBUSY
		    : 0;
	if (copy_sync_if_ahead(server, inode, object) == -EAGAIN)
		r = -EBUSY; /* not yet: somebody in SOURCE has a lease on the file */
	if (r == 0)
		r = copy_is_unwanted(server, inode, object);
	tree_unlock_inode(server->tree, inode);
	return r;
}
