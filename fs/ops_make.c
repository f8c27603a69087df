/* Making names: directories, special files, symbolic and hard links. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/copy.h"
#include "fs/durable.h"
#include "fs/op.h"
#include "fs/ops.h"
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
	int r = creds_enter(ctx->uid, ctx->gid, ctx->umask);

	if (r == 0 && make_at(dir, what) < 0)
		r = -errno;
	creds_leave(ctx->uid, ctx->gid);
	return r;
}

static void make(fuse_req_t req, fuse_ino_t parent, const struct making *what)
{
	struct server *server = server_of(req);
	struct inode *dir = op_inode(req, parent), *inode;
	struct statx stx;
	int fd, r;

	if (!dir)
		return;
	fd = tree_fd_get(server->tree, dir);
	if (fd < 0) {
		op_reply(req, fd);
		return;
	}
	r = make_as_caller(req, fd, what);
	tree_fd_put(server->tree, dir);
	if (r == 0)
		r = durable_names(server, dir);
	if (r == 0)
		r = tree_lookup(server->tree, dir, what->name, &inode, &stx);
	if (r == 0)
		op_reply_entry(req, dir, inode, &stx);
	else
		op_reply(req, r);
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

static int link_to(fuse_req_t req, struct inode *inode, struct inode *dir, const char *name)
{
	struct server *server = server_of(req);
	char path[TREE_PATH_SIZE];
	int fd, dir_fd, r;
	bool as_user;

	fd = tree_fd_get(server->tree, inode);
	if (fd < 0)
		return fd;
	dir_fd = tree_fd_get(server->tree, dir);
	r = dir_fd;
	if (dir_fd >= 0) {
		tree_fd_path(fd, path);
		as_user = space_begin(tree_space(dir), fuse_req_ctx(req)->uid, dir_fd, SPACE_OF_NAME);
		r = linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
		space_end(as_user);
		tree_fd_put(server->tree, dir);
	}
	tree_fd_put(server->tree, inode);
	return r;
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct server *server = server_of(req);
	struct inode *inode = op_inode(req, ino), *dir, *found;
	struct statx stx;
	bool fresh;
	int r;

	if (!inode)
		return;
	dir = op_inode(req, parent);
	if (!dir)
		return;
	fresh = copy_attributes_begin(server, inode);
	r = link_to(req, inode, dir, name);
	copy_attributes_end(server, inode, fresh && r == 0);
	if (r == 0)
		r = durable_names(server, dir);
	if (r == 0)
		r = tree_lookup(server->tree, dir, name, &found, &stx);
	if (r == 0)
		op_reply_entry(req, dir, found, &stx);
	else
		op_reply(req, r);
}
