#include "fs/fill.h"

#include <fcntl.h>
#include <unistd.h>

#include "fs/bind.h"
#include "fs/cached.h"
#include "fs/copy.h"
#include "fs/pinned.h"
#include "fs/preferred_lane.h"
#include "fs/threads.h"

uint64_t fill_id(const struct opening *o)
{
	const struct inode *inode = o->handle->inode;

	return o->server->pins ? pinned_id(inode) : copy_id(inode, &o->stx);
}

bool fill_is_under_way(const struct inode *inode)
{
	return inode->filling || inode->fillers;
}

/* Begins a fill. A pin is queued here. For a copy, returns true if the caller must make it or queue that.
 * at_open: the open will be bound to the copy, which is possible only if the inode is not bound yet. */
static bool begin(struct opening *o, bool at_open)
{
	struct server *server = o->server;
	struct inode *inode = o->handle->inode;
	bool begun = false;

	tree_lock_inode(server->tree, inode);
	inode->keep = o->rule.pin;
	inode->priority = (int8_t)o->rule.priority;
	inode->oversize = o->stx.stx_size > o->small_max;
	if (server->pins) {
		if (!inode->object)
			pinned_later(server, inode);
	} else if (!inode->filling && !inode->object && !inode->writer_count) {
		begun = copy_is_quiet(server, &o->stx) && (!at_open || inode->binding == UNBOUND);
		inode->filling |= begun;
	}
	tree_unlock_inode(server->tree, inode);
	return begun;
}

void fill_later(struct opening *o)
{
	if (!begin(o, false))
		return;
	tree_hold(o->server->tree, o->handle->inode);
	pool_push(o->server->fillers, o->handle->inode);
}

static bool is_missing(const struct opening *o)
{
	return !o->handle->object && !o->pinned && opening_may_be_cached(o);
}

/* Call for a file that is not cached: counts the miss and asks the policy. */
static bool policy_wants(struct opening *o)
{
	struct server *server = o->server;
	const struct inode *inode = o->handle->inode;

	o->missed = true;
	stats_count(&server->stats.mount.misses, 1);
	if ((server->live.admit == 0 && !inode_is(inode, INODE_PINNED)) || inode_is(inode, INODE_OUTGROWN))
		return false;
	/* a pinned file would keep a file system below from being unmounted */
	if (server->pins && tree_is_mounted_below(inode) && !o->rule.pin && !o->rule.has_lane)
		return false;
	return cache_ask(server->cache, fill_id(o), o->stx.stx_size) || o->rule.pin;
}

bool fill_comes_first(const struct opening *o)
{
	const struct inode *inode = o->handle->inode;

	return !o->server->pins && tree_is_remote(inode) && !inode->object && o->handle->fd < 0 &&
	       is_missing(o) && copy_is_quiet(o->server, &o->stx);
}

int fill_first(struct opening *o)
{
	int fd;

	if (!fill_comes_first(o) || !policy_wants(o))
		return 0;
	if (!begin(o, true)) {
		fill_later(o);
		return 0;
	}
	fd = handle_fd(o->server, o->handle);
	copy_fill_at_open(o->server, o->handle->inode, fd, &o->stx);
	if (fd < 0)
		return fd;
	/* an open that is bound to the copy must not keep the file open */
	close(fd);
	o->handle->fd = -1;
	return 0;
}

void fill_consider(struct opening *o)
{
	if (!o->missed && is_missing(o) && policy_wants(o))
		fill_later(o);
}

static int look(struct opening *o)
{
	int r = tree_statx(o->server->tree, o->handle->inode, &o->stx);

	if (r == 0)
		preferred_lane_set(o, O_RDONLY, false);
	return r;
}

int fill_unasked(struct server *server, struct inode *inode)
{
	struct handle handle = {.inode = inode, .fd = -1};
	struct opening o = {.server = server, .handle = &handle};
	int r = look(&o);

	if (r < 0)
		return r;
	tree_lock_inode(server->tree, inode);
	inode_set_mark(inode, INODE_OUTGROWN, false);
	tree_unlock_inode(server->tree, inode);
	if (inode->object)
		cached_follow_rule(server, inode, o.rule.pin, o.rule.priority);
	else
		fill_later(&o);
	return 0;
}

int fill_reconsider(struct server *server, struct inode *inode)
{
	struct handle handle = {.inode = inode, .fd = -1};
	struct opening o = {.server = server, .handle = &handle};
	int r = look(&o);

	if (r < 0)
		return r;
	cached_follow_rule(server, inode, o.rule.pin, o.rule.priority);
	if (opening_may_be_cached(&o))
		return 0;
	if (server->pins)
		pinned_dismiss(server, inode);
	else
		copy_exclude(server, inode);
	return 0;
}
