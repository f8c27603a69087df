/* Which version of the file the copy has, and when SOURCE was last asked. */
#include <stdlib.h>

#include "backends/stamp.h"
#include "cache/base/clock.h"
#include "cache/base/hash.h"
#include "fs/copy_impl.h"

static int64_t ns_of(struct statx_timestamp t)
{
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Without ctime, so that renames, links and changes of attributes do not alter it. */
uint32_t copy_content_of(const struct statx *stx)
{
	return (uint32_t)cache_stamp(stx->stx_size, ns_of(stx->stx_mtime), 0);
}

void copy_set_stamp(struct object *object, const struct statx *stx)
{
	object->stamp = cached_stamp_of(stx);
	object->content = copy_content_of(stx);
}

uint64_t copy_id_of_stamp(const struct inode *inode, uint64_t stamp)
{
	return hash_mix64(inode->nodeid ^ stamp);
}

uint64_t copy_id(const struct inode *inode, const struct statx *stx)
{
	return copy_id_of_stamp(inode, cached_stamp_of(stx));
}

/* After a change within `settle`, another one in the same clock tick would leave the stamp the same. Uses
 * ctime, since programs can't set it. */
bool copy_is_quiet(const struct server *server, const struct statx *stx)
{
	return clock_wall_ns() - ns_of(stx->stx_ctime) >= (int64_t)server->live.settle_ms * CLOCK_NS_PER_MS;
}

bool copy_stamp_is_unique(const struct server *server, const struct inode *inode, const struct statx *stx)
{
	/* ext4 with small inodes keeps whole seconds on any kernel */
	return (tree_has_fine_stamps(inode) &&
		       !stamp_is_coarse(ns_of(stx->stx_mtime), ns_of(stx->stx_ctime))) ||
	       copy_is_quiet(server, stx);
}

bool copy_is_fresh(struct server *server, struct inode *inode, const struct statx *stx)
{
	if (server->options.coherence == COHERENCE_EXCLUSIVE && !inode->suspect)
		return true;
	return !inode->object->frozen && inode->object->stamp == cached_stamp_of(stx);
}

/*
 * (locked) While the file is written through this mount, by handles or mappings, a change of ctime alone
 * means a new name or attribute. The copy then has the file's contents, and must not count as stale: it may
 * contain stores that the file does not have yet.
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

/*
 * Whether all changes of the file since the copy was whole are known to be this mount's. Another program may
 * have changed the file during a change by this mount, and the file's stamp would hide that for ever. But
 * stores through a mapping of the copy must not be lost: while there may be a mapping, the copy counts.
 */
static bool is_all_ours(const struct server *server, const struct inode *inode)
{
	return server->options.coherence == COHERENCE_EXCLUSIVE || inode_is(inode, INODE_MAPPABLE);
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

/* --- without asking SOURCE --------------------------------------------------------------------- */

bool copy_may_answer(const struct server *server, const struct inode *inode)
{
	return !server->pins && inode->object && (server->live.revalidate_ms || server->options.rules);
}

bool copy_is_within_revalidate(struct server *server, struct inode *inode)
{
	const struct object *object = inode->object;

	if (!object || !object->fresh_until_us || inode->binding == BOUND_BACKING)
		return false;
	/* not if the file was changed through this mount, or may have been */
	if (inode->suspect || inode->lingers || inode_is(inode, INODE_LOCKED) || inode->writer_count ||
		!object->stamp || object->frozen || object->entry.size > cached_size_limit(server, inode))
		return false;
	return clock_now_us() < object->fresh_until_us;
}

/* stx: NULL forgets them. If there is no memory for them, SOURCE is asked. */
static void keep_attributes(struct object *object, const struct statx *stx, int64_t asked_us)
{
	if (!stx || asked_us <= object->changed_us) {
		free(object->known);
		object->known = NULL;
		return;
	}
	if (!object->known)
		object->known = malloc(sizeof(*object->known));
	if (object->known)
		*object->known = *stx;
}

void copy_note_answer(struct server *server, struct inode *inode, const struct rule_decision *rule,
	const struct statx *stx, int64_t asked_us)
{
	uint64_t ms = rule->has_revalidate ? rule->revalidate_s * 1000 : server->live.revalidate_ms;

	inode->object->fresh_until_us = ms ? asked_us + (int64_t)ms * 1000 : 0;
	keep_attributes(inode->object, ms ? stx : NULL, asked_us);
}

bool copy_attributes_known(struct server *server, struct inode *inode, struct statx *stx)
{
	const struct object *object = inode->object;

	if (!copy_is_within_revalidate(server, inode) || !object->known ||
		cached_stamp_of(object->known) != object->stamp)
		return false;
	*stx = *object->known;
	return true;
}

void copy_attributes_changed(struct server *server, struct inode *inode)
{
	if (!copy_may_answer(server, inode))
		return;
	tree_lock_inode(server->tree, inode);
	if (inode->object) {
		keep_attributes(inode->object, NULL, 0);
		inode->object->changed_us = clock_now_us();
	}
	tree_unlock_inode(server->tree, inode);
}

bool copy_answers_at_once(struct server *server, uint64_t nodeid)
{
	struct inode *inode = tree_find(server->tree, nodeid);
	bool known;

	if (!inode || !copy_may_answer(server, inode) || !tree_lock_inode_if_free(server->tree, inode))
		return false;
	known = copy_is_within_revalidate(server, inode);
	tree_unlock_inode(server->tree, inode);
	return known;
}

void copy_note_attributes(struct server *server, struct inode *inode, const struct statx *stx)
{
	if (!copy_may_answer(server, inode))
		return;
	tree_lock_inode(server->tree, inode);
	if (inode->object && inode->object->stamp != cached_stamp_of(stx))
		inode->object->fresh_until_us = 0;
	tree_unlock_inode(server->tree, inode);
}

static void forget_answer(struct inode *inode, void *ctx)
{
	struct server *server = ctx;

	tree_lock_inode(server->tree, inode);
	if (inode->object)
		inode->object->fresh_until_us = 0;
	tree_unlock_inode(server->tree, inode);
}

void copy_forget_answers(struct server *server)
{
	if (!server->pins)
		tree_each(server->tree, forget_answer, server);
}
