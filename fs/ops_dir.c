/* Directories. Offsets are those of the backing file system, which stay valid while the directory changes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/policy/readdirplus.h"
#include "fs/control/control.h"
#include "fs/dir.h"
#include "fs/dir_cache.h"
#include "fs/op.h"
#include "fs/op_work.h"
#include "fs/ops.h"
#include "fs/options/generic_options.h"

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct server *server = server_of(req);
	struct inode *inode = op_inode(req, ino);
	int quiet = server->options.generic_flags & GENERIC_NODIRATIME ? O_NOATIME : 0, fd;
	struct dir *dir;

	if (!inode)
		return;
	fd = tree_open(server->tree, inode, O_RDONLY | O_DIRECTORY | quiet);
	if (fd < 0) {
		op_reply(req, fd);
		return;
	}
	dir = dir_new(fd);
	if (!dir) {
		op_reply(req, -ENOMEM);
		return;
	}
	info->fh = (uintptr_t)dir;
	dir_cache_opened(req, inode, fd, info);
	dir->caches = info->cache_readdir;
	if (answer_open(req, info) < 0)
		dir_free(dir);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	dir_free(dir_of(info));
	op_reply(req, 0);
}

struct dir_sync {
	struct op_work work;
	int fd;
	bool data_only;
};

static void fsyncdir_run(struct op_work *op)
{
	struct dir_sync *sync = (struct dir_sync *)op;
	int r = sync->data_only ? fdatasync(sync->fd) : fsync(sync->fd);

	op_reply(op->req, r < 0 ? -errno : 0);
	free(sync);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info)
{
	struct dir_sync *sync = malloc(sizeof(*sync));

	if (!sync) {
		op_reply(req, -ENOMEM);
		return;
	}
	*sync = (struct dir_sync){
		.work = {.run = fsyncdir_run, .req = req}, .fd = dir_of(info)->fd, .data_only = datasync};
	op_work_run(&sync->work);
}

struct listing {
	fuse_req_t req;
	struct server *server;
	struct inode *inode;
	char *out;
	size_t size, used;
	bool plus;
	struct readdirplus_list look; /* plus: whether names are looked up */
};

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int look_up(struct listing *l, const char *name, struct fuse_entry_param *entry)
{
	bool timed = !tree_is_local(l->inode);
	int64_t start_ns = timed ? clock_now_ns() : 0;
	struct inode *child = NULL;
	struct statx stx;
	int r = tree_lookup(l->server->tree, l->inode, name, &child, &stx);

	if (timed)
		readdirplus_took(&l->look, clock_now_ns() - start_ns);
	if (r == 0)
		op_fill_entry(l->server, l->inode, child, &stx, entry);
	return r;
}

/*
 * Adds one entry. Returns the bytes it takes, more than the room left if it was not added; 0 when it is gone.
 * A name that is not looked up, or whose lookup fails otherwise, is listed without an inode (node 0): the
 * program's own lookup gets it, or the error.
 */
static size_t add_entry(struct listing *l, const struct dirent64 *d)
{
	size_t room = l->size - l->used;
	struct fuse_entry_param entry = {0};

	if (l->inode == tree_root(l->server->tree) && strcmp(d->d_name, CONTROL_NAME) == 0)
		return 0; /* SOURCE's own: in the mount it is the control file's, see fs/ops_control.c */
	entry.attr.st_ino = tree_ino(l->inode, d->d_ino);
	entry.attr.st_mode = DTTOIF(d->d_type);
	if (!l->plus)
		return fuse_add_direntry(l->req, l->out + l->used, room, d->d_name, &entry.attr, d->d_off);
	if (fuse_add_direntry_plus(l->req, NULL, 0, d->d_name, &entry, d->d_off) > room)
		return room + 1;
	if (!is_dot(d->d_name)) {
		if (!l->look.looks_up) {
			l->look.bare += d->d_type != DT_DIR;
		} else if (look_up(l, d->d_name, &entry) == -ENOENT) {
			dir_cache_incomplete(l->inode);
			return 0;
		}
	}
	return fuse_add_direntry_plus(l->req, l->out + l->used, room, d->d_name, &entry, d->d_off);
}

/* For a list that the kernel did not accept: puts the references that the kernel would have got. */
static void put_entries(const struct listing *l)
{
	const struct fuse_direntplus *entry;

	for (size_t at = 0; l->plus && at < l->used; at += FUSE_DIRENTPLUS_SIZE(entry)) {
		struct inode *inode;

		entry = (const struct fuse_direntplus *)(l->out + at);
		inode = tree_find(l->server->tree, entry->entry_out.nodeid); /* 0: there is none */
		if (inode)
			tree_put(l->server->tree, inode, 1);
	}
}

static int list_locked(struct listing *l, struct dir *dir, off_t offset)
{
	struct dirent64 *d = NULL;
	int r = dir_seek(dir, offset);

	if (dir->ended) {
		dir->ended = false; /* a program that reads on may find new names */
		return 0;
	}
	while (r == 0 && (d = dir_peek(dir, &r))) {
		size_t n = add_entry(l, d);

		if (n > l->size - l->used)
			break;
		l->used += n;
		dir->at += d->d_reclen;
		dir->next = d->d_off;
	}
	/* the kernel asks once more after the last name, which a file system that is not local may answer
	 * slowly */
	dir->ended = r == 0 && !d && l->used > 0 && !tree_is_local(l->inode);
	return l->used ? 0 : r;
}

/* On a local file system a lookup here costs less than a further request of the kernel's. */
static void begin_plus(struct listing *l, off_t offset)
{
	struct server *server = l->server;

	l->look.looks_up = true;
	if (tree_is_local(l->inode))
		return;
	lock_take(&server->listing_lock, LOCK_LISTING);
	readdirplus_begin(&server->readdirplus, &l->look, (uint32_t)fuse_req_ctx(l->req)->pid, offset == 0,
		clock_coarse_ms());
	lock_drop(&server->listing_lock, LOCK_LISTING);
}

static void end_plus(const struct listing *l)
{
	struct server *server = l->server;

	if (tree_is_local(l->inode))
		return;
	lock_take(&server->listing_lock, LOCK_LISTING);
	readdirplus_end(&server->readdirplus, &l->look, (uint32_t)fuse_req_ctx(l->req)->pid, l->inode->nodeid,
		clock_coarse_ms());
	lock_drop(&server->listing_lock, LOCK_LISTING);
}

static void list(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info, bool plus)
{
	struct dir *dir = dir_of(info);
	struct listing l = {.req = req,
		.server = server_of(req),
		.inode = op_inode(req, ino),
		.size = size,
		.plus = plus};
	int r;

	if (!l.inode)
		return;
	l.out = malloc(size);
	if (!l.out) {
		op_reply(req, -ENOMEM);
		return;
	}
	if (plus)
		begin_plus(&l, offset);
	lock_take(&dir->lock, LOCK_DIRECTORY);
	r = list_locked(&l, dir, offset);
	lock_drop(&dir->lock, LOCK_DIRECTORY);
	if (plus)
		end_plus(&l);
	if (offset && l.used > 0 && tree_is_local(l.inode))
		dir_cache_went_on(req, l.inode, plus);
	if (r == 0 && dir->caches)
		dir_cache_listed(l.inode, l.used == 0);
	if (r < 0)
		op_reply(req, r);
	else if (answer_buf(req, l.out, l.used) < 0)
		put_entries(&l);
	free(l.out);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	list(req, ino, size, offset, info, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	list(req, ino, size, offset, info, true);
}
