#include "fs/ops_steer.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/op_rights.h"
#include "fs/op_work.h"
#include "fs/pin_list.h"
#include "fs/status.h"
#include "fs/steer.h"

struct steer_work {
	struct op_work work;
	struct inode *opened; /* the open file or directory */
	struct inode *inode;  /* the file of the request, referenced; NULL: not found yet */
	bool is_readable;     /* the file itself is open for reading */
	struct file_request request;
};

/* --- the file ---------------------------------------------------------------------------------- */

static int access_to(fuse_req_t req, struct inode *inode, int mode)
{
	struct server *server = server_of(req);
	int fd = tree_fd_get(server->tree, inode), r;

	if (fd < 0)
		return fd;
	r = op_access(req, fd, mode);
	tree_fd_put(server->tree, inode);
	return r;
}

/* tree_lookup() takes a single name, not a path. */
static bool is_name(const char *name)
{
	return !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int look_up(struct steer_work *work)
{
	fuse_req_t req = work->work.req;
	struct server *server = server_of(req);
	struct statx stx;
	int r;

	if (work->opened->type != DT_DIR)
		return -ENOTDIR;
	if (!is_name(work->request.name))
		return -EINVAL;
	/* the kernel has checked the path to the directory, but neither the directory nor the file */
	r = access_to(req, work->opened, X_OK);
	if (r == 0)
		r = tree_lookup(server->tree, work->opened, work->request.name, &work->inode, &stx);
	return r;
}

static int find(struct steer_work *work)
{
	if (work->request.name[0])
		return look_up(work);
	work->inode = tree_hold(server_of(work->work.req)->tree, work->opened);
	return 0;
}

/* --- permissions ------------------------------------------------------------------------------- */

static bool is_owner_of_mount(fuse_req_t req)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	return uid == 0 || uid == server_of(req)->control.owner;
}

/* Permits root and the mount's owner; the file's owner only to evict, since pins take memory from other
 * users. */
static int check_owner(const struct steer_work *work)
{
	fuse_req_t req = work->work.req;
	struct server *server = server_of(req);
	struct statx stx;
	int r;

	if (is_owner_of_mount(req))
		return 0;
	if (work->request.verb != FILE_EVICT)
		return -EPERM;
	r = tree_statx(server->tree, work->inode, &stx);
	if (r < 0)
		return r;
	return stx.stx_uid == fuse_req_ctx(req)->uid ? 0 : -EPERM;
}

static int check_rights(const struct steer_work *work)
{
	int r = work->is_readable ? 0 : access_to(work->work.req, work->inode, R_OK);

	if (r < 0)
		return r;
	switch (work->request.verb) {
	case FILE_EVICT:
	case FILE_PIN:
	case FILE_UNPIN:
		return check_owner(work);
	default:
		return 0;
	}
}

/* --- requests ---------------------------------------------------------------------------------- */

static int obey(struct server *server, struct steer_work *work)
{
	switch (work->request.verb) {
	case FILE_STATE:
		return 0;
	case FILE_WARM:
		return steer_warm(server, work->inode);
	case FILE_EVICT:
		return steer_evict(server, work->inode);
	case FILE_FLUSH:
		return steer_flush(server, work->inode);
	case FILE_PIN:
		return pin_list_add(server, work->inode);
	case FILE_UNPIN:
		return pin_list_remove(server, work->inode);
	default:
		return -EPROTO;
	}
}

static int steer(struct steer_work *work)
{
	struct server *server = server_of(work->work.req);
	int r = find(work);

	if (r < 0)
		return r;
	if (work->inode->type != DT_REG)
		return work->inode->type == DT_LNK ? -ELOOP : work->inode->type == DT_DIR ? -EISDIR : -EINVAL;
	r = check_rights(work);
	if (r == 0)
		r = obey(server, work);
	if (r == 0)
		r = steer_state(
			server, work->inode, is_owner_of_mount(work->work.req), &work->request.answer);
	return r;
}

static void run(struct op_work *op)
{
	struct steer_work *work = (struct steer_work *)op;
	fuse_req_t req = op->req;
	int r = steer(work);

	if (work->inode)
		tree_put(server_of(req)->tree, work->inode, 1);
	if (r < 0)
		op_reply(req, r);
	else
		answer_ioctl(req, 0, &work->request, sizeof(work->request));
	free(work);
}

static bool is_open_for_reading(const struct inode *inode, const struct fuse_file_info *info)
{
	return inode->type == DT_REG && (handle_of(info)->open_flags & O_ACCMODE) != O_WRONLY;
}

void op_steer(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, const void *in, size_t in_size,
	size_t out_size)
{
	struct inode *inode = op_inode(req, ino);
	struct steer_work *work;

	if (!inode)
		return;
	work = in_size == sizeof(work->request) && out_size == in_size ? calloc(1, sizeof(*work)) : NULL;
	if (!work) {
		op_reply(req, in_size == sizeof(work->request) ? -ENOMEM : -EPROTO);
		return;
	}
	work->work = (struct op_work){.run = run, .req = req};
	work->opened = inode;
	memcpy(&work->request, in, sizeof(work->request));
	work->request.name[NAME_MAX] = '\0';
	work->is_readable = !work->request.name[0] && is_open_for_reading(inode, info);
	if (work->request.version != FILE_REQUEST_VERSION) {
		op_reply(req, -EPROTO);
		free(work);
		return;
	}
	op_work_run(&work->work);
}

void op_sum_up(fuse_req_t req, const void *in, size_t in_size, size_t out_size)
{
	struct mount_request request;

	if (in_size != sizeof(request) || out_size != in_size) {
		op_reply(req, -EPROTO);
		return;
	}
	memcpy(&request, in, sizeof(request));
	if (request.version != FILE_REQUEST_VERSION) {
		op_reply(req, -EPROTO);
		return;
	}
	status_sum_up(server_of(req), &request.answer);
	answer_ioctl(req, 0, &request, sizeof(request));
}
