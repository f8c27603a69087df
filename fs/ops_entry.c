/* Names: lookup, rename and removal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/policy/readdirplus.h"
#include "cache/trail/trail.h"
#include "fs/copy.h"
#include "fs/dir_cache.h"
#include "fs/durable.h"
#include "fs/flush.h"
#include "fs/op.h"
#include "fs/ops.h"
#include "fs/pinned.h"
#include "fs/users/space.h"

#define FORGET_REST_US 250 /* not longer: until its FORGET a removed file keeps its space */

/* How long the kernel may cache that the name does not exist. */
static double negative_timeout_s(struct server *server, const struct inode *dir, const char *name)
{
	double timeout_s = server->live.negative_timeout_s;

	if (inode_is(dir, INODE_LOCKS_INSIDE))
		return 0;
	if (timeout_s != OPTION_WORD_SECONDS)
		return timeout_s;
	if (tree_is_local(dir) && missing_again(&server->missing, dir->nodeid, name, clock_coarse_ms()))
		return MISSING_MS / 1000.0;
	return 0;
}

/* A process that looks up the names that it has listed wants attributes with them: see
 * cache/policy/readdirplus.h and listed.h. */
static void note_asked(fuse_req_t req, struct inode *dir, const struct inode *inode)
{
	struct server *server = server_of(req);

	if (!dir || inode->type == DT_DIR)
		return;
	if (tree_is_local(dir)) {
		dir_cache_asked(req, dir);
		return;
	}
	lock_take(&server->listing_lock, LOCK_LISTING);
	readdirplus_asked(&server->readdirplus, (uint32_t)fuse_req_ctx(req)->pid, dir->nodeid);
	lock_drop(&server->listing_lock, LOCK_LISTING);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *server = server_of(req);
	struct inode *dir = NULL, *inode;
	struct statx stx;
	int r;

	if (strcmp(name, ".") == 0) {
		/* NFS: by a nodeid that the kernel may have forgotten */
		r = tree_lookup_nodeid(server->tree, parent, &inode, &stx);
	} else {
		dir = op_inode(req, parent);
		if (!dir)
			return;
		if (estale_walks_again(&server->estale, fuse_req_ctx(req)->pid, clock_coarse_ms()))
			tree_renew_name(server->tree, dir, name);
		r = tree_lookup(server->tree, dir, name, &inode, &stx);
	}
	if (r == 0) {
		note_asked(req, dir, inode);
		op_reply_entry(req, dir, inode, &stx);
	} else if (r == -ENOENT) {
		answer_missing(req, dir ? negative_timeout_s(server, dir, name) : 0);
	} else {
		op_reply(req, r);
	}
}

static void forget(struct server *server, fuse_ino_t ino, uint64_t count)
{
	struct inode *inode = tree_find(server->tree, ino);

	if (!inode || inode == tree_root(server->tree))
		return;
	tree_hold(server->tree, inode);
	tree_put(server->tree, inode, count);
	if (server->pins)
		pinned_forgotten(server, inode);
	else
		copy_forgotten(server, inode);
	tree_put(server->tree, inode, 1);
}

/*
 * Over io_uring only FORGET still comes from /dev/fuse, to a thread that the kernel wakes on another CPU: for
 * each file that a program removes, if the thread waits by then. While it rests, they gather, and it gets
 * them all at once.
 */
static void gather_forgets(const struct server *server)
{
	if (server->uring)
		usleep(FORGET_REST_US);
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	struct server *server = server_of(req);

	forget(server, ino, count);
	fuse_reply_none(req);
	gather_forgets(server);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct server *server = server_of(req);

	for (size_t i = 0; i < count; i++)
		forget(server, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
	gather_forgets(server);
}

/* Tells the cache, the flusher and the trail that a name was removed. Pages of a file without a name need no
 * more care. */
static void stop_steering(struct server *server, const struct tree_leaving *leaving)
{
	if (leaving->inode && !server->pins)
		copy_attributes_changed(server, leaving->inode);
	flush_removed(server, leaving);
	if (leaving->inode && leaving->last)
		trail_removed(server->trail, leaving->inode->nodeid);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
	struct server *server = server_of(req);
	struct inode *dir = op_inode(req, parent);
	struct tree_leaving leaving;
	int fd, r;

	if (!dir)
		return;
	tree_before_unlink(server->tree, dir, name, &leaving);
	fd = tree_fd_get(server->tree, dir);
	r = fd;
	if (fd >= 0) {
		r = unlinkat(fd, name, flags) < 0 ? -errno : 0;
		tree_fd_put(server->tree, dir);
	}
	if (r == 0)
		pin_list_left(server, &leaving, NULL, NULL);
	if (r == 0 && leaving.last)
		pinned_dismiss(server, leaving.inode);
	if (r == 0)
		stop_steering(server, &leaving);
	tree_after_unlink(server->tree, &leaving, r == 0);
	op_reply(req, r == 0 ? durable_names(server, dir) : r);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, 0);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, AT_REMOVEDIR);
}

static int rename_at(fuse_req_t req, struct inode *dir, const char *name, struct inode *new_dir,
	const char *new_name, unsigned flags)
{
	struct server *server = server_of(req);
	int from, to, r;
	bool as_user;

	from = tree_fd_get(server->tree, dir);
	if (from < 0)
		return from;
	to = tree_fd_get(server->tree, new_dir);
	r = to;
	if (to >= 0) {
		as_user = space_begin(tree_space(new_dir), fuse_req_ctx(req)->uid, to, SPACE_OF_NAME);
		r = renameat2(from, name, to, new_name, flags) < 0 ? -errno : 0;
		space_end(as_user);
		tree_fd_put(server->tree, new_dir);
	}
	tree_fd_put(server->tree, dir);
	return r;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags)
{
	struct server *server = server_of(req);
	struct inode *dir = op_inode(req, parent), *new_dir;
	struct tree_leaving leaving = {0};
	int r;

	if (!dir)
		return;
	new_dir = op_inode(req, new_parent);
	if (!new_dir)
		return;
	if (!(flags & (RENAME_NOREPLACE | RENAME_EXCHANGE)))
		tree_before_unlink(server->tree, new_dir, new_name, &leaving);
	r = rename_at(req, dir, name, new_dir, new_name, flags);
	if (r == 0 && leaving.inode) {
		pin_list_left(server, &leaving, new_dir, new_name);
		pinned_replaced(server, &leaving, new_dir, new_name);
	}
	if (r == 0)
		stop_steering(server, &leaving);
	tree_after_unlink(server->tree, &leaving, r == 0);
	if (r == 0) {
		pin_list_renamed(server);
		tree_note_name(server->tree, new_dir, new_name);
		if (flags & RENAME_EXCHANGE)
			tree_note_name(server->tree, dir, name);
		r = durable_names(server, new_dir);
		if (r == 0 && new_dir != dir)
			r = durable_names(server, dir);
	}
	op_reply(req, r);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct server *server = server_of(req);
	struct inode *inode = op_inode(req, ino);
	char target[PATH_MAX + 1];
	ssize_t n;

	if (!inode)
		return;
	n = tree_readlink(server->tree, inode, target, sizeof(target) - 1);
	if (n < 0) {
		op_reply(req, (int)n);
		return;
	}
	target[n] = '\0';
	answer_readlink(req, target);
}
