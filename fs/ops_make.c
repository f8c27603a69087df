/* Making names: directories, special files, symbolic and hard links. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/copy.h"
#include "fs/durable.h"
#include "fs/flush.h"
#include "fs/op.h"
#include "fs/ops.h"
#include "fs/unmake.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

struct making {
	const char *name;
	const char *target; /* of a symbolic link */
	mode_t mode;
	dev_t rdev;
};

static int make_at(int dir, const struct making *what)
{
	if (what->target)
		return symlinkat(what->target, dir, what->name);
	if (S_ISDIR(what->mode))
		return mkdirat(dir, what->name, what->mode & ~S_IFMT);
	return mknodat(dir, what->name, what->mode, what->rdev);
}

static int make_as_caller(fuse_req_t req, int dir, const struct making *what)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	int r = creds_enter(ctx->uid, ctx->gid, ctx->umask, what->mode);

	if (r == 0 && make_at(dir, what) < 0)
		r = -errno;
	creds_leave(ctx->uid, ctx->gid, what->mode);
	return r;
}

/* dir_fd: a descriptor of dir. If the lookup of the new name lacks memory or descriptors, the name is removed
 * again. */
static int make_in(fuse_req_t req, struct inode *dir, int dir_fd, const struct making *what,
	struct inode **inode, struct statx *stx)
{
	struct server *server = server_of(req);
	int r = make_as_caller(req, dir_fd, what);

	if (r == 0)
		r = durable_names(server, dir);
	if (r < 0)
		return r;
	r = tree_lookup(server->tree, dir, what->name, inode, stx);
	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
		unmake_new(dir_fd, what->name, what->mode & S_IFMT, fuse_req_ctx(req)->uid);
	return r;
}

static void make(fuse_req_t req, fuse_ino_t parent, const struct making *what)
{
	struct server *server = server_of(req);
	struct inode *dir = op_inode(req, parent), *inode;
	struct statx stx;
	int dir_fd, r;

	if (!dir)
		return;
	dir_fd = tree_fd_get(server->tree, dir);
	r = dir_fd;
	if (dir_fd >= 0) {
		r = make_in(req, dir, dir_fd, what, &inode, &stx);
		tree_fd_put(server->tree, dir);
	}
	if (r < 0)
		op_reply(req, r);
	else
		op_reply_entry(req, dir, inode, &stx);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	make(req, parent, &(struct making){.name = name, .mode = mode, .rdev = rdev});
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make(req, parent, &(struct making){.name = name, .mode = (mode & ~(mode_t)S_IFMT) | S_IFDIR});
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	make(req, parent, &(struct making){.name = name, .target = target, .mode = S_IFLNK});
}

struct linking {
	struct inode *inode, *dir;
	int fd, dir_fd;
	const char *name;
};

static int link_at(fuse_req_t req, const struct linking *what)
{
	struct server *server = server_of(req);
	bool fresh = copy_attributes_begin(server, what->inode), as_user;
	char path[TREE_PATH_SIZE];
	int r;

	tree_fd_path(what->fd, path);
	as_user = space_begin(tree_space(what->dir), fuse_req_ctx(req)->uid, what->dir_fd, SPACE_OF_NAME);
	r = linkat(AT_FDCWD, path, what->dir_fd, what->name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
	space_end(as_user);
	copy_attributes_end(server, what->inode, fresh && r == 0);
	return r;
}

/* Without a lookup, which could fail for lack of descriptors once the name is made. */
static int link_in(fuse_req_t req, const struct linking *what, struct inode **found, struct statx *stx)
{
	struct server *server = server_of(req);
	int r = link_at(req, what);

	if (r == 0)
		r = durable_names(server, what->dir);
	if (r < 0)
		return r;
	*stx = (struct statx){0};
	r = tree_adopt_link(server->tree, what->inode, what->fd, what->dir, what->name, found, stx);
	if (r < 0)
		unmake_file(what->dir_fd, what->name, stx);
	return r;
}

static int link_to(fuse_req_t req, struct linking *what, struct inode **found, struct statx *stx)
{
	struct tree *tree = server_of(req)->tree;
	int r;

	what->fd = tree_fd_get(tree, what->inode);
	if (what->fd < 0)
		return what->fd;
	what->dir_fd = tree_fd_get(tree, what->dir);
	r = what->dir_fd;
	if (r >= 0) {
		r = link_in(req, what, found, stx);
		tree_fd_put(tree, what->dir);
	}
	tree_fd_put(tree, what->inode);
	return r;
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct linking what = {.inode = op_inode(req, ino), .name = name};
	struct inode *found;
	struct statx stx;
	int r;

	if (!what.inode)
		return;
	what.dir = op_inode(req, parent);
	if (!what.dir)
		return;
	r = link_to(req, &what, &found, &stx);
	if (r < 0) {
		op_reply(req, r);
		return;
	}
	flush_named(server_of(req), what.inode);
	op_reply_entry(req, what.dir, found, &stx);
}
