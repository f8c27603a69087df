#include "fs/bind.h"

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>

#include "cache/base/log.h"
#include "fs/backing_id.h"
#include "fs/copy.h"
#include "fs/pinned.h"
#include "fs/users/creds.h"

/* Not an errno: the backing file must be opened first, outside the inode's lock. */
#define NEEDS_FD 1

/*
 * For lanes whose bytes the daemon moves. Another machine may remove the file, which can then be read only if
 * it is open already. So on such file systems the descriptor is opened now, not at the first read.
 */
static bool needs_fd_now(const struct opening *o)
{
	return o->handle->fd < 0 && !tree_is_local(o->handle->inode);
}

bool opening_may_be_cached(const struct opening *o)
{
	if (o->writes)
		return false;
	return o->rule.has_lane ? o->rule.lane == LANE_CACHED : o->stx.stx_size <= o->small_max;
}

/* --- the three bindings; under the inode's lock ----------------------------------------------- */

static int bind_served(struct opening *o)
{
	struct inode *inode = o->handle->inode;

	if (!o->server->pins && !o->unasked)
		o->handle->object = copy_hold_fresh(o->server, inode, &o->stx);
	if (!o->handle->object && needs_fd_now(o))
		return NEEDS_FD;
	inode->binding = BOUND_SERVED;
	o->handle->lane = LANE_SERVED;
	o->handle->around = o->preferred == LANE_DIRECT;
	if (o->handle->object && !o->unasked)
		copy_note_answer(o->server, inode, &o->rule, &o->stx, o->asked_us);
	o->info->direct_io = 1;
	return 0;
}

/*
 * The kernel writes with the rights of the thread that registers the file, whoever opens it. These are root's
 * unless another user writes: readers take no space, and changing the user takes time.
 */
static int32_t register_backing(const struct opening *o)
{
	int32_t id;

	if (o->writes_as_user)
		creds_nobody_begin();
	id = backing_id_open(o->server->session, o->handle->fd);
	if (o->writes_as_user)
		creds_user_end();
	return id;
}

/*
 * An open that created the file, writes it through the daemon and can't map it needs no backing file, and
 * registering one takes as long as two small writes. The kernel permits such an unbound open beside bound
 * ones, if the unbound one is answered first. Only with pinned files: a copy would have to follow the writes.
 */
static bool stays_unbound(const struct opening *o)
{
	return o->made && o->server->pins && o->preferred == LANE_DIRECT &&
	       (o->handle->open_flags & O_ACCMODE) == O_WRONLY;
}

static int bind_backing(struct opening *o)
{
	struct inode *inode = o->handle->inode;

	if (o->preferred == LANE_DIRECT && needs_fd_now(o))
		return NEEDS_FD;
	if (inode->binding == UNBOUND && inode->backing_id > 0) {
		inode->binding = BOUND_BACKING; /* a pinned file keeps its backing id */
	} else if (inode->binding == UNBOUND && !stays_unbound(o)) {
		if (o->handle->fd < 0)
			return NEEDS_FD;
		inode->for_root = !o->writes_as_user;
		inode->backing_id = register_backing(o);
		if (inode->backing_id < 0) {
			/* a stacked file system, or one without read_iter: this file is served */
			log_once(LOG_LEVEL_WARNING,
				"the kernel refused passthrough for a file: %s; the daemon serves such files",
				g_strerror(-inode->backing_id));
			stats_count(&o->server->stats.mount.fallbacks, 1);
			inode->backing_id = 0;
			return bind_served(o);
		}
		inode->binding = BOUND_BACKING;
	}
	o->info->backing_id = inode->backing_id;
	o->handle->lane =
		o->preferred == LANE_DIRECT || o->preferred == LANE_TRAILED ? o->preferred : LANE_PLAIN;
	if (o->handle->lane != LANE_DIRECT && o->writes_as_user && inode->for_root) {
		/* the daemon writes with the user's rights, through the page cache all the same */
		o->handle->lane = LANE_DIRECT;
	}
	o->handle->around = o->preferred == LANE_DIRECT;
	if (o->writes && tree_has_state_by_open(inode)) {
		/* data written through the kernel's own open file could be neither flushed nor synced */
		o->handle->lane = LANE_DIRECT;
		o->handle->around |= o->preferred == LANE_TRAILED; /* as few pages stay as when trailed */
	}
	o->info->direct_io = o->handle->lane == LANE_DIRECT;
	return 0;
}

/* Takes over the caller's hold on the copy. */
static int bind_store(struct opening *o, struct object *object)
{
	struct inode *inode = o->handle->inode;
	int r;

	o->handle->object = object;
	if (!o->unasked && !copy_is_fresh(o->server, inode, &o->stx)) {
		/* other programs have the copy open or mapped: it is updated in place */
		r = copy_refresh(o->server, inode);
		if (r < 0)
			return r;
		o->refreshed = true;
	}
	if (!o->unasked)
		copy_note_answer(o->server, inode, &o->rule, &o->stx, o->asked_us);
	r = copy_backing_id(o->server, object);
	if (r == 0 && handle_may_map_for_writing(o->handle))
		r = copy_expect_stores(o->server, object);
	if (r < 0)
		return r;
	o->handle->sync_told = object->sync_seq;
	inode->binding = BOUND_STORE;
	o->handle->lane = o->writes || object->frozen ? LANE_CACHED_WRITE : LANE_CACHED;
	o->info->backing_id = object->backing_id;
	o->info->direct_io = o->handle->lane == LANE_CACHED_WRITE;
	return 0;
}

/* With store=pin every open is bound to the backing file, or served. */
static int bind_file(struct opening *o)
{
	struct inode *inode = o->handle->inode;
	bool served =
		inode->binding == BOUND_SERVED || (inode->binding == UNBOUND && !o->server->passthrough);
	int r = served ? bind_served(o) : bind_backing(o);

	if (r != 0)
		return r;
	if (!opening_may_be_cached(o)) {
		o->outsized = !o->writes && inode->object;
		return 0;
	}
	o->pinned = pinned_found(o->server, inode, &o->stx);
	if (o->pinned && o->handle->lane == LANE_PLAIN)
		o->handle->lane = LANE_CACHED;
	return 0;
}

static int bind_inode(struct opening *o)
{
	struct inode *inode = o->handle->inode;

	if (o->server->pins)
		return bind_file(o);
	switch (inode->binding) {
	case BOUND_BACKING:
		return bind_backing(o);
	case BOUND_STORE:
		object_hold(inode->object); /* other handles hold it: it is not being dropped */
		return bind_store(o, inode->object);
	case BOUND_SERVED:
		return bind_served(o);
	default:
		break;
	}
	if (!o->server->passthrough)
		return bind_served(o);
	switch (copy_examine(o->server, inode, &o->stx, o->preferred == LANE_CACHED)) {
	case COPY_USABLE:
	case COPY_MAPPED:
		return bind_store(o, inode->object);
	default:
		return bind_backing(o);
	}
}

/* Under the inode's lock. */
static void count_open(struct opening *o)
{
	struct inode *inode = o->handle->inode;

	inode->open_count++;
	inode->writer_count += o->writes;
	if (o->writes) {
		if (handle_may_map_for_writing(o->handle))
			inode_set_mark(inode, INODE_MAPPABLE, true);
		inode->suspect = true;
		inode->change_seq++;
	}
}

int bind_unasked(struct opening *o)
{
	struct inode *inode = o->handle->inode;
	struct tree *tree = o->server->tree;
	int r = 0;

	if (o->writes || !copy_may_answer(o->server, inode))
		return 0;
	tree_lock_inode(tree, inode);
	if (copy_is_within_revalidate(o->server, inode) && object_hold(inode->object)) {
		o->unasked = true;
		o->stx.stx_size = inode->object->entry.size;
		o->stamp = inode->object->stamp;
		o->rule.has_lane = inode->rule_lane == LANE_CACHED + 1;
		o->preferred = o->rule.lane = LANE_CACHED;
		o->handle->object = inode->object;
		r = o->server->passthrough && inode->binding != BOUND_SERVED ? bind_store(o, inode->object)
									     : bind_served(o);
	}
	if (r == 0 && o->unasked)
		count_open(o);
	tree_unlock_inode(tree, inode);
	return r < 0 ? r : o->unasked;
}

int bind_opening(struct opening *o)
{
	struct inode *inode = o->handle->inode;
	struct tree *tree = o->server->tree;
	int r;

	for (;;) {
		tree_lock_inode(tree, inode);
		r = bind_inode(o);
		if (r == 0)
			count_open(o);
		tree_unlock_inode(tree, inode);
		if (r != NEEDS_FD)
			return r;
		/* the descriptor that is registered with the kernel */
		r = handle_fd(o->server, o->handle);
		if (r < 0)
			return r;
	}
}

int32_t bind_end(struct server *server, struct handle *handle)
{
	struct inode *inode = handle->inode;
	int32_t id = inode->backing_id;

	if (handle_may_write(handle)) {
		inode->writer_count--;
		inode->change_seq++;
	}
	if (--inode->open_count)
		return 0;
	inode->lingers |= inode->binding == BOUND_BACKING;
	inode->binding = UNBOUND;
	if (server->pins && inode->object)
		return 0; /* a pinned file keeps its backing id */
	inode->backing_id = 0;
	return id;
}
