#include "fs/fill.h"

#include "fs/bind.h"
#include "fs/copy.h"
#include "fs/pinned.h"
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

void fill_later(struct opening *o)
{
	struct server *server = o->server;
	struct inode *inode = o->handle->inode;
	bool start = false;

	tree_lock_inode(server->tree, inode);
	inode->keep = o->rule.pin;
	inode->priority = (int8_t)o->rule.priority;
	inode->oversize = o->stx.stx_size > server->limits.small_max;
	if (server->pins) {
		if (!inode->object)
			pinned_later(server, inode);
	} else if (!inode->filling && !inode->object && !inode->writer_count) {
		inode->filling = true;
		start = true;
	}
	tree_unlock_inode(server->tree, inode);
	if (!start)
		return;
	tree_hold(server->tree, inode);
	pool_push(server->fillers, inode);
}

void fill_consider(struct opening *o)
{
	struct server *server = o->server;
	const struct inode *inode = o->handle->inode;

	if (o->handle->object || o->pinned || !opening_may_be_cached(o))
		return;
	stats_count(&server->stats.mount.misses, 1);
	if (server->options.admit == 0 || inode->outgrown)
		return;
	/* a file system below is to stay one that can be unmounted */
	if (server->pins && tree_is_mounted_below(inode) && !o->rule.pin && !o->rule.has_lane)
		return;
	if (cache_ask(server->cache, fill_id(o), o->stx.stx_size) || o->rule.pin)
		fill_later(o);
}
