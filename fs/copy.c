/* Whether an open may use the copy. */
#include "fs/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "backends/stamp.h"
#include "fs/copy_impl.h"

static bool prove_unwritten(struct server *server, struct inode *inode)
{
	bool written;
	int fd;

	if (inode_is(inode, INODE_MAPPABLE) && tree_hides_mappings(inode))
		return false;
	fd = tree_open(server->tree, inode, O_RDONLY);
	if (fd < 0)
		return false;
	written = stamp_file_is_written(fd);
	close(fd);
	return !written;
}

/*
 * Whether no mapping is left from the time when the inode was bound to the backing file: such a mapping would
 * not see stores through mappings of the copy. A file that programs keep mapped stays bound to the backing
 * file for as long, and its mapped pages in the page cache.
 */
static bool prove_unmapped(struct server *server, struct inode *inode)
{
	int fd;

	if (!inode->lingers)
		return true;
	fd = tree_open(server->tree, inode, O_RDONLY);
	if (fd < 0)
		return false;
	inode->lingers = stamp_file_is_open(fd);
	close(fd);
	return !inode->lingers;
}

bool copy_may_be_mapped(struct server *server, struct inode *inode)
{
	bool mapped;

	if (!inode_is(inode, INODE_MAPPABLE))
		return false;
	tree_lock_inode(server->tree, inode);
	mapped = inode->writer_count || (inode->object && inode->object->mapped) ||
		 !prove_unwritten(server, inode);
	if (!mapped)
		inode_set_mark(inode, INODE_MAPPABLE, false);
	tree_unlock_inode(server->tree, inode);
	return mapped;
}

static bool is_proved(struct server *server, struct inode *inode)
{
	return (!inode->suspect || prove_unwritten(server, inode)) && prove_unmapped(server, inode);
}

bool copy_would_be_used(struct server *server, struct inode *inode, const struct statx *stx)
{
	return copy_is_fresh(server, inode, stx) && is_proved(server, inode);
}

enum copy_state copy_examine(
	struct server *server, struct inode *inode, const struct statx *stx, bool may_use)
{
	struct object *object = inode->object;
	bool fresh, mapped;

	if (!object || !object_hold(object))
		return COPY_NONE; /* none, or it is being filled or dropped */
	fresh = copy_is_fresh(server, inode, stx);
	if (fresh && may_use && is_proved(server, inode)) {
		inode->suspect = false;
		return COPY_USABLE;
	}
	/* in every other case a program that maps the copy must see all writes from now on */
	mapped = copy_is_mapped(server, object);
	if (mapped) {
		cache_watch(server->cache, object, CACHE_MAPPED);
		return COPY_MAPPED;
	}
	/* writes the last stores before others write the file; the copy keeps those that can't be written */
	if (copy_settle_stores(server, inode, object) < 0)
		return COPY_MAPPED;
	cache_release(server->cache, object);
	if (!fresh || object->entry.size > cached_size_limit(server, inode))
		cached_unkeep(server, object);
	if ((!fresh || object->entry.size > cached_size_limit(server, inode)) && object_claim(object)) {
		stats_count(&server->stats.mount.stale, 1);
		copy_drop(server, inode, object);
	}
	return COPY_NONE;
}

struct object *copy_hold_fresh(struct server *server, struct inode *inode, const struct statx *stx)
{
	struct object *object = inode->object;

	if (!object)
		return NULL;
	if (copy_is_fresh(server, inode, stx) && object_hold(object))
		return object;
	cached_unkeep(server, object);
	if (object_claim(object)) {
		stats_count(&server->stats.mount.stale, 1);
		copy_drop(server, inode, object);
		return NULL;
	}
	/* other handles are reading it */
	return copy_refresh(server, inode) == 0 && object_hold(object) ? object : NULL;
}

int copy_refresh(struct server *server, struct inode *inode)
{
	struct object *object = inode->object;
	int fd, r;

	if (copy_is_ahead(server, inode)) {
		/* the copy can be read even if the write fails; fsync and close report the error */
		r = copy_sync_if_ahead(server, inode, object);
		return r == -EAGAIN ? r : 0;
	}
	fd = tree_open(server->tree, inode, O_RDONLY | O_NOATIME);
	if (fd < 0)
		return fd;
	stats_count(&server->stats.mount.refreshes, 1);
	r = copy_refresh_from(server, inode, object, fd);
	cached_recount(server, object);
	close(fd);
	return r;
}

void copy_follow(struct server *server, struct inode *inode, const struct object *object)
{
	struct statx stx;
	bool stale;

	if (!object || tree_statx(server->tree, inode, &stx) < 0)
		return;
	tree_lock_inode(server->tree, inode);
	stale = inode->object == object && !copy_is_fresh(server, inode, &stx);
	if (stale)
		copy_refresh(server, inode);
	tree_unlock_inode(server->tree, inode);
	if (stale)
		cache_shed(server->cache);
}
