#include "fs/dir_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "backends/stamp.h"
#include "cache/base/lock_order.h"
#include "fs/op.h"
#include "fs/options/generic_options.h"

/* The bits of an inode's listed_stamp. */
#define BEGUN 1u /* the kernel has a part of a listing, as far as is known */
#define STAMP 2u /* all other bits are a stamp */

/* The directory's times in a few bits; 0: they would not prove that it is unchanged. Also fills in stx. */
static uint32_t take_stamp(const struct inode *dir, int fd, struct statx *stx)
{
	int64_t mtime_ns, ctime_ns;
	uint64_t stamp;

	if (!tree_is_local(dir) || !tree_has_fine_stamps(dir) || inode_is(dir, INODE_LOCKS_INSIDE) ||
		statx(fd, "", AT_EMPTY_PATH, STATX_MTIME | STATX_CTIME | STATX_ATIME, stx) < 0)
		return 0;
	mtime_ns = stamp_ns(stx->stx_mtime);
	ctime_ns = stamp_ns(stx->stx_ctime);
	if (stamp_is_coarse(mtime_ns, ctime_ns))
		return 0;
	stamp = cache_stamp(0, mtime_ns, ctime_ns);
	return ((uint32_t)(stamp ^ stamp >> 32) & ~BEGUN) | STAMP;
}

static bool moves_atime(const struct server *server, const struct inode *dir, const struct statx *stx)
{
	return !(server->options.generic_flags & GENERIC_NODIRATIME) && !tree_leaves_times(server->tree) &&
	       tree_listing_moves_atime(dir, stx);
}

static uint32_t thread_of(fuse_req_t req)
{
	return (uint32_t)fuse_req_ctx(req)->pid;
}

static bool names_suffice(fuse_req_t req, struct inode *dir)
{
	struct server *server = server_of(req);
	uint8_t use;
	bool suffice;

	lock_take(&server->listing_lock, LOCK_LISTING);
	use = dir->listed_use;
	suffice = listed_opened(&server->listed, &use, thread_of(req), dir->nodeid);
	dir->listed_use = use;
	lock_drop(&server->listing_lock, LOCK_LISTING);
	return suffice;
}

/*
 * Remembers the stamp; returns what was remembered. If the kernel discarded a part of a listing, it would
 * never cache that directory again: it would keep the part's end as the place where to go on. So the listing
 * is completed first, and stays without a stamp: the next open discards it.
 */
static uint32_t exchange_stamp(struct inode *dir, uint32_t stamp)
{
	uint32_t last = atomic_load(&dir->listed_stamp), next;

	do {
		next = stamp;
		if (stamp && last & BEGUN)
			next = (last & ~BEGUN) == stamp ? last : BEGUN;
	} while (!atomic_compare_exchange_weak(&dir->listed_stamp, &last, next));
	return last;
}

void dir_cache_opened(fuse_req_t req, struct inode *dir, int fd, struct fuse_file_info *info)
{
	struct statx stx;
	uint32_t stamp = take_stamp(dir, fd, &stx), last = exchange_stamp(dir, stamp);

	if (!stamp)
		return;
	info->keep_cache = last & BEGUN || (stamp == last && !moves_atime(server_of(req), dir, &stx));
	info->cache_readdir = names_suffice(req, dir);
}

void dir_cache_listed(struct inode *dir, bool to_end)
{
	if (to_end)
		atomic_fetch_and(&dir->listed_stamp, ~BEGUN);
	else if (!(atomic_load(&dir->listed_stamp) & BEGUN))
		atomic_fetch_or(&dir->listed_stamp, BEGUN);
}

void dir_cache_asked(fuse_req_t req, struct inode *dir)
{
	struct server *server = server_of(req);
	uint8_t use;

	if (!listed_is_watched(dir->listed_use))
		return;
	lock_take(&server->listing_lock, LOCK_LISTING);
	use = dir->listed_use;
	listed_asked(&server->listed, &use, thread_of(req), dir->nodeid);
	dir->listed_use = use;
	lock_drop(&server->listing_lock, LOCK_LISTING);
}

void dir_cache_went_on(fuse_req_t req, struct inode *dir, bool with_attributes)
{
	struct server *server = server_of(req);
	uint8_t use;

	lock_take(&server->listing_lock, LOCK_LISTING);
	use = dir->listed_use;
	listed_went_on(&server->listed, &use, thread_of(req), with_attributes);
	dir->listed_use = use;
	lock_drop(&server->listing_lock, LOCK_LISTING);
}

void dir_cache_incomplete(struct inode *dir)
{
	atomic_fetch_and(&dir->listed_stamp, BEGUN);
}
