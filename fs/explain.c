#include "fs/explain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/page_cache.h"
#include "fs/bind.h"
#include "fs/cached.h"
#include "fs/copy.h"
#include "fs/fill.h"
#include "fs/large.h"
#include "fs/pinned.h"
#include "fs/preferred_lane.h"

const char *const explain_cache_words[EXPLAIN_COUNT] = {
	[EXPLAIN_HIT] = "hit",
	[EXPLAIN_RULE] = "rule",
	[EXPLAIN_TOO_LARGE] = "too-large",
	[EXPLAIN_OFF] = "off",
	[EXPLAIN_OUTGROWN] = "outgrown",
	[EXPLAIN_MOUNTED_BELOW] = "mounted-below",
	[EXPLAIN_OVER_BUDGET] = "over-budget",
	[EXPLAIN_WRITTEN] = "written",
	[EXPLAIN_BOUND] = "bound",
	[EXPLAIN_FILLING] = "filling",
	[EXPLAIN_EVICTED] = "evicted",
	[EXPLAIN_SELDOM] = "seldom",
	[EXPLAIN_NEXT] = "next",
};

/* --- the lane: what fs/bind.c will do ---------------------------------------------------------- */

static bool is_served(const struct opening *o)
{
	const struct inode *inode = o->handle->inode;

	return inode->binding == BOUND_SERVED || (inode->binding == UNBOUND && !o->server->passthrough);
}

/* (locked) */
static bool has_usable_copy(const struct opening *o)
{
	struct inode *inode = o->handle->inode;

	if (inode->binding == BOUND_STORE)
		return true; /* even if the file has changed since */
	if (is_served(o))
		return copy_is_fresh(o->server, inode, &o->stx);
	return inode->binding == UNBOUND && o->preferred == LANE_CACHED &&
	       copy_would_be_used(o->server, inode, &o->stx);
}

/* (locked) */
static bool is_hit(const struct opening *o)
{
	if (!o->handle->inode->object)
		return false;
	return o->server->pins ? opening_may_be_cached(o) : has_usable_copy(o);
}

/* (locked) */
static enum lane lane_of(const struct opening *o, bool hit)
{
	const struct inode *inode = o->handle->inode;
	bool around = o->preferred == LANE_DIRECT || o->preferred == LANE_TRAILED;

	if (is_served(o))
		return LANE_SERVED;
	if (hit && !o->server->pins)
		return inode->object->frozen ? LANE_CACHED_WRITE : LANE_CACHED;
	if (around)
		return o->preferred;
	return hit && o->server->pins ? LANE_CACHED : LANE_PLAIN;
}

static const char *why_of(const struct opening *o, enum lane lane)
{
	bool as_preferred = lane == o->preferred || (lane == LANE_PLAIN && o->preferred == LANE_CACHED) ||
			    (lane == LANE_CACHED && opening_may_be_cached(o));

	if (!o->server->passthrough)
		return "no-passthrough";
	if (!as_preferred)
		return "bound";
	if (inode_is(o->handle->inode, INODE_PINNED))
		return "pinned";
	return o->rule.has_lane ? "rule" : class_names[o->class];
}

/* --- the cache: what fs/fill.c will do --------------------------------------------------------- */

/* (locked) */
static enum explain_cache missing(const struct opening *o, struct evict_outlook *outlook)
{
	struct server *server = o->server;
	struct inode *inode = o->handle->inode;
	bool ruled = o->rule.pin || o->rule.has_lane;

	if (!opening_may_be_cached(o))
		return o->rule.has_lane ? EXPLAIN_RULE : EXPLAIN_TOO_LARGE;
	if ((server->live.admit == 0 && !inode_is(inode, INODE_PINNED)) || server->live.cache_size == 0)
		return EXPLAIN_OFF;
	if (inode_is(inode, INODE_OUTGROWN))
		return EXPLAIN_OUTGROWN;
	if (server->pins && tree_is_mounted_below(inode) && !ruled)
		return EXPLAIN_MOUNTED_BELOW;
	if (fill_is_under_way(inode))
		return EXPLAIN_FILLING;
	if (!server->pins && inode->object && copy_is_fresh(server, inode, &o->stx))
		return EXPLAIN_BOUND;
	if (!server->pins && inode->writer_count)
		return EXPLAIN_WRITTEN;
	*outlook = cache_peek(server->cache, fill_id(o), o->stx.stx_size);
	if (outlook->answer == EVICT_NEVER)
		return EXPLAIN_OVER_BUDGET;
	if (outlook->was_cached)
		return EXPLAIN_EVICTED;
	return outlook->answer == EVICT_ADMIT || o->rule.pin ? EXPLAIN_NEXT : EXPLAIN_SELDOM;
}

/* (locked) Whether the open would wait for the copy, and be bound to it. */
static bool is_brought_in_first(const struct opening *o, const struct explanation *e)
{
	bool wanted =
		e->cache == EXPLAIN_NEXT || (e->cache == EXPLAIN_EVICTED && e->outlook.answer == EVICT_ADMIT);

	return wanted && fill_comes_first(o) && o->handle->inode->binding == UNBOUND && !is_served(o);
}

int explain_open(struct server *server, struct inode *inode, struct explanation *out)
{
	struct handle handle = {.inode = inode, .fd = -1};
	struct opening o = {.server = server, .handle = &handle};
	int r = tree_statx(server->tree, inode, &o.stx);
	bool hit;

	if (r < 0)
		return r;
	preferred_lane_set(&o, O_RDONLY, false);
	large_foresee(&o);
	*out = (struct explanation){.size = o.stx.stx_size};
	tree_lock_inode(server->tree, inode);
	hit = is_hit(&o);
	out->lane = lane_of(&o, hit);
	out->cache = hit ? EXPLAIN_HIT : missing(&o, &out->outlook);
	if (is_brought_in_first(&o, out))
		out->lane = LANE_CACHED;
	tree_unlock_inode(server->tree, inode);
	if (out->cache == EXPLAIN_EVICTED)
		out->departed = cache_find_departure(server->cache, fill_id(&o), &out->departure);
	out->why = why_of(&o, out->lane);
	if (server->options.rules)
		live_rules_section(&server->live_rules, server->tree, server->options.source, inode, &o.stx,
			out->section, sizeof(out->section));
	return 0;
}

/* --- output ------------------------------------------------------------------------------------ */

void explain_to_text(const struct server *server, const struct explanation *e, GString *out)
{
	g_string_append_printf(out, "%s; %s%s; size=%" PRIu64, e->why,
		e->cache == EXPLAIN_HIT ? "" : "fwd=", explain_cache_words[e->cache], e->size);
	if (e->cache == EXPLAIN_TOO_LARGE)
		g_string_append_printf(out, "; small_max=%" PRIu64, server->live.small_max);
	if (e->why == class_names[CLASS_LARGE] || e->why == class_names[CLASS_RANDOM])
		g_string_append_printf(out, "; large_min=%" PRIu64, server->live.large_min);
	if (e->cache == EXPLAIN_SELDOM)
		g_string_append_printf(out, "; opens=%u; wanted=%u", e->outlook.opens, e->outlook.wanted);
	if (e->cache == EXPLAIN_OVER_BUDGET)
		g_string_append_printf(out, "; cache_size=%" PRIu64, server->live.cache_size);
	if (e->section[0]) /* comes last, since a name may have any bytes */
		g_string_append_printf(out, "; section=%s", e->section);
}

/* The size of the copy, which takes pages of another file than the backing file's; -ENOENT if there is
 * none. */
static int64_t copied_bytes(struct server *server, struct inode *inode)
{
	int64_t bytes = -ENOENT;

	tree_lock_inode(server->tree, inode);
	if (!server->pins && inode->object)
		bytes = (int64_t)inode->object->entry.size;
	tree_unlock_inode(server->tree, inode);
	return bytes;
}

int explain_count_pages(
	struct server *server, struct inode *inode, struct page_cache_counts *counts, uint64_t *cached_bytes)
{
	int64_t copied = copied_bytes(server, inode), size;
	int fd = cached_open_source(server, inode), r;

	if (fd < 0)
		return fd;
	r = page_cache_count(fd, 0, 0, counts);
	size = page_cache_file_size(fd);
	close(fd);
	if (r < 0)
		return r;
	*cached_bytes = counts->cached * PAGE_CACHE_PAGE;
	if (copied >= 0)
		*cached_bytes = (uint64_t)copied;
	else if (size >= 0)
		*cached_bytes = MIN(*cached_bytes, (uint64_t)size);
	return 0;
}

int64_t explain_cached_bytes(struct server *server, struct inode *inode)
{
	struct page_cache_counts counts;
	int64_t copied = copied_bytes(server, inode);
	uint64_t bytes;
	int r;

	if (copied >= 0)
		return copied; /* even if the file's own pages can't be counted */
	r = explain_count_pages(server, inode, &counts, &bytes);
	return r < 0 ? r : (int64_t)bytes;
}

/* --- as extended attributes -------------------------------------------------------------------- */

#define XATTR "user.sievefs."
#define XATTR_LANE XATTR "lane"
#define XATTR_WHY XATTR "why"
#define XATTR_CACHED_BYTES XATTR "cached_bytes"

bool explain_is_xattr(const char *name)
{
	return strcmp(name, XATTR_LANE) == 0 || strcmp(name, XATTR_WHY) == 0 ||
	       strcmp(name, XATTR_CACHED_BYTES) == 0;
}

int explain_xattr(struct server *server, struct inode *inode, const char *name, GString *out)
{
	struct explanation explanation;
	int64_t bytes;
	int r;

	if (inode->type != DT_REG)
		return -ENODATA;
	if (strcmp(name, XATTR_CACHED_BYTES) == 0) {
		bytes = explain_cached_bytes(server, inode);
		if (bytes < 0)
			return (int)bytes;
		g_string_append_printf(out, "%" PRId64, bytes);
		return 0;
	}
	r = explain_open(server, inode, &explanation);
	if (r < 0)
		return r;
	if (strcmp(name, XATTR_LANE) == 0)
		g_string_append(out, lane_names[explanation.lane]);
	else
		explain_to_text(server, &explanation, out);
	return 0;
}
