/* Bringing files in, and mending pins: what fillers do. */
#include "fs/pinned.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "backends/resident.h"
#include "cache/store/charged.h"
#include "fs/backing_id.h"
#include "fs/cached.h"
#include "fs/pinned_impl.h"
#include "fs/users/creds.h"

/*
 * Brings what is missing into the page cache, on this process's account, so that no keeper waits for a disk
 * that hangs. sendfile(2) to /dev/null copies nothing, and a mapping of our own would end in a flush of the
 * TLB on every processor that runs one of our threads. 0 or -errno.
 */
static int bring_in(int fd, uint64_t size)
{
	static __thread int sink = -1;
	off_t done = 0;

	if (sink < 0)
		sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (sink < 0)
		return -errno;
	while ((uint64_t)done < size) {
		ssize_t n = sendfile(sink, fd, &done, size - (uint64_t)done);

		if (n == 0)
			return -EFAULT; /* it became shorter meanwhile */
		if (n < 0)
			return -errno;
	}
	return 0;
}

static void drop_pages(int fd)
{
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Where it can't be known who pays for a page, what was read since the pages were dropped is taken for ours.
 */
static int drop_all(int fd, uint64_t size)
{
	drop_pages(fd);
	if (resident_pages(fd, 0, size))
		drop_pages(fd); /* those that were dirty */
	return resident_pages(fd, 0, size) ? -EBUSY : 0;
}

/* Who may pay for pinned pages (see keepers_pin()). Pages of a file system in memory are the file itself, and
 * can't be dropped. */
static uint64_t paying_group(const struct server *server)
{
	return server->charged && !server->source_in_memory ? charged_own_group(server->charged) : 0;
}

/* *object: NULL, or the one to mend. */
static int try_to_hold(
	struct server *server, struct inode *inode, int fd, uint64_t size, struct object **object)
{
	const struct store_source source = {.fd = fd, .group = paying_group(server)};
	int r = bring_in(fd, size);

	if (r < 0)
		return r;
	return *object ? cache_mend(server->cache, *object, &source, size)
		       : cache_fill(server->cache, &source, pinned_id(inode), size, object);
}

/*
 * What others read is dropped and read anew, so that nobody else pays for what stays (cache/store/charged.h).
 * -EBUSY: somebody maps it, or the disk has not got it yet; it has to wait.
 */
static int hold(struct server *server, struct inode *inode, int fd, uint64_t size, struct object **object)
{
	bool is_known = server->charged || server->source_in_memory;
	int r = is_known ? 0 : drop_all(fd, size);

	if (r == 0)
		r = try_to_hold(server, inode, fd, size, object);
	if (r == -EBUSY && is_known) {
		drop_pages(fd);
		r = try_to_hold(server, inode, fd, size, object);
	}
	if (r == -EBUSY)
		stats_count(&server->stats.mount.foreign, 1);
	return r;
}

/* The file's, for the inode to keep; 0 where it is bound already, or none can be had: then the next open
 * tries, and says why. */
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

/* The inode now has the object, unless it has one already. */
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

static int pin(struct server *server, struct inode *inode, int fd, const struct statx *stx)
{
	struct object *object = NULL;
	int r;

	if (!relief_allows(&server->relief, stx->stx_size)) {
		stats_count(&server->stats.mount.short_memory, 1);
		return 0;
	}
	r = hold(server, inode, fd, stx->stx_size, &object);
	if (r < 0)
		return r;
	object->stamp = cached_stamp_of(stx);
	if (attach(server, inode, object, fd))
		publish(server, inode, object);
	else
		cache_drop(server->cache, object);
	return 0;
}

static int mend(struct server *server, struct inode *inode, int fd, const struct statx *stx)
{
	struct object *object = pinned_hold(server, inode);
	int r;

	if (!object)
		return 0;
	r = hold(server, inode, fd, stx->stx_size, &object);
	tree_lock_inode(server->tree, inode);
	cached_recount(server, object);
	/* also where there is no room: what is held stays held, until the file changes again */
	object->stamp = cached_stamp_of(stx);
	tree_unlock_inode(server->tree, inode);
	cache_release(server->cache, object);
	stats_count(&server->stats.mount.refreshes, 1);
	if (r == -EOWNERDEAD)
		pinned_dismiss(server, inode);
	return r;
}

static int fill(struct server *server, struct inode *inode, int fd)
{
	struct statx stx;
	int r = cached_fd_statx(fd, &stx);

	if (r < 0)
		return r;
	if (stx.stx_nlink && stx.stx_size <= cached_size_limit(server, inode))
		return inode->object ? mend(server, inode, fd, &stx) : pin(server, inode, fd, &stx);
	pinned_dismiss(server, inode);
	return 0;
}

/* What passes: the file changed meanwhile, or is mapped by those who pay for it, or a keeper died. */
static bool is_passing(int error)
{
	return error == -EFAULT || error == -EBUSY || error == -EOWNERDEAD;
}

/*
 * A backing id is registered for writers of whatever user, long before they come: by nobody (see lane.c),
 * whom a filler stays. The kernel keeps the credentials of whoever opened and registered a file, and a thread
 * that changes its user gets new ones each time: two sets of 208 bytes for each pinned file.
 */
static void be_nobody(void)
{
	static __thread bool is_nobody;

	if (!is_nobody)
		creds_user_begin(CREDS_NOBODY);
	is_nobody = true;
}

void pinned_fill(void *data, void *user_data)
{
	struct inode *inode = data;
	struct server *server = user_data;
	int fd, r;

	be_nobody();
	fd = r = cached_open_source(server, inode);
	tree_lock_inode(server->tree, inode);
	inode->filling = false; /* from here on a change is one that was not seen */
	tree_unlock_inode(server->tree, inode);
	if (fd >= 0) {
		r = fill(server, inode, fd);
		close(fd);
	}
	if (r < 0 && !is_passing(r))
		cached_note_failure(server, inode, r);
	tree_put(server->tree, inode, 1);
}
