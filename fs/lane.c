#include "fs/lane.h"

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/backend.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "fs/advice.h"
#include "fs/backing_id.h"
#include "fs/bind.h"
#include "fs/cached.h"
#include "fs/copy.h"
#include "fs/fill.h"
#include "fs/flush.h"
#include "fs/handle.h"
#include "fs/large.h"
#include "fs/lock.h"
#include "fs/pinned.h"
#include "fs/preferred_lane.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

/* The kernel's internal flag for opening a file to execute it, which it also passes to FUSE. */
#define FMODE_EXEC 0x20

static bool may_write(int open_flags)
{
	return (open_flags & O_ACCMODE) != O_RDONLY;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Of the opens of files that were read out of order, one in so many ignores that: their use may have
 * changed. */
#define PROBE_EVERY 16

static bool is_probe(struct server *server, const struct inode *inode)
{
	return inode_is(inode, INODE_RANDOM) &&
	       atomic_fetch_add(&server->random_opens, 1) % PROBE_EVERY == PROBE_EVERY - 1;
}

/* An open that prefers trailed is not trailed if its file turned out to be pinned. */
static bool is_trailed(const struct opening *o)
{
	return o->handle->lane == LANE_TRAILED ||
	       (o->handle->lane == LANE_SERVED && o->preferred == LANE_TRAILED);
}

/* The rules, or small_max, may have changed since the object was made. */
static void follow_rules(struct server *server, const struct opening *o)
{
	if ((!server->options.rules && !inode_is(o->handle->inode, INODE_PINNED) && !o->outsized) ||
		o->writes)
		return;
	if (!opening_may_be_cached(o) && server->pins)
		pinned_dismiss(server, o->handle->inode);
	else if (!opening_may_be_cached(o))
		copy_exclude(server, o->handle->inode);
	else if (o->pinned || o->handle->object)
		cached_follow_rule(server, o->handle->inode, o->rule.pin, o->rule.priority);
}

/*
 * close(2) waits for FLUSH. So it is requested only if it may report an error, write a mapping back, drop
 * locks or wait for the disk (dirty_max).
 */
static bool may_close_quietly(const struct server *server, const struct handle *handle, int flags)
{
	const struct inode *inode = handle->inode;

	if (server->locks && (inode_is(inode, INODE_LOCKED) || preferred_lane_is_in_place(flags)))
		return false;
	if (server->throttle && may_write(flags))
		return false;
	return !may_write(flags) || ((lane_is_of_kernel(handle->lane) || handle->lane == LANE_DIRECT) &&
					    tree_close_is_silent(inode));
}

/* Whether the kernel makes this open without a descriptor of the daemon's, and SOURCE's file system needs a
 * lookup before it. */
static bool is_opened_by_kernel(struct server *server, const struct opening *o)
{
	struct inode *inode = o->handle->inode;
	bool bound;

	if (o->handle->fd >= 0 || o->preferred == LANE_DIRECT || !tree_has_state_by_open(inode))
		return false;
	tree_lock_inode(server->tree, inode);
	bound = inode->binding == BOUND_BACKING;
	tree_unlock_inode(server->tree, inode);
	return bound;
}

/* An open that may use or make a copy must not rely on attributes that the client of a network file system
 * caches: without sievefs each open asks the server. made: the attributes that CREATE has just read, or
 * NULL. */
static int ask(struct opening *o, const struct statx *made)
{
	struct server *server = o->server;
	struct inode *inode = o->handle->inode;
	bool now = inode->object || (!o->writes && tree_is_remote(inode));

	if (made) {
		o->stx = *made;
		return 0;
	}
	o->asked_us = clock_now_us();
	if (o->handle->fd >= 0)
		return cached_fd_statx(o->handle->fd, &o->stx);
	return !server->pins && now ? tree_statx_now(server->tree, inode, &o->stx)
				    : tree_statx(server->tree, inode, &o->stx);
}

/* Reads the attributes, chooses the lane and binds the inode. 0 or -errno. */
static int ask_and_bind(struct opening *o, const struct statx *made, int flags)
{
	struct server *server = o->server;
	struct handle *handle = o->handle;
	struct inode *inode = handle->inode;
	int r = ask(o, made);

	if (r < 0)
		return r;
	preferred_lane_set(o, flags, is_probe(server, inode));
	handle->random_buffered = server->limits.stream;
	/* fsync must report errors since this open, which the descriptor records */
	r = o->writes ? handle_fd(server, handle) : fill_first(o);
	if (r < 0)
		return r;
	large_follow(o);
	if (is_opened_by_kernel(server, o))
		tree_look_again(server->tree, inode);
	return bind_opening(o);
}

static void note_hit(const struct opening *o)
{
	struct server *server = o->server;

	if (o->handle->object || o->pinned)
		stats_count(&server->stats.mount.hits, 1);
	if (o->handle->object)
		cache_used(server->cache, o->handle->object);
}

int lane_open(struct server *server, struct inode *inode, const struct fuse_ctx *caller, int open_flags,
	int fd, const struct statx *made, struct fuse_file_info *info, struct handle **ret)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	struct opening o = {.server = server,
		.handle = handle,
		.info = info,
		.made = made,
		.writes = may_write(open_flags),
		.reader = caller->pid};
	int r;

	if (!handle) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	handle->fd = fd;
	handle->open_flags = open_flags;
	handle->executes = info->flags & FMODE_EXEC;
	handle->inode = tree_hold(server->tree, inode);
	o.writes_as_user = o.writes && caller->uid != 0 && creds_privileged() && tree_space(inode)->kept;
	r = bind_unasked(&o);
	if (r == 0)
		r = ask_and_bind(&o, made, info->flags);
	if (r < 0 || !is_trailed(&o))
		large_unfollow(server, handle);
	if (r < 0) {
		handle_free(server, handle);
		return r;
	}
	if (o.unasked)
		stats_count(&server->stats.mount.unasked, 1);
	else
		follow_rules(server, &o);
	fill_consider(&o);
	advice_opened(&o);
	if (o.refreshed)
		cache_shed(server->cache);
	if (!o.writes && !o.missed)
		note_hit(&o);
	handle->brought_in = o.missed && handle->object;
	if (lane_is_of_kernel(handle->lane) && !o.writes && handle->fd >= 0) {
		/* the kernel has its own open file now; one of this lane costs the daemon no descriptor */
		close(handle->fd);
		handle->fd = -1;
	}
	if (made && o.writes && handle->lane == LANE_DIRECT)
		handle_bytes_of_made(server, handle, made);
	flush_opened(server, handle, &o.stx, info->flags);
	handle_register(server, handle);
	stats_opened(&server->stats, handle->lane);
	handle->closes_quietly = may_close_quietly(server, handle, info->flags);
	info->noflush = handle->closes_quietly;
	*ret = handle;
	return 0;
}

/* (locked) Records the pattern of the handle's reads for the next open. */
static void note_pattern(struct handle *handle)
{
	if (!handle->bytes || !handle->around)
		return;
	switch (backend_file_pattern(handle->bytes)) {
	case BACKEND_PATTERN_RANDOM:
		inode_set_mark(handle->inode, INODE_RANDOM, true);
		break;
	case BACKEND_PATTERN_STREAM:
		inode_set_mark(handle->inode, INODE_RANDOM, false);
		break;
	default:
		break;
	}
}

void lane_release(struct server *server, struct handle *handle)
{
	struct inode *inode = handle->inode;
	int32_t unbound;
	bool unwanted;

	if (server->locks)
		lock_release(server->locks, handle);
	/* a shared mapping may outlive the descriptor, and the daemon sees neither the mapping nor its end:
	 * the copy has been watched since the open */
	if (handle->object && handle_may_map_for_writing(handle))
		copy_sync_mapping(server, inode, handle->object, NULL);
	tree_lock_inode(server->tree, inode);
	note_pattern(handle);
	unbound = bind_end(server, handle);
	unwanted = handle->object && copy_is_unwanted(server, inode, handle->object);
	tree_unlock_inode(server->tree, inode);
	large_unfollow(server, handle);
	flush_closed(server, handle);
	backing_id_close(server->session, unbound);
	if (handle->brought_in)
		cache_discount_reads(server->cache, handle->object);
	if (unwanted) {
		cache_release_unwanted(server->cache, handle->object);
		handle->object = NULL;
	}
	handle_free(server, handle);
}

void lane_release_all(struct server *server)
{
	struct handle *handle;

	while ((handle = handle_list_any(&server->handles)))
		lane_release(server, handle);
}
