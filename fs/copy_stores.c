/* Writes to the file what shared mappings store into its copy. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "cache/store/store_copy.h"
#include "fs/copy_impl.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

#define SYNC_STEP (64 * 1024)
#define SYNC_PAGE 4096

static int write_page(int fd, const char *page, size_t size, off_t offset)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = pwrite(fd, page + done, size - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Writes the pages of `ours` that differ from `theirs`. Goes on after an error and returns the first one. */
static int write_differences(int fd, const char *ours, const char *theirs, size_t size, off_t offset)
{
	int r = 0;

	for (size_t at = 0; at < size; at += SYNC_PAGE) {
		size_t n = MIN(SYNC_PAGE, size - at);
		int failed = 0;

		if (memcmp(ours + at, theirs + at, n) != 0)
			failed = write_page(fd, ours + at, n, offset + (off_t)at);
		r = r < 0 ? r : failed;
	}
	return r;
}

static int write_back(struct server *server, struct object *object, int fd)
{
	char *ours = malloc(2 * SYNC_STEP), *theirs = ours + SYNC_STEP;
	ssize_t n = SYNC_STEP, m = SYNC_STEP;
	off_t offset = 0;
	int r = ours ? 0 : -ENOMEM;

	while (ours && n == SYNC_STEP && m == n) {
		int failed;

		n = cache_read(server->cache, object, ours, SYNC_STEP, (uint64_t)offset);
		m = n > 0 ? pread(fd, theirs, (size_t)n, offset) : 0;
		if (n < 0 || m < 0)
			failed = n < 0 ? (int)n : -errno;
		else
			failed = write_differences(fd, ours, theirs, (size_t)MIN(n, m), offset);
		r = r < 0 ? r : failed;
		offset += SYNC_STEP;
	}
	free(ours);
	return r;
}

/* The error is a state, not an event: the copy keeps what could not be written, and each attempt sets it. */
static int note_attempt(struct server *server, struct object *object, int r)
{
	if (r == -EAGAIN) /* not yet: a process has a lease on the file in SOURCE */
		return r;
	object->sync_error = (int16_t)r;
	if (r < 0) {
		object->sync_seq++;
		stats_count(&server->stats.mount.writeback_failures, 1);
	}
	return r;
}

bool copy_is_ahead(struct server *server, struct inode *inode)
{
	return inode->object && inode->object->ahead && inode->binding != BOUND_BACKING &&
	       copy_is_whole(server, inode);
}

int copy_sync_if_ahead(struct server *server, struct inode *inode, struct object *object)
{
	bool as_user;
	int fd, r;

	/* a copy that is stale, or to which the inode was not bound meanwhile, must not overwrite newer
	 * contents */
	if (!copy_is_ahead(server, inode))
		return 0;
	fd = tree_open(server->tree, inode, O_RDWR | O_NOATIME);
	if (fd < 0)
		return note_attempt(server, object, fd);
	/* the user who stored is not known: takes no space reserved for root */
	as_user = space_begin(tree_space(inode), CREDS_NOBODY, fd, object->entry.size);
	r = write_back(server, object, fd);
	space_end(as_user);
	close(fd);
	/* even if some pages could not be written: where file and copy differ, the copy counts */
	copy_restamp(server, inode, object, true, false);
	return note_attempt(server, object, r);
}

/* A program that has the file open for writing may be about to map it, before the kernel has opened the copy
 * for that. */
static bool may_be_stored_into(struct server *server, const struct inode *inode, const struct object *object)
{
	return object->ahead && ((inode->binding == BOUND_STORE && inode->writer_count) ||
					store_copy_is_written(cache_store(server->cache), &object->place));
}

int copy_settle_stores(struct server *server, struct inode *inode, struct object *object)
{
	/* checked before the copy is compared: the last store may come just before a mapping's end */
	bool written = may_be_stored_into(server, inode, object);
	int r = copy_sync_if_ahead(server, inode, object);

	object->ahead = object->ahead && (written || r < 0);
	return r;
}

int copy_sync_mapping(struct server *server, struct inode *inode, struct object *object, uint16_t *told)
{
	int r;

	tree_lock_inode(server->tree, inode);
	r = copy_sync_if_ahead(server, inode, object);
	/* the error of an earlier attempt, whose stores are lost */
	if (r == 0 && object->sync_error && told && *told != object->sync_seq)
		r = object->sync_error;
	if (told)
		*told = object->sync_seq;
	tree_unlock_inode(server->tree, inode);
	return r;
}

int copy_before_reading(struct server *server, struct inode *inode)
{
	int r = 0;

	if (server->pins || !inode->object)
		return 0;
	tree_lock_inode(server->tree, inode);
	/* such an object is watched, and so held */
	if (inode->object && inode->object->ahead)
		r = copy_settle_stores(server, inode, inode->object);
	tree_unlock_inode(server->tree, inode);
	return r;
}

int copy_expect_stores(struct server *server, struct object *object)
{
	int r = cache_watch(server->cache, object, CACHE_WRITTEN);

	if (r == 0)
		object->ahead = true;
	return r;
}

/* --- once a second ----------------------------------------------------------------------------- */

/* Call without the inode's lock: without handles, finding the path takes it. */
static void log_state(struct server *server, struct inode *inode, int error)
{
	char path[PATH_MAX];

	cached_path(server, inode, path);
	if (error)
		log_warning("cannot write to SOURCE what a mapping stored: %s; retried every second: %s",
			g_strerror(-error), path);
	else
		log_info("what mappings store is written to SOURCE again: %s", path);
}

static enum cache_mapping watch_locked(struct server *server, struct inode *inode, struct object *object)
{
	copy_settle_stores(server, inode, object);
	if (object->ahead)
		return CACHE_WRITTEN;
	if (inode->binding == BOUND_STORE || copy_is_mapped(server, object))
		return CACHE_MAPPED;
	return copy_is_unwanted(server, inode, object) ? CACHE_UNWANTED : CACHE_UNMAPPED;
}

enum cache_mapping copy_watch(void *ctx, struct object *object)
{
	struct server *server = ctx;
	struct inode *inode = object->owner;
	enum cache_mapping answer;
	int error;
	bool news;

	tree_lock_inode(server->tree, inode);
	answer = watch_locked(server, inode, object);
	error = object->sync_error;
	news = error != object->sync_said;
	object->sync_said = (int16_t)error;
	tree_unlock_inode(server->tree, inode);
	if (news)
		log_state(server, inode, error);
	return answer;
}
