#include "fs/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backends/backend.h"
#include "fs/backing_id.h"
#include "fs/log.h"
#include "fs/sync_io.h"

static int64_t ns_of(struct statx_timestamp t)
{
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint64_t stamp_of(const struct statx *stx)
{
	return cache_stamp(stx->stx_size, ns_of(stx->stx_mtime), ns_of(stx->stx_ctime));
}

/* Without ctime: renaming, linking and changing attributes leave it alone. */
static uint32_t content_of(const struct statx *stx)
{
	return (uint32_t)cache_stamp(stx->stx_size, ns_of(stx->stx_mtime), 0);
}

static void set_stamp(struct object *object, const struct statx *stx)
{
	object->stamp = stamp_of(stx);
	object->content = content_of(stx);
}

/* A file that is being copied. */
struct reading {
	struct cache_source source;
	struct backend_file *file;
};

static ssize_t read_source(void *ctx, void *buf, size_t size, uint64_t offset)
{
	struct reading *reading = ctx;

	return sync_read(reading->file, buf, size, (off_t)offset);
}

static int reading_begin(struct server *server, struct reading *reading, int fd)
{
	const struct backend_open how = {.fd = fd};

	reading->source = (struct cache_source){.read = read_source, .ctx = reading};
	return backend_open(server->buffered, &how, &reading->file);
}

static void reading_end(struct reading *reading)
{
	backend_close(reading->file);
}

static int fd_statx(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, stx) < 0 ? -errno : 0;
}

uint64_t copy_id(const struct inode *inode, const struct statx *stx)
{
	uint64_t id = (inode->nodeid ^ stamp_of(stx)) * 0x9e3779b97f4a7c15ULL;

	return id ^ (id >> 32);
}

/*
 * Whether the file is open for writing or mapped so, by anybody: a read lease is refused then. The inode's
 * lock keeps writers of this mount out meanwhile. Unknown (network file systems) counts as no: `settle` has
 * to do.
 */
static bool is_written(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
		fcntl(fd, F_SETLEASE, F_UNLCK);
		return false;
	}
	return errno == EAGAIN;
}

/* Written within `settle`: a change in the same clock tick could not be told. ctime, since it can't be set.
 */
static bool is_quiet(const struct server *server, const struct statx *stx)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec - ns_of(stx->stx_ctime) >=
	       (int64_t)server->options.settle_ms * 1000000;
}

/* (locked) */
static void restamp(struct server *server, struct inode *inode, struct object *object, bool fresh);
static int sync_locked(struct server *server, struct inode *inode, struct object *object, int fd);
static bool has_fresh_copy(struct server *server, struct inode *inode);
static int sync_if_ahead(struct server *server, struct inode *inode, struct object *object);

/* --- asked while opening; the inode is locked ------------------------------------------------- */

bool copy_is_fresh(struct server *server, struct inode *inode, const struct statx *stx)
{
	if (server->options.coherence == COHERENCE_EXCLUSIVE && !inode->suspect)
		return true;
	return !inode->object->frozen && inode->object->stamp == stamp_of(stx);
}

static bool prove_unwritten(struct server *server, struct inode *inode)
{
	int fd = tree_open(server->tree, inode, O_RDONLY);
	bool written;

	if (fd < 0)
		return false;
	written = is_written(fd);
	close(fd);
	return !written;
}

bool copy_may_be_mapped(struct server *server, struct inode *inode)
{
	bool mapped;

	if (!inode->mappable)
		return false;
	tree_lock_inode(server->tree, inode);
	mapped = inode->writer_count || (inode->object && inode->object->mapped) ||
		 !prove_unwritten(server, inode);
	if (!mapped)
		inode->mappable = false;
	tree_unlock_inode(server->tree, inode);
	return mapped;
}

/* (locked) The largest file that may have a copy. A copy may take an eighth of the budget at most
 * (cache/policy/evict.h). */
static uint64_t size_limit(const struct server *server, const struct inode *inode)
{
	return inode->oversize ? server->options.cache_size / 8 : server->limits.small_max;
}

/* (locked) Pins the copy as a rule wants it, but never more than half of the cache: the rest must be able to
 * turn over. */
static void keep(struct server *server, struct inode *inode, struct object *object)
{
	if (!inode->keep || object->kept)
		return;
	if (server->kept_bytes + object->entry.charge > server->options.cache_size / 2) {
		log_once(LOG_LEVEL_WARNING, "rules: the pinned files take half of cache_size; further ones "
					    "are cached without being pinned");
		return;
	}
	if (!object_pin(object))
		return;
	object->kept = true;
	server->kept_bytes += object->entry.charge;
}

/* (locked) */
static void unkeep(struct server *server, struct object *object)
{
	if (!object->kept)
		return;
	object->kept = false;
	server->kept_bytes -= object->entry.charge;
	cache_unpin(server->cache, object);
}

static void forget_backing_id(struct server *server, struct object *object)
{
	backing_id_close(server->session, object->backing_id);
	object->backing_id = 0;
}

/* Unties copy and inode; the object is claimed. The inode's reference is the caller's to give back. */
static void detach(struct server *server, struct inode *inode, struct object *object)
{
	forget_backing_id(server, object);
	inode->object = NULL;
}

static void drop(struct server *server, struct inode *inode, struct object *object)
{
	detach(server, inode, object);
	cache_drop(server->cache, object);
	tree_put(server->tree, inode, 1);
}

static bool is_mapped(struct server *server, struct object *object)
{
	forget_backing_id(server, object);
	return store_in_use(cache_store(server->cache), &object->file);
}

enum copy_state copy_examine(
	struct server *server, struct inode *inode, const struct statx *stx, bool may_use)
{
	struct object *object = inode->object;
	bool fresh, mapped;

	if (!object || !object_pin(object))
		return COPY_NONE; /* none, or on its way in or out */
	fresh = copy_is_fresh(server, inode, stx);
	if (fresh && may_use && (!inode->suspect || prove_unwritten(server, inode))) {
		inode->suspect = false;
		return COPY_USABLE;
	}
	/* whatever else is known: somebody who maps the copy must see every write from now on */
	mapped = is_mapped(server, object);
	if (mapped) {
		cache_watch(server->cache, object);
		return COPY_MAPPED;
	}
	if (object->mapped)
		sync_if_ahead(server, inode, object); /* the last stores, before others write the file */
	cache_unpin(server->cache, object);
	if (!fresh || object->entry.size > size_limit(server, inode))
		unkeep(server, object);
	if ((!fresh || object->entry.size > size_limit(server, inode)) && object_claim(object)) {
		stats_add(&server->stats, STATS_STALE, 1);
		drop(server, inode, object);
	}
	return COPY_NONE;
}

struct object *copy_pin_fresh(struct server *server, struct inode *inode, const struct statx *stx)
{
	struct object *object = inode->object;

	if (!object)
		return NULL;
	if (copy_is_fresh(server, inode, stx) && object_pin(object))
		return object;
	unkeep(server, object);
	if (object_claim(object)) {
		stats_add(&server->stats, STATS_STALE, 1);
		drop(server, inode, object);
		return NULL;
	}
	/* other handles read it */
	return copy_refresh(server, inode) == 0 && object_pin(object) ? object : NULL;
}

/* Stores through a mapping of the copy that the file has not got yet, and only the file's name or attributes
 * changed. */
static bool is_ahead(struct server *server, struct inode *inode, struct object *object)
{
	return store_is_written(cache_store(server->cache), &object->file) && has_fresh_copy(server, inode);
}

static int refresh_from(struct server *server, struct inode *inode, struct object *object, int fd)
{
	struct statx before, after;
	struct reading reading;
	int r;

	r = reading_begin(server, &reading, fd);
	if (r < 0)
		return r;
	for (int tries = 0; tries < 3; tries++) {
		r = fd_statx(fd, &before);
		if (r == 0)
			r = cache_refresh(server->cache, object, &reading.source, before.stx_size);
		if (r == 0)
			r = fd_statx(fd, &after);
		if (r < 0 || stamp_of(&before) == stamp_of(&after))
			break;
	}
	reading_end(&reading);
	if (r < 0)
		return r;
	set_stamp(object, &after);
	if (!tree_has_fine_stamps(inode) && !is_quiet(server, &after))
		object->stamp = 0; /* an unsettled version is looked at again by the next open */
	return 0;
}

int copy_refresh(struct server *server, struct inode *inode)
{
	struct object *object = inode->object;
	bool ahead = is_ahead(server, inode, object);
	int fd, r;

	fd = tree_open(server->tree, inode, ahead ? O_RDWR : O_RDONLY);
	if (fd < 0)
		return fd;
	if (ahead) {
		r = sync_locked(server, inode, object, fd);
	} else {
		stats_add(&server->stats, STATS_REFRESHES, 1);
		r = refresh_from(server, inode, object, fd);
	}
	close(fd);
	return r;
}

int copy_backing_id(struct server *server, struct object *object)
{
	int fd;

	if (object->backing_id > 0)
		return 0;
	fd = store_open(cache_store(server->cache), &object->file, O_RDONLY);
	if (fd < 0)
		return fd;
	object->backing_id = backing_id_open(server->session, fd);
	store_close(cache_store(server->cache), fd);
	return object->backing_id < 0 ? object->backing_id : 0;
}

/* --- following changes ------------------------------------------------------------------------ */

struct object *copy_change_begin(struct server *server, struct inode *inode, bool *fresh)
{
	struct object *object;

	tree_lock_inode(server->tree, inode);
	inode->change_seq++;
	object = inode->object;
	if (object && inode->binding != BOUND_BACKING && object_pin(object)) {
		*fresh = has_fresh_copy(server, inode);
		return object;
	}
	inode->suspect = true;
	tree_unlock_inode(server->tree, inode);
	return NULL;
}

/* After a change to both. Where the clock behind the stamps is coarse, somebody else's change in the same
 * tick would stay unseen: no stamp then, and the next open looks again. */
static void restamp(struct server *server, struct inode *inode, struct object *object, bool fresh)
{
	struct statx stx;

	object->stamp = 0;
	object->content = 0;
	if (!fresh || tree_statx(server->tree, inode, &stx) < 0)
		return;
	set_stamp(object, &stx);
	if (!tree_has_fine_stamps(inode) && !is_quiet(server, &stx))
		object->stamp = 0;
}

void copy_change_end(struct server *server, struct inode *inode, struct object *object, bool fresh)
{
	if (!object)
		return;
	restamp(server, inode, object, fresh);
	if (object->entry.size > size_limit(server, inode))
		inode->outgrown = true;
	tree_unlock_inode(server->tree, inode);
	cache_unpin(server->cache, object);
	cache_shed(server->cache);
}

int copy_before_reading(struct server *server, struct inode *inode)
{
	struct object *object;
	bool ahead;
	int r;

	if (!inode->object)
		return 0;
	tree_lock_inode(server->tree, inode);
	object = inode->object;
	ahead = object && (inode->binding == BOUND_STORE || object->mapped) &&
		store_is_written(cache_store(server->cache), &object->file) && object_pin(object);
	tree_unlock_inode(server->tree, inode);
	if (!ahead)
		return 0;
	r = copy_sync_mapping(server, inode, object);
	cache_unpin(server->cache, object);
	return r;
}

/*
 * (locked) While this mount writes the file, by handles or mappings, a change of ctime alone is a new name or
 * attribute: the copy is the file, and must not be taken for stale, since it may hold stores that the file
 * has not got yet.
 */
static bool has_fresh_copy(struct server *server, struct inode *inode)
{
	struct object *object = inode->object;
	struct statx stx;

	if (!object || object->frozen || tree_statx(server->tree, inode, &stx) < 0)
		return false;
	if (object->stamp == stamp_of(&stx))
		return true;
	return (inode->writer_count || object->mapped) && object->content == content_of(&stx);
}

bool copy_attributes_begin(struct server *server, struct inode *inode)
{
	bool fresh;

	tree_lock_inode(server->tree, inode);
	fresh = has_fresh_copy(server, inode);
	tree_unlock_inode(server->tree, inode);
	return fresh;
}

void copy_attributes_end(struct server *server, struct inode *inode, bool fresh)
{
	if (!fresh)
		return;
	tree_lock_inode(server->tree, inode);
	if (inode->object && object_pin(inode->object)) {
		restamp(server, inode, inode->object, fresh);
		cache_unpin(server->cache, inode->object);
	}
	tree_unlock_inode(server->tree, inode);
}

/* --- shared writable mappings of the copy ----------------------------------------------------- */

#define SYNC_STEP (64 * 1024)
#define SYNC_PAGE 4096

/* Writes the pages of ours that differ from theirs. */
static int write_differences(int fd, const char *ours, const char *theirs, size_t size, off_t offset)
{
	for (size_t at = 0; at < size; at += SYNC_PAGE) {
		size_t n = MIN(SYNC_PAGE, size - at);

		if (memcmp(ours + at, theirs + at, n) == 0)
			continue;
		if (pwrite(fd, ours + at, n, offset + (off_t)at) != (ssize_t)n)
			return -EIO;
	}
	return 0;
}

static int sync_locked(struct server *server, struct inode *inode, struct object *object, int fd)
{
	char *ours = malloc(2 * SYNC_STEP), *theirs = ours + SYNC_STEP;
	off_t offset = 0;
	int r = ours ? 0 : -ENOMEM;

	while (r == 0) {
		ssize_t n = cache_read(server->cache, object, ours, SYNC_STEP, (uint64_t)offset);
		ssize_t m = n > 0 ? pread(fd, theirs, (size_t)n, offset) : 0;

		if (n <= 0 || m < 0) {
			r = n < 0 ? (int)n : m < 0 ? -errno : 0;
			break;
		}
		r = write_differences(fd, ours, theirs, (size_t)MIN(n, m), offset);
		offset += n;
		if (n < SYNC_STEP || m < n)
			break;
	}
	restamp(server, inode, object, r == 0);
	free(ours);
	return r;
}

/* (locked) What was stored through mappings that may be gone by now. */
static int sync_if_ahead(struct server *server, struct inode *inode, struct object *object)
{
	int fd, r;

	/* a copy that is stale, or that the file was not tied to meanwhile, must not be written over newer
	 * contents */
	if (object->frozen || inode->binding == BOUND_BACKING || !has_fresh_copy(server, inode))
		return 0;
	fd = tree_open(server->tree, inode, O_RDWR);
	if (fd < 0)
		return fd;
	r = sync_locked(server, inode, object, fd);
	close(fd);
	return r;
}

int copy_sync_mapping(struct server *server, struct inode *inode, struct object *object)
{
	int r;

	tree_lock_inode(server->tree, inode);
	r = sync_if_ahead(server, inode, object);
	tree_unlock_inode(server->tree, inode);
	return r;
}

int copy_watch(void *ctx, struct object *object)
{
	struct server *server = ctx;
	struct inode *inode = object->owner;
	int r;

	tree_lock_inode(server->tree, inode);
	r = inode->binding == BOUND_STORE || store_is_written(cache_store(server->cache), &object->file) ||
			    is_mapped(server, object)
		    ? -EBUSY
		    : 0;
	sync_if_ahead(server, inode, object);
	tree_unlock_inode(server->tree, inode);
	return r;
}

/* --- leaving ---------------------------------------------------------------------------------- */

int copy_let_go(void *ctx, struct object *object)
{
	struct server *server = ctx;
	struct inode *inode = object->owner;
	bool mapped;

	tree_lock_inode(server->tree, inode);
	mapped = is_mapped(server, object);
	if (!mapped)
		detach(server, inode, object);
	tree_unlock_inode(server->tree, inode);
	if (mapped)
		return -EBUSY;
	tree_put(server->tree, inode, 1);
	return 0;
}

void copy_forgotten(struct server *server, struct inode *inode)
{
	struct object *gone = NULL;
	struct statx stx;
	int r;

	if (!inode->object)
		return;
	r = tree_statx(server->tree, inode, &stx);
	if (r == 0 && stx.stx_nlink > 0)
		return;
	tree_lock_inode(server->tree, inode);
	if (inode->object)
		unkeep(server, inode->object);
	if (inode->object && object_claim(inode->object)) {
		gone = inode->object;
		if (is_mapped(server, gone)) {
			cache_watch(server->cache, gone);
			cache_unclaim(server->cache, gone);
			gone = NULL;
		} else {
			detach(server, inode, gone);
		}
	}
	tree_unlock_inode(server->tree, inode);
	if (!gone)
		return;
	cache_drop(server->cache, gone);
	tree_put(server->tree, inode, 1);
}

static void unkeep_one(struct inode *inode, void *ctx)
{
	struct server *server = ctx;

	tree_lock_inode(server->tree, inode);
	if (inode->object)
		unkeep(server, inode->object);
	tree_unlock_inode(server->tree, inode);
}

void copy_unkeep_all(struct server *server)
{
	tree_each(server->tree, unkeep_one, server);
}

static void drop_at_exit(struct inode *inode, void *ctx)
{
	struct server *server = ctx;

	if (!inode->object)
		return;
	unkeep(server, inode->object);
	if (inode->object->mapped)
		copy_sync_mapping(server, inode, inode->object);
	cache_drop(server->cache, inode->object);
	inode->object = NULL;
}

void copy_drop_all(struct server *server)
{
	tree_each(server->tree, drop_at_exit, server);
}

/* --- entering --------------------------------------------------------------------------------- */

static int open_source(struct server *server, struct inode *inode)
{
	/* the daemon's own reading is no use of the file */
	int fd = tree_open(server->tree, inode, O_RDONLY | O_NOATIME);

	return fd == -EPERM ? tree_open(server->tree, inode, O_RDONLY) : fd;
}

static bool may_fill(struct server *server, struct inode *inode, int fd, uint16_t *seq)
{
	bool may;

	tree_lock_inode(server->tree, inode);
	*seq = inode->change_seq;
	may = !inode->object && !inode->writer_count && !is_written(fd);
	tree_unlock_inode(server->tree, inode);
	return may;
}

/* Ties the finished copy to the inode, unless the file was touched meanwhile. */
static bool attach(struct server *server, struct inode *inode, struct object *object, uint16_t seq)
{
	bool ok;

	tree_lock_inode(server->tree, inode);
	ok = inode->change_seq == seq && !inode->writer_count && !inode->object;
	if (ok) {
		object->owner = tree_hold(server->tree, inode);
		object->entry.priority = inode->priority;
		inode->object = object;
		inode->suspect = false;
	}
	tree_unlock_inode(server->tree, inode);
	return ok;
}

static void fill(struct server *server, struct inode *inode, int fd)
{
	struct statx before, after;
	struct reading reading;
	struct object *object;
	uint16_t seq;
	int r;

	if (fd_statx(fd, &before) < 0 || before.stx_size > size_limit(server, inode) ||
		!is_quiet(server, &before))
		return;
	if (!may_fill(server, inode, fd, &seq))
		return;
	if (reading_begin(server, &reading, fd) < 0)
		return;
	r = cache_fill(server->cache, &reading.source, copy_id(inode, &before), before.stx_size, &object);
	reading_end(&reading);
	if (r < 0)
		return;
	set_stamp(object, &before);
	if (fd_statx(fd, &after) == 0 && stamp_of(&after) == object->stamp &&
		attach(server, inode, object, seq)) {
		cache_publish(server->cache, object);
		tree_lock_inode(server->tree, inode);
		if (inode->object == object)
			keep(server, inode, object);
		tree_unlock_inode(server->tree, inode);
		/* one copy in memory is enough */
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	} else {
		stats_add(&server->stats, STATS_FILL_RACES, 1);
		cache_drop(server->cache, object);
	}
}

void copy_fill(gpointer data, gpointer user_data)
{
	struct inode *inode = data;
	struct server *server = user_data;
	int fd = open_source(server, inode);

	if (fd >= 0) {
		fill(server, inode, fd);
		close(fd);
	}
	tree_lock_inode(server->tree, inode);
	inode->filling = false;
	tree_unlock_inode(server->tree, inode);
	tree_put(server->tree, inode, 1);
}
