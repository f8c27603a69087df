/* Makes copies and refreshes them. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "backends/backend.h"
#include "backends/stamp.h"
#include "cache/base/log.h"
#include "fs/copy_impl.h"
#include "fs/sync_io.h"

/* A file that is being copied. */
struct reading {
	struct store_source source;
	struct backend_file *file;
};

static ssize_t read_source(void *ctx, void *buf, size_t size, uint64_t offset)
{
	struct reading *reading = ctx;

	return sync_read(reading->file, buf, size, (off_t)offset);
}

static int reading_begin(struct server *server, struct reading *reading, int fd)
{
	const struct backend_open how = {.fd = fd, .flags = BACKEND_BUFFERED};

	reading->source = (struct store_source){.read = read_source, .ctx = reading};
	return backend_open(server->backend, &how, &reading->file);
}

static void reading_end(struct reading *reading)
{
	backend_close(reading->file);
}

/*
 * Not through the engine: a queue thread of libfuse holds its ring's lock while it opens a file, and the
 * engine's thread may be waiting for that lock to send another reply.
 */
static ssize_t read_descriptor(void *ctx, void *buf, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pread((int)(intptr_t)ctx, buf, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int copy_refresh_from(struct server *server, struct inode *inode, struct object *object, int fd)
{
	struct statx before = {0}, after = {0};
	const struct store_source source = {.read = read_descriptor, .ctx = (void *)(intptr_t)fd};
	int r;

	for (int tries = 0; tries < 3; tries++) {
		r = cached_fd_statx_now(fd, &before);
		if (r == 0)
			r = cache_refresh(server->cache, object, &source, before.stx_size);
		if (r == 0)
			r = cached_fd_statx_now(fd, &after);
		if (r < 0 || cached_stamp_of(&before) == cached_stamp_of(&after))
			break;
	}
	if (r < 0)
		return r;
	copy_set_stamp(object, &after);
	if (!copy_stamp_is_unique(server, inode, &after))
		object->stamp = 0; /* the version is not settled: the next open checks it */
	return 0;
}

/* --- filling ------------------------------------------------------------------------------------ */

static bool may_fill(struct server *server, struct inode *inode, int fd, uint64_t size, uint16_t *seq)
{
	bool may;

	tree_lock_inode(server->tree, inode);
	*seq = inode->change_seq;
	may = size <= cached_size_limit(server, inode) && !inode->object && !inode->writer_count &&
	      !(inode_is(inode, INODE_MAPPABLE) && tree_hides_mappings(inode)) && !stamp_file_is_written(fd);
	tree_unlock_inode(server->tree, inode);
	return may;
}

/* Attaches the finished copy to the inode, unless the file was changed meanwhile. */
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

/* The object is attached and claimed. */
static int publish(struct server *server, struct inode *inode, struct object *object, int fd)
{
	int r = cache_publish(server->cache, object);

	tree_lock_inode(server->tree, inode);
	if (r < 0)
		inode->object = NULL;
	else if (inode->object == object)
		cached_keep(server, inode, object);
	tree_unlock_inode(server->tree, inode);
	if (r < 0) {
		cache_drop(server->cache, object);
		tree_put(server->tree, inode, 1);
	} else {
		/* the file's own pages are not needed beside the copy */
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	return r;
}

/* fd: the file; before: its attributes before source was read. 0, also if no copy is made, or -errno. */
static int fill(struct server *server, struct inode *inode, int fd, const struct statx *before,
	struct store_source *source)
{
	struct object *object;
	struct statx after;
	uint16_t seq;
	int r;

	if (!copy_is_quiet(server, before) || !may_fill(server, inode, fd, before->stx_size, &seq))
		return 0;
	if (!memory_floor_allows(&server->memory_floor, before->stx_size)) {
		stats_count(&server->stats.mount.short_memory, 1);
		return 0;
	}
	source->name = inode->nodeid;
	r = cache_fill(server->cache, source, copy_id(inode, before), before->stx_size, &object);
	if (r < 0)
		return r;
	copy_set_stamp(object, before);
	if (cached_fd_statx_now(fd, &after) == 0 && cached_stamp_of(&after) == object->stamp &&
		attach(server, inode, object, seq))
		return publish(server, inode, object, fd);
	cache_drop(server->cache, object);
	return -ESTALE;
}

/* open_fd: the file of an open that waited for this; -1: none. */
static void filled(struct server *server, struct inode *inode, int open_fd, int error)
{
	if (error < 0)
		cached_note_failure(server, inode, error);
	tree_lock_inode(server->tree, inode);
	inode->filling = false;
	if (open_fd >= 0 && inode->lingers && inode->object)
		inode->lingers =
			stamp_file_is_open(open_fd); /* else the open would need one more descriptor */
	tree_unlock_inode(server->tree, inode);
}

static int fill_by_engine(struct server *server, struct inode *inode, int fd)
{
	struct reading reading;
	struct statx before;
	int r = cached_fd_statx_now(fd, &before);

	if (r < 0)
		return r;
	r = reading_begin(server, &reading, fd);
	if (r < 0)
		return r;
	r = fill(server, inode, fd, &before, &reading.source);
	reading_end(&reading);
	return r;
}

void copy_fill(gpointer data, gpointer user_data)
{
	struct inode *inode = data;
	struct server *server = user_data;
	int fd = cached_open_source(server, inode), r = fd;

	if (fd >= 0) {
		r = fill_by_engine(server, inode, fd);
		close(fd);
	}
	filled(server, inode, -1, r);
	tree_put(server->tree, inode, 1);
}

void copy_fill_at_open(struct server *server, struct inode *inode, int fd, const struct statx *before)
{
	struct store_source source = {.read = read_descriptor, .ctx = (void *)(intptr_t)fd};

	filled(server, inode, fd, fd < 0 ? fd : fill(server, inode, fd, before, &source));
}
