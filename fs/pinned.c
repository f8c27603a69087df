#include "fs/pinned.h"

#include <errno.h>

#include "cache/base/clock.h"
#include "cache/base/log.h"
#include "fs/backing_id.h"
#include "fs/cached.h"
#include "fs/pinned_impl.h"
#include "fs/threads.h"

#define ROUND_S 5                 /* seconds in which every pinned file is checked once */
#define LOOK_US_PER_TICK (100000) /* unless that takes more time per second than this */

uint64_t pinned_id(const struct inode *inode)
{
	return cache_stamp(inode->nodeid, 0, 0);
}

/* --- at an open ------------------------------------------------------------------------------- */

/* There may be thousands of opens, and each refused attempt has dropped and read pages: eight attempts a
 * second are enough. */
static uint8_t this_eighth(void)
{
	return (uint8_t)(clock_coarse_ms() / 125);
}

/* (locked) */
static bool may_try(struct server *server, struct inode *inode)
{
	uint8_t now = this_eighth();

	if ((inode->tried && inode->tried_at == now) || store_is_paused(cache_store(server->cache)))
		return false;
	inode->tried = true;
	inode->tried_at = now;
	return true;
}

void pinned_later(struct server *server, struct inode *inode)
{
	if (inode->filling || (!inode->object && !may_try(server, inode)))
		return;
	inode->filling = true;
	tree_hold(server->tree, inode);
	pool_push(server->fillers, inode);
}

bool pinned_found(struct server *server, struct inode *inode, const struct statx *stx)
{
	struct object *object = inode->object;

	if (!object)
		return false;
	cache_used(server->cache, object);
	if (object->stamp != cached_stamp_of(stx))
		pinned_later(server, inode);
	return true;
}

struct object *pinned_hold(struct server *server, struct inode *inode)
{
	struct object *object;

	tree_lock_inode(server->tree, inode);
	object = inode->object && object_hold(inode->object) ? inode->object : NULL;
	tree_unlock_inode(server->tree, inode);
	return object;
}

/* --- leaving ---------------------------------------------------------------------------------- */

void pinned_detach(struct server *server, struct inode *inode)
{
	int32_t id = inode->backing_id;

	inode->object = NULL;
	if (inode->open_count)
		return; /* the inode is bound to that id until its last release */
	inode->backing_id = 0;
	backing_id_close(server->session, id);
}

int pinned_let_go(void *ctx, struct object *object)
{
	struct server *server = ctx;
	struct inode *inode = object->owner;

	tree_lock_inode(server->tree, inode);
	pinned_detach(server, inode);
	tree_unlock_inode(server->tree, inode);
	tree_put(server->tree, inode, 1);
	return 0;
}

void pinned_dismiss(struct server *server, struct inode *inode)
{
	struct object *gone = NULL;

	if (!server->pins || !inode || !inode->object)
		return;
	tree_lock_inode(server->tree, inode);
	if (inode->object)
		cached_unkeep(server, inode->object);
	if (inode->object && object_claim(inode->object)) {
		gone = inode->object;
		pinned_detach(server, inode);
	}
	tree_unlock_inode(server->tree, inode);
	if (!gone)
		return;
	cache_drop(server->cache, gone);
	tree_put(server->tree, inode, 1);
}

void pinned_replaced(
	struct server *server, const struct tree_leaving *leaving, struct inode *dir, const char *name)
{
	struct inode *heir;
	struct statx stx;

	if (!server->pins || !leaving->inode->object)
		return;
	if (leaving->last)
		pinned_dismiss(server, leaving->inode);
	if (tree_lookup(server->tree, dir, name, &heir, &stx) < 0)
		return;
	tree_lock_inode(server->tree, heir);
	if (S_ISREG(stx.stx_mode) && !heir->object)
		pinned_later(server, heir);
	tree_unlock_inode(server->tree, heir);
	tree_put(server->tree, heir, 1);
}

void pinned_forgotten(struct server *server, struct inode *inode)
{
	struct statx stx;

	if (inode->object && (tree_statx(server->tree, inode, &stx) < 0 || stx.stx_nlink == 0))
		pinned_dismiss(server, inode);
}

/* --- once a second ---------------------------------------------------------------------------- */

static void drop_if_lost(struct inode *inode, void *ctx)
{
	struct server *server = ctx;
	struct object *object = pinned_hold(server, inode);
	bool lost;

	if (!object)
		return;
	lost = !cache_holds(server->cache, object);
	cache_release(server->cache, object);
	if (lost)
		pinned_dismiss(server, inode);
}

static void notice_deaths(struct server *server)
{
	unsigned deaths = store_check(cache_store(server->cache));

	if (!deaths)
		return;
	stats_count(&server->stats.mount.keeper_deaths, deaths);
	log_warning("%u keepers died (out of memory?): their files are no longer pinned, and the cache is "
		    "smaller for a while",
		deaths);
	tree_each(server->tree, drop_if_lost, server);
	memory_floor_lost(&server->memory_floor);
}

static void look_at(struct inode *inode, void *ctx)
{
	struct server *server = ctx;
	struct statx stx;
	int r = tree_peek(server->tree, inode, &stx);

	if (r == -ESTALE || r == -ENOENT || (r == 0 && stx.stx_nlink == 0)) {
		pinned_dismiss(server, inode);
		return;
	}
	tree_lock_inode(server->tree, inode);
	if (r == 0 && inode->object && inode->object->stamp != cached_stamp_of(&stx))
		pinned_later(server, inode);
	tree_unlock_inode(server->tree, inode);
}

void pinned_tick(struct server *server)
{
	int64_t end_us = clock_now_us() + LOOK_US_PER_TICK;

	notice_deaths(server);
	for (unsigned i = 0; i <= TREE_SLICES / ROUND_S && clock_now_us() < end_us; i++)
		tree_each_slice(server->tree, server->looked_at++ % TREE_SLICES, look_at, server);
}
