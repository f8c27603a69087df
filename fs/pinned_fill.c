/* The fillers' jobs: pinning files and mending pins. */
#include "fs/pinned.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "backends/resident.h"
#include "cache/base/clock.h"
#include "cache/base/page_cache.h"
#include "cache/store/charged.h"
#include "fs/backing_id.h"
#include "fs/cached.h"
#include "fs/pinned_impl.h"
#include "fs/threads.h"
#include "fs/users/creds.h"

#define NAP_US 5000

/* The memory cgroup that may pay for pinned pages (see keepers_pin()). Pages of a file system in memory are
 * the file itself, and can't be dropped. */
static uint64_t paying_group(const struct server *server)
{
	return server->charged && !server->source_in_memory ? charged_own_group(server->charged) : 0;
}

/*
 * Brings missing pages into the page cache. again: a keeper found pages that another memory cgroup pays for.
 * They are dropped first, since no other one may pay for pages that stay (cache/store/charged.h). If that
 * can't be known, pages read since the drop count as the daemon's. 0 or -errno; -EBUSY: pages are mapped, or
 * not on the disk yet.
 */
static int make_ready(struct server *server, int fd, uint64_t size, bool again)
{
	bool is_known = server->charged || server->source_in_memory;

	if (again || !is_known) {
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	if (!is_known && resident_pages(fd, 0, size))
		return -EBUSY;
	return page_cache_bring_in(fd, size);
}

/* A backing id of the file, for the inode to keep. 0 if the inode is bound already, or the kernel refuses:
 * then the next open tries, and logs why. */
static int32_t new_backing_id(struct server *server, struct inode *inode, int fd)
{
	bool unbound;
	int32_t id;

	tree_lock_inode(server->tree, inode);
	unbound = inode->binding == UNBOUND;
	tree_unlock_inode(server->tree, inode);
	id = unbound && server->passthrough ? backing_id_open(server->session, fd) : 0;
	return id > 0 ? id : 0;
}

/* Attaches the object to the inode, unless that has one already. */
static bool attach(struct server *server, struct inode *inode, struct object *object, int fd)
{
	int32_t id = new_backing_id(server, inode, fd);
	bool attached;

	tree_lock_inode(server->tree, inode);
	attached = !inode->object;
	if (attached) {
		object->owner = tree_hold(server->tree, inode);
		object->entry.priority = inode->priority;
		inode->object = object;
	}
	if (attached && id && inode->binding == UNBOUND) {
		inode->for_root = false;
		inode->backing_id = id;
		id = 0;
	}
	tree_unlock_inode(server->tree, inode);
	backing_id_close(server->session, id);
	return attached;
}

/* The object is attached and claimed. */
static void publish(struct server *server, struct inode *inode, struct object *object)
{
	int r = cache_publish(server->cache, object);

	tree_lock_inode(server->tree, inode);
	if (r < 0)
		pinned_detach(server, inode);
	else if (inode->object == object)
		cached_keep(server, inode, object);
	tree_unlock_inode(server->tree, inode);
	if (r == 0)
		return;
	cache_drop(server->cache, object);
	tree_put(server->tree, inode, 1);
}

/* --- several at once -------------------------------------------------------------------------- */

/* A job. */
struct filling {
	struct inode *inode;
	struct statx stx;
	int fd;
	int error;
	bool to_pin; /* it is still to be pinned; with the error -EBUSY, a further try may succeed */
};

static struct cache_filling cache_filling_of(const struct server *server, const struct filling *filling)
{
	return (struct cache_filling){
		.source = {.fd = filling->fd, .group = paying_group(server), .name = filling->inode->nodeid},
		.id = pinned_id(filling->inode),
		.size = filling->stx.stx_size};
}

static void settle(struct server *server, struct filling *filling, const struct cache_filling *result)
{
	filling->error = result->error;
	filling->to_pin = result->error == -EBUSY;
	if (result->error < 0)
		return;
	result->object->stamp = cached_stamp_of(&filling->stx);
	if (attach(server, filling->inode, result->object, filling->fd))
		publish(server, filling->inode, result->object);
	else
		cache_drop(server->cache, result->object);
}

/* Pins those of the fillings that are still to be pinned. */
static void pin_all(struct server *server, struct filling *fillings, unsigned count, bool again)
{
	struct cache_filling ready[CACHE_FILL_MOST];
	struct filling *from[CACHE_FILL_MOST];
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		struct filling *filling = &fillings[i];

		if (!filling->to_pin)
			continue;
		filling->error = make_ready(server, filling->fd, filling->stx.stx_size, again);
		filling->to_pin = filling->error == 0 || filling->error == -EBUSY;
		if (filling->error < 0)
			continue;
		ready[n] = cache_filling_of(server, filling);
		from[n++] = filling;
	}
	cache_fill_many(server->cache, ready, n);
	for (unsigned i = 0; i < n; i++)
		settle(server, from[i], &ready[i]);
}

static int mend(struct server *server, struct inode *inode, int fd, const struct statx *stx)
{
	const struct store_source source = {.fd = fd, .group = paying_group(server), .name = inode->nodeid};
	struct object *object = pinned_hold(server, inode);
	int r = -EBUSY;

	if (!object)
		return 0;
	for (int tries = 0; tries < 2 && r == -EBUSY; tries++) {
		r = make_ready(server, fd, stx->stx_size, tries);
		if (r == 0)
			r = cache_mend(server->cache, object, &source, stx->stx_size);
	}
	if (r == -EBUSY)
		stats_count(&server->stats.mount.foreign, 1);
	tree_lock_inode(server->tree, inode);
	cached_recount(server, object);
	/* even if there was no room: locked pages stay locked until the file changes again */
	object->stamp = cached_stamp_of(stx);
	tree_unlock_inode(server->tree, inode);
	cache_release(server->cache, object);
	stats_count(&server->stats.mount.refreshes, 1);
	if (r == -EOWNERDEAD)
		pinned_dismiss(server, inode);
	return r;
}

/* Call with the file open. Ends or mends the pin, or decides that the file is to be pinned. 0 or -errno. */
static int look_over(struct server *server, struct filling *filling)
{
	struct inode *inode = filling->inode;
	int r = cached_fd_statx(filling->fd, &filling->stx);
	uint64_t limit;
	bool has_object;

	if (r < 0)
		return r;
	tree_lock_inode(server->tree, inode);
	limit = cached_size_limit(server, inode);
	has_object = inode->object;
	tree_unlock_inode(server->tree, inode);
	if (!filling->stx.stx_nlink || filling->stx.stx_size > limit) {
		pinned_dismiss(server, inode);
		return 0;
	}
	if (has_object)
		return mend(server, inode, filling->fd, &filling->stx);
	filling->to_pin = memory_floor_allows(&server->memory_floor, filling->stx.stx_size);
	if (!filling->to_pin)
		stats_count(&server->stats.mount.short_memory, 1);
	return 0;
}

/* Temporary errors: the file changed meanwhile, is mapped by processes that pay for it, or a keeper died. */
static bool is_passing(int error)
{
	return error == -EFAULT || error == -EBUSY || error == -EOWNERDEAD;
}

/*
 * A backing id is registered for writers of any user before they open the file, so with the rights of nobody
 * (see register_backing() in bind.c). The filler stays nobody: the kernel keeps the credentials with which a
 * file was opened and registered, and a thread that changes its user gets new ones each time. That would be
 * two sets of 208 bytes for each pinned file.
 */
static void be_nobody(void)
{
	static __thread bool is_nobody;

	if (!is_nobody)
		creds_user_begin(CREDS_NOBODY);
	is_nobody = true;
}

static void begin(struct server *server, struct inode *inode, struct filling *filling)
{
	*filling = (struct filling){.inode = inode};
	filling->fd = filling->error = cached_open_source(server, inode);
	tree_lock_inode(server->tree, inode);
	inode->filling = false; /* changes from here on are not noticed by this fill */
	inode->fillers++;
	tree_unlock_inode(server->tree, inode);
	if (filling->fd >= 0)
		filling->error = look_over(server, filling);
}

static void end(struct server *server, struct filling *filling)
{
	if (filling->fd >= 0)
		close(filling->fd);
	if (filling->to_pin)
		stats_count(&server->stats.mount.foreign, 1);
	if (filling->error < 0 && !is_passing(filling->error))
		cached_note_failure(server, filling->inode, filling->error);
	tree_lock_inode(server->tree, filling->inode);
	filling->inode->fillers--;
	tree_unlock_inode(server->tree, filling->inode);
	tree_put(server->tree, filling->inode, 1);
}

static unsigned take_more(struct server *server, struct inode **inodes, unsigned count)
{
	while (count < CACHE_FILL_MOST && (inodes[count] = pool_take(server->fillers)))
		count++;
	return count;
}

/* Each wait for a job and each call of a keeper takes two switches of threads. If jobs follow each other, a
 * filler that finds only one sleeps briefly, so that more arrive; no program waits for them. */
static unsigned gather(struct server *server, struct inode **inodes)
{
	static __thread int64_t last_us;
	unsigned count = take_more(server, inodes, 1);

	if (count == 1 && clock_now_us() - last_us < NAP_US) {
		usleep(NAP_US);
		count = take_more(server, inodes, 1);
	}
	last_us = clock_now_us();
	return count;
}

void pinned_fill(void *data, void *user_data)
{
	struct inode *inodes[CACHE_FILL_MOST] = {data};
	struct filling fillings[CACHE_FILL_MOST];
	struct server *server = user_data;
	unsigned count = gather(server, inodes);

	be_nobody();
	for (unsigned i = 0; i < count; i++)
		begin(server, inodes[i], &fillings[i]);
	pin_all(server, fillings, count, false);
	pin_all(server, fillings, count, true);
	for (unsigned i = 0; i < count; i++)
		end(server, &fillings[i]);
}
