/* Opening, creating and closing files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/trail/trail.h"
#include "fs/copy.h"
#include "fs/durable.h"
#include "fs/io.h"
#include "fs/lane.h"
#include "fs/op.h"
#include "fs/op_rights.h"
#include "fs/op_work.h"
#include "fs/ops.h"
#include "fs/throttle.h"
#include "fs/unmake.h"
#include "fs/users/creds.h"

/* The caller's flags with which the daemon opens the backing file. O_APPEND is not among them, since each
 * write carries its offset. */
#define DAEMON_FLAGS (O_ACCMODE | O_SYNC | O_DSYNC | O_NOATIME)
#define HANDLE_FLAGS (DAEMON_FLAGS | O_APPEND)
#define CREATE_FLAGS (DAEMON_FLAGS & ~O_NOATIME)

#define RELEASE_TRIES 400
#define RELEASE_STEP_US 250

/*
 * The kernel sends an open that truncates the file before it checks whether a program runs from it, unless
 * the file is opened for writing.
 */
static bool would_empty_a_program(struct server *server, const struct inode *inode, int flags)
{
	const int access = flags & O_ACCMODE;

	return (flags & O_TRUNC) && access != O_WRONLY && access != O_RDWR &&
	       handle_is_executed(server, inode);
}

/* 0 or -ETXTBSY. Don't call this in a queue thread: the file of a program that has ended is released a moment
 * later, by a request that a queue thread receives. */
static int await_end_of_program(struct server *server, const struct inode *inode, int flags)
{
	for (int tries = 0; would_empty_a_program(server, inode, flags); tries++) {
		if (tries == RELEASE_TRIES)
			return -ETXTBSY;
		g_usleep(RELEASE_STEP_US);
	}
	return 0;
}

static int truncate_on_open(fuse_req_t req, struct inode *inode, struct fuse_file_info *info, int *fd)
{
	struct server *server = server_of(req);
	/* without O_DIRECT in SOURCE the kernel's open of the backing file will fail: so must this one */
	int direct = server->passthrough ? info->flags & O_DIRECT : 0;
	struct creds_bits bits;
	struct object *copy;
	bool fresh = false;
	int r;

	copy = copy_change_begin(server, inode, &fresh);
	op_bits(req, inode, info->kill_suidgid ? OP_KILL_BITS : OP_KEEP_BITS, &bits);
	creds_bits_begin(&bits);
	*fd = tree_open(server->tree, inode, (info->flags & DAEMON_FLAGS) | direct | O_TRUNC);
	creds_bits_end(&bits);
	if (*fd >= 0 && direct)
		fcntl(*fd, F_SETFL, fcntl(*fd, F_GETFL) & ~O_DIRECT);
	r = *fd < 0 ? *fd : 0;
	if (r == 0 && copy)
		cache_truncate(server->cache, copy, 0);
	if (r == 0)
		trail_truncated(server->trail, inode->nodeid, 0);
	copy_change_end(server, inode, copy, fresh);
	return r == 0 ? durable_bytes(server, *fd) : r;
}

/* Attributes that the kernel has cached before would hide that a mapping changes the file's times. Only
 * attributes are invalidated, for which the kernel takes no lock that this request could hold. */
static void forget_attributes(struct server *server, const struct inode *inode, const struct handle *handle)
{
	if (inode_is(inode, INODE_MAPPABLE) && handle->lane != LANE_SERVED)
		fuse_lowlevel_notify_inval_inode(server->session, inode->nodeid, -1, 0);
}

/* --- the answer ------------------------------------------------------------------------------- */

struct opened {
	struct throttled throttled; /* used if the reply has to wait */
	fuse_req_t req;
	struct fuse_file_info info; /* with the handle */
};

static void answer_now(struct server *server, const struct opened *opened)
{
	observe_opened(server, handle_of(&opened->info));
	if (answer_open(opened->req, &opened->info) < 0)
		lane_release(server, handle_of(&opened->info));
}

static void answer_late(struct throttled *throttled)
{
	struct opened *opened = (struct opened *)throttled;

	answer_now(server_of(opened->req), opened);
	free(opened);
}

/* With dirty_max an open for writing waits, since the daemon may not see the writes that follow. A create
 * waits at its close instead: the kernel holds the directory's lock during a create, which other programs
 * need. */
static void answer_opened(struct server *server, const struct opened *opened)
{
	struct handle *handle = handle_of(&opened->info);
	bool waits = handle_may_write(handle) && throttle_is_due(server, handle->inode);
	struct opened *late = waits ? malloc(sizeof(*late)) : NULL;

	if (!late) {
		answer_now(server, opened);
		return;
	}
	*late = *opened;
	late->throttled = (struct throttled){.req = late->req, .inode = handle->inode, .answer = answer_late};
	if (server->uring)
		io_hold_thread(server);
	throttle_answer(server->throttle, &late->throttled);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void open_now(fuse_req_t req, struct inode *inode, struct fuse_file_info *info);

static void open_again(struct op_again *again)
{
	struct inode *inode = op_inode(again->work.req, again->ino);
	int r;

	if (!inode)
		return;
	r = await_end_of_program(server_of(again->work.req), inode, again->info.flags);
	if (r < 0)
		op_reply(again->work.req, r);
	else
		open_now(again->work.req, inode, &again->info);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct inode *inode = op_inode(req, ino);

	if (!inode)
		return;
	if (would_empty_a_program(server_of(req), inode, info->flags))
		op_retry_after_lease(req, &(struct op_again){.run = open_again, .ino = ino, .info = *info});
	else
		open_now(req, inode, info);
}

/* Truncates the file if the flags say so. Gets what lane_open() needs first: an open that fails must not have
 * truncated the file. */
static int open_lane(fuse_req_t req, struct inode *inode, struct fuse_file_info *info, struct handle **handle)
{
	struct server *server = server_of(req);
	bool truncates = info->flags & O_TRUNC;
	int fd = -1, r = truncates ? tree_fd_get(server->tree, inode) : 0;

	if (r < 0)
		return r;
	r = truncates ? truncate_on_open(req, inode, info, &fd) : 0;
	if (r >= 0)
		r = lane_open(
			server, inode, fuse_req_ctx(req), info->flags & HANDLE_FLAGS, fd, NULL, info, handle);
	else if (fd >= 0)
		close(fd);
	if (truncates)
		tree_fd_put(server->tree, inode);
	return r;
}

static void open_now(fuse_req_t req, struct inode *inode, struct fuse_file_info *info)
{
	struct server *server = server_of(req);
	const struct op_again again = {.run = open_again, .ino = inode->nodeid, .info = *info};
	struct handle *handle;
	int r = open_lane(req, inode, info, &handle);

	if (r < 0) {
		if (r == -EAGAIN && !(info->flags & O_NONBLOCK))
			op_retry_after_lease(req, &again);
		else
			op_reply(req, r);
		return;
	}
	info->fh = (uintptr_t)handle;
	forget_attributes(server, inode, handle);
	answer_opened(server, &(struct opened){.req = req, .info = *info});
}

/* dir_fd: a descriptor of dir. */
static int open_new(fuse_req_t req, struct inode *dir, int dir_fd, const char *name, mode_t mode, int flags)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct server *server = server_of(req);
	int fd, r = creds_enter(ctx->uid, ctx->gid, ctx->umask, mode);

	fd = r < 0 ? r : tree_openat(server->tree, dir_fd, name, flags | O_NOFOLLOW, mode);
	creds_leave(ctx->uid, ctx->gid, mode);
	r = fd >= 0 && flags & O_CREAT ? durable_names(server, dir) : 0;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* fd: the new file, opened through the original mount. If reads must not change access times, the kernel
 * needs a descriptor from a mount with noatime instead. Returns the descriptor to use. */
static int with_its_times(struct server *server, struct inode *inode, int fd, int flags)
{
	bool quiet = tree_leaves_times(server->tree);
	int again;

	if (!quiet && !(flags & O_NOATIME))
		return fd;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NOATIME);
	if (!quiet || !server->passthrough)
		return fd;
	again = tree_open(server->tree, inode, flags & HANDLE_FLAGS & ~O_APPEND);
	if (again < 0)
		return fd;
	close(fd);
	return again;
}

/* A file that a request has created. */
struct made {
	struct inode *inode;
	struct handle *handle;
	struct statx stx;
};

/* Takes over fd, the new file. */
static int open_made(fuse_req_t req, struct inode *dir, const char *name, int fd, struct fuse_file_info *info,
	struct made *made)
{
	struct server *server = server_of(req);
	int r = tree_adopt(server->tree, fd, dir, name, &made->inode, &made->stx);

	if (r < 0) {
		close(fd);
		return r;
	}
	if (!name)
		tree_keep(server->tree, made->inode, fd);
	fd = with_its_times(server, made->inode, fd, info->flags);
	r = lane_open(server, made->inode, fuse_req_ctx(req), info->flags & HANDLE_FLAGS, fd, &made->stx,
		info, &made->handle);
	if (r < 0)
		tree_put(server->tree, made->inode, 1);
	else if (name && made->handle->fd >= 0)
		made->handle->lent = tree_fd_lend(server->tree, made->inode, made->handle->fd);
	return r;
}

static void reply_create(
	fuse_req_t req, const struct inode *dir, const struct made *made, struct fuse_file_info *info)
{
	struct server *server = server_of(req);
	struct fuse_entry_param entry;

	info->fh = (uintptr_t)made->handle;
	op_fill_entry(server, dir, made->inode, &made->stx, &entry);
	observe_opened(server, made->handle);
	if (answer_create(req, &entry, info) < 0) {
		lane_release(server, made->handle);
		tree_put(server->tree, made->inode, 1);
	}
}

/* dir_fd: a descriptor of dir. A create that fails leaves no file. */
static int create_in(fuse_req_t req, struct inode *dir, int dir_fd, const char *name, mode_t mode,
	struct fuse_file_info *info, struct made *made)
{
	int fd, r;

	/*
	 * O_EXCL always: the kernel has checked the right to create, not the right to open a file that was
	 * created meanwhile. ESTALE makes the kernel look the name up again and open that file.
	 */
	fd = open_new(req, dir, dir_fd, name, mode, (info->flags & CREATE_FLAGS) | O_CREAT | O_EXCL);
	if (fd == -EEXIST && !(info->flags & O_EXCL))
		return -ESTALE;
	if (fd < 0)
		return fd;
	r = open_made(req, dir, name, fd, info, made);
	if (r < 0)
		unmake_file(dir_fd, name, &made->stx);
	return r;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info)
{
	struct tree *tree = server_of(req)->tree;
	struct inode *dir = op_inode(req, parent);
	struct made made = {0};
	int dir_fd, r;

	if (!dir)
		return;
	dir_fd = tree_fd_get(tree, dir);
	r = dir_fd;
	if (dir_fd >= 0) {
		r = create_in(req, dir, dir_fd, name, mode, info, &made);
		tree_fd_put(tree, dir);
	}
	if (r < 0)
		op_reply(req, r);
	else
		reply_create(req, dir, &made, info);
}

void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *info)
{
	struct tree *tree = server_of(req)->tree;
	struct inode *dir = op_inode(req, parent);
	struct made made = {0};
	int dir_fd, fd, r;

	if (!dir)
		return;
	dir_fd = tree_fd_get(tree, dir);
	r = dir_fd;
	if (dir_fd >= 0) {
		fd = open_new(
			req, dir, dir_fd, ".", mode, (info->flags & (CREATE_FLAGS | O_EXCL)) | O_TMPFILE);
		tree_fd_put(tree, dir);
		r = fd < 0 ? fd : open_made(req, NULL, NULL, fd, info, &made);
	}
	if (r < 0)
		op_reply(req, r);
	else
		reply_create(req, NULL, &made, info);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	lane_release(server_of(req), handle_of(info));
	op_reply(req, 0);
}
