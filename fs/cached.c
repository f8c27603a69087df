#include "fs/cached.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/log.h"

static int64_t ns_of(struct statx_timestamp t)
{
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

uint64_t cached_stamp_of(const struct statx *stx)
{
	return cache_stamp(stx->stx_size, ns_of(stx->stx_mtime), ns_of(stx->stx_ctime));
}

int cached_fd_statx(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, stx) < 0 ? -errno : 0;
}

int cached_fd_statx_now(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, stx) < 0 ? -errno : 0;
}

/* (locked) A file may take an eighth of the budget at most (cache/policy/evict.h). */
uint64_t cached_size_limit(const struct server *server, const struct inode *inode)
{
	return inode->oversize ? server->live.cache_size / EVICT_LARGEST_PART : server->live.small_max;
}

int cached_open_source(struct server *server, struct inode *inode)
{
	/* reads of the daemon itself must not change the access time */
	return tree_open(server->tree, inode, O_RDONLY | O_NOATIME);
}

void cached_path(struct server *server, struct inode *inode, char path[PATH_MAX])
{
	int fd = tree_fd_get(server->tree, inode);
	char link[TREE_PATH_SIZE];
	ssize_t n = -1;

	if (fd >= 0) {
		tree_fd_path(fd, link);
		n = readlink(link, path, PATH_MAX - 1);
		tree_fd_put(server->tree, inode);
	}
	path[n < 0 ? 0 : n] = '\0';
	if (n < 2) /* reached by its handle alone */
		snprintf(path, PATH_MAX, "the file with the mount's inode number %" G_GUINT64_FORMAT,
			inode->nodeid);
}

/* --- rules ------------------------------------------------------------------------------------ */

/* At most half of the cache is exempt, so that there is always something to evict. */
static bool count_kept(struct server *server, struct object *object)
{
	uint64_t charge = object->entry.charge;

	if (atomic_fetch_add(&server->kept_bytes, charge) + charge <= server->live.cache_size / 2) {
		object->kept_charge = charge;
		return true;
	}
	server->kept_bytes -= charge;
	log_once(LOG_LEVEL_WARNING, "files pinned by rules or by name take half of cache_size; "
				    "further ones can be evicted");
	return false;
}

void cached_keep(struct server *server, struct inode *inode, struct object *object)
{
	if (!(inode->keep || inode_is(inode, INODE_PINNED)) || object->kept_charge || !object_hold(object))
		return;
	if (!count_kept(server, object))
		cache_release(server->cache, object);
}

void cached_unkeep(struct server *server, struct object *object)
{
	if (!object->kept_charge)
		return;
	server->kept_bytes -= object->kept_charge;
	object->kept_charge = 0;
	cache_release(server->cache, object);
}

void cached_recount(struct server *server, struct object *object)
{
	if (!object->kept_charge || object->kept_charge == object->entry.charge)
		return;
	server->kept_bytes -= object->kept_charge;
	object->kept_charge = 0;
	if (!count_kept(server, object))
		cache_release(server->cache, object);
}

void cached_follow_rule(struct server *server, struct inode *inode, bool pin, int priority)
{
	struct object *object;

	tree_lock_inode(server->tree, inode);
	inode->priority = (int8_t)priority;
	inode->keep = pin;
	object = inode->object;
	if (object) {
		cache_set_priority(server->cache, object, priority);
		if (!pin)
			cached_unkeep(server, object);
		cached_keep(server, inode, object);
	}
	tree_unlock_inode(server->tree, inode);
}

static void unkeep_one(struct inode *inode, void *ctx)
{
	struct server *server = ctx;

	tree_lock_inode(server->tree, inode);
	if (inode->object && !inode_is(inode, INODE_PINNED))
		cached_unkeep(server, inode->object);
	tree_unlock_inode(server->tree, inode);
}

void cached_unkeep_all(struct server *server)
{
	tree_each(server->tree, unkeep_one, server);
}

/* --- failures ---------------------------------------------------------------------------------- */

#define SAY_AGAIN_US (60 * G_TIME_SPAN_SECOND)

/* A new reason is a change of state; the same one is logged once a minute. */
static bool is_news(struct server *server, int error)
{
	int64_t now_us = clock_now_us();

	if (atomic_exchange(&server->fill_error, error) == error &&
		now_us - server->fill_error_us < SAY_AGAIN_US)
		return false;
	server->fill_error_us = now_us;
	return true;
}

void cached_note_failure(struct server *server, struct inode *inode, int error)
{
	char path[PATH_MAX];

	switch (error) {
	case -ENOSPC: /* counted by the cache */
	case -EAGAIN: /* a process has a lease on it in SOURCE */
		return;
	case -ESTALE: /* it changed, or is gone */
	case -ENOENT:
		stats_count(&server->stats.mount.fill_races, 1);
		return;
	}
	stats_count(&server->stats.mount.fill_failures, 1);
	if (!is_news(server, error))
		return;
	cached_path(server, inode, path);
	log_warning("a file can't be cached: %s: %s", g_strerror(-error), path);
}
