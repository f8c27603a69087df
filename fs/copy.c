#include "fs/copy.h"
#include "cache/store/store_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "backends/stamp.h"
#include "cache/base/log.h"
#include "fs/backing_id.h"
#include "fs/copy_impl.h"

static int64_t ns_of(struct statx_timestamp t)
{
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Without ctime: renaming, linking and changing attributes leave it alone. */
uint32_t copy_content_of(const struct statx *stx)
{
	return (uint32_t)cache_stamp(stx->stx_size, ns_of(stx->stx_mtime), 0);
}

void copy_set_stamp(struct object *object, const struct statx *stx)
{
	object->stamp = cached_stamp_of(stx);
	object->content = copy_content_of(stx);
}

uint64_t copy_id(const struct inode *inode, const struct statx *stx)
{
	uint64_t id = (inode->nodeid ^ cached_stamp_of(stx)) * 0x9e3779b97f4a7c15ULL;

	return id ^ (id >> 32);
}

/* Written within `settle`: a change in the same clock tick could not be told. ctime, since it can't be set.
 */
bool copy_is_quiet(const struct server *server, const struct statx *stx)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec - ns_of(stx->stx_ctime) >=
	       (int64_t)server->options.settle_ms * 1000000;
}

bool copy_stamp_is_unique(const struct server *server, const struct inode *inode, const struct statx *stx)
{
	/* ext4 with small inodes keeps whole seconds on any kernel */
	return (tree_has_fine_stamps(inode) &&
		       !stamp_is_coarse(ns_of(stx->stx_mtime), ns_of(stx->stx_ctime))) ||
	       copy_is_quiet(server, stx);
}

/* --- asked while opening; the inode is locked ------------------------------------------------- */

bool copy_is_fresh(struct server *server, struct inode *inode, const struct statx *stx)
{
	if (server->options.coherence == COHERENCE_EXCLUSIVE && !inode->suspect)
		return true;
	return !inode->object->frozen && inode->object->stamp == cached_stamp_of(stx);
}

static bool prove_unwritten(struct server *server, struct inode *inode)
{
	bool written;
	int fd;

	if (inode->mappable && tree_hides_mappings(inode))
		return false;
	fd = tree_open(server->tree, inode, O_RDONLY);
	if (fd < 0)
		return false;
	written = stamp_file_is_written(fd);
	close(fd);
	return !written;
}

/*
 * Whether no mapping is left of when the inode was tied to the backing file: it would not see what others
 * store through mappings of the copy. A file that programs keep mapped stays with the backing file for as
 * long, and with the page cache, which holds what is mapped.
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

	if (!inode->mappable)
		return false;
	tree_lock_inode(server->tree, inode);
	mapped = inode->writer_count || (inode->object && inode->object->mapped) ||
		 !prove_unwritten(server, inode);
	if (!mapped)
		inode->mappable = false;
	tree_unlock_inode(server->tree, inode);
	return mapped;
}

static void forget_backing_id(struct server *server, struct object *object)
{
	backing_id_close(server->session, object->backing_id);
	object->backing_id = 0;
}

/* Unties copy and inode; the object is claimed. The inode's reference is the caller's to give back. */
static void detach(struct server *server, struct inode *inode, struct object *object)
{
	forget_backing_id(server, object);
	inode->object = NULL;
}

static void drop(struct server *server, struct inode *inode, struct object *object)
{
	detach(server, inode, object);
	cache_drop(server->cache, object);
	tree_put(server->tree, inode, 1);
}

bool copy_is_unwanted(const struct server *server, const struct inode *inode, const struct object *object)
{
	return inode->object == object &&
	       (object->frozen || (inode->outgrown && object->entry.size > cached_size_limit(server, inode)));
}

bool copy_is_mapped(struct server *server, struct object *object)
{
	forget_backing_id(server, object);
	return store_copy_in_use(cache_store(server->cache), &object->place);
}

enum copy_state copy_examine(
	struct server *server, struct inode *inode, const struct statx *stx, bool may_use)
{
	struct object *object = inode->object;
	bool fresh, mapped;

	if (!object || !object_pin(object))
		return COPY_NONE; /* none, or on its way in or out */
	fresh = copy_is_fresh(server, inode, stx);
	if (fresh && may_use && (!inode->suspect || prove_unwritten(server, inode)) &&
		prove_unmapped(server, inode)) {
		inode->suspect = false;
		return COPY_USABLE;
	}
	/* whatever else is known: somebody who maps the copy must see every write from now on */
	mapped = copy_is_mapped(server, object);
	if (mapped) {
		cache_watch(server->cache, object, CACHE_MAPPED);
		return COPY_MAPPED;
	}
	/* the last stores, before others write the file; the copy keeps those that can't be written */
	if (copy_settle_stores(server, inode, object) < 0)
		return COPY_MAPPED;
	cache_unpin(server->cache, object);
	if (!fresh || object->entry.size > cached_size_limit(server, inode))
		cached_unkeep(server, object);
	if ((!fresh || object->entry.size > cached_size_limit(server, inode)) && object_claim(object)) {
		stats_count(&server->stats.mount.stale, 1);
		drop(server, inode, object);
	}
	return COPY_NONE;
}

struct object *copy_pin_fresh(struct server *server, struct inode *inode, const struct statx *stx)
{
	struct object *object = inode->object;

	if (!object)
		return NULL;
	if (copy_is_fresh(server, inode, stx) && object_pin(object))
		return object;
	cached_unkeep(server, object);
	if (object_claim(object)) {
		stats_count(&server->stats.mount.stale, 1);
		drop(server, inode, object);
		return NULL;
	}
	/* other handles read it */
	return copy_refresh(server, inode) == 0 && object_pin(object) ? object : NULL;
}

int copy_refresh(struct server *server, struct inode *inode)
{
	struct object *object = inode->object;
	int fd, r;

	if (copy_is_ahead(server, inode)) {
		/* what can't be written is no reason not to read it; fsync and close tell */
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

int copy_backing_id(struct server *server, struct object *object)
{
	int fd;

	if (object->backing_id > 0)
		return 0;
	fd = store_copy_open(cache_store(server->cache), &object->place, O_RDONLY);
	if (fd < 0)
		return fd;
	object->backing_id = backing_id_open(server->session, fd);
	store_copy_close(cache_store(server->cache), fd);
	return object->backing_id < 0 ? object->backing_id : 0;
}

/* --- leaving ---------------------------------------------------------------------------------- */

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

/* Drops the copy if nobody uses it. */
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
		g_usleep(10000); /* who has a lease on the file was asked to go */
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
