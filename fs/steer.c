#include "fs/steer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/page_cache.h"
#include "fs/bind.h"
#include "fs/cached.h"
#include "fs/copy.h"
#include "fs/explain.h"
#include "fs/fill.h"
#include "fs/pinned.h"

/* --- state ------------------------------------------------------------------------------------ */

/* (locked) */
static void describe_object(const struct object *object, struct file_answer *answer)
{
	answer->flags |= object->kept_charge ? FILE_KEPT : 0;
	answer->uses = object->uses;
	answer->age_s = (uint32_t)(clock_coarse_ms() / 1000) - object->cached_at_s;
}

static void describe_inode(struct server *server, struct inode *inode, struct file_answer *answer)
{
	tree_lock_inode(server->tree, inode);
	answer->flags |= fill_is_under_way(inode) ? FILE_FILLING : 0;
	answer->flags |= inode->open_count ? FILE_OPEN : 0;
	answer->flags |= inode->writer_count ? FILE_WRITTEN : 0;
	answer->flags |= inode_is(inode, INODE_PINNED) ? FILE_PINNED : 0;
	if (inode->object)
		describe_object(inode->object, answer);
	tree_unlock_inode(server->tree, inode);
}

/* Leaves out the counts if the page cache can't be counted: the rest is worth an answer. */
static void count_pages(struct server *server, struct inode *inode, struct file_answer *answer)
{
	struct page_cache_counts counts;
	uint64_t cached;

	if (explain_count_pages(server, inode, &counts, &cached) < 0)
		return;
	answer->flags |= FILE_COUNTED;
	answer->cached_bytes = cached;
	answer->dirty_bytes = counts.dirty * PAGE_CACHE_PAGE;
	answer->writeback_bytes = counts.writeback * PAGE_CACHE_PAGE;
}

static void name_file(struct server *server, uint64_t nodeid, char name[FILE_PATH_SIZE])
{
	struct inode *inode;
	struct statx stx;
	char path[PATH_MAX];

	if (tree_lookup_nodeid(server->tree, nodeid, &inode, &stx) < 0)
		return;
	if (tree_path(server->tree, server->options.source, inode, path))
		g_strlcpy(name, path, FILE_PATH_SIZE);
	tree_put(server->tree, inode, 1);
}

static void describe_departure(
	struct server *server, const struct explanation *e, bool names, struct file_answer *answer)
{
	if (!e->departed)
		return;
	answer->flags |= FILE_LEFT;
	answer->left_s = e->departure.ago_s;
	if (names && e->departure.by)
		name_file(server, e->departure.by, answer->left_for);
}

int steer_state(struct server *server, struct inode *inode, bool names, struct file_answer *answer)
{
	struct explanation e;
	int r = explain_open(server, inode, &e);

	if (r < 0)
		return r;
	*answer = (struct file_answer){.size = e.size,
		.small_max = server->live.small_max,
		.large_min = server->live.large_min,
		.cache_size = server->live.cache_size};
	answer->flags |= e.cache == EXPLAIN_HIT ? FILE_CACHED : 0;
	if (e.cache == EXPLAIN_SELDOM) {
		answer->opens = e.outlook.opens;
		answer->wanted = e.outlook.wanted;
	}
	g_strlcpy(answer->lane, lane_names[e.lane], sizeof(answer->lane));
	g_strlcpy(answer->why, e.why, sizeof(answer->why));
	g_strlcpy(answer->cache, explain_cache_words[e.cache], sizeof(answer->cache));
	g_strlcpy(answer->section, e.section, sizeof(answer->section));
	describe_departure(server, &e, names, answer);
	describe_inode(server, inode, answer);
	count_pages(server, inode, answer);
	return 0;
}

/* --- warm ------------------------------------------------------------------------------------- */

static int read_in(struct server *server, struct inode *inode, uint64_t size)
{
	int fd = cached_open_source(server, inode), r;

	if (fd < 0)
		return fd;
	r = page_cache_bring_in(fd, size);
	close(fd);
	return r == -EFAULT ? 0 : r; /* the file became shorter: all of it was read */
}

int steer_warm(struct server *server, struct inode *inode)
{
	struct explanation e;
	int r = explain_open(server, inode, &e);

	if (r < 0)
		return r;
	switch (e.cache) {
	case EXPLAIN_TOO_LARGE:
		return e.lane == LANE_PLAIN ? read_in(server, inode, e.size) : 0;
	case EXPLAIN_OFF: /* admit=0 excludes files from the cache at opens only, no budget always */
		return e.size <= server->live.cache_size / EVICT_LARGEST_PART ? fill_unasked(server, inode)
									      : 0;
	case EXPLAIN_OUTGROWN:
	case EXPLAIN_EVICTED:
	case EXPLAIN_SELDOM:
	case EXPLAIN_NEXT:
		return fill_unasked(server, inode);
	default:
		return 0;
	}
}

/* --- evict, flush ------------------------------------------------------------------------------ */

static bool is_kept(struct server *server, struct inode *inode)
{
	bool kept;

	tree_lock_inode(server->tree, inode);
	kept = inode->object || fill_is_under_way(inode);
	tree_unlock_inode(server->tree, inode);
	return kept;
}

#define UNPIN_TRIES 10
#define UNPIN_PAUSE_US 1000

static bool is_empty(int fd)
{
	struct page_cache_counts counts;

	return page_cache_count(fd, 0, 0, &counts) < 0 || counts.cached <= counts.dirty + counts.writeback;
}

/* Pages stay until the keeper that was told to unlock them has done so. */
static int drop_pages(int fd, bool were_pinned)
{
	unsigned tries = were_pinned ? UNPIN_TRIES : 1;
	int r;

	do
		r = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	while (r == 0 && --tries && !is_empty(fd) && usleep(UNPIN_PAUSE_US) == 0);
	return r;
}

int steer_evict(struct server *server, struct inode *inode)
{
	bool were_pinned = server->pins && is_kept(server, inode);
	int fd, r;

	if (inode_is(inode, INODE_PINNED))
		return -EBUSY;
	if (server->pins)
		pinned_dismiss(server, inode);
	else
		copy_exclude(server, inode);
	if (is_kept(server, inode))
		return -EBUSY;
	fd = cached_open_source(server, inode);
	if (fd < 0)
		return fd;
	r = drop_pages(fd, were_pinned);
	close(fd);
	return r;
}

int steer_flush(struct server *server, struct inode *inode)
{
	int fd = cached_open_source(server, inode), r;

	if (fd < 0)
		return fd;
	r = sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) < 0 ? -errno : 0;
	close(fd);
	return r;
}
