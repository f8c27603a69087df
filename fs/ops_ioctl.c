/* ioctl(2): file flags, and the requests of fs/control/file_request.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fs/control/file_request.h"
#include "fs/dir.h"
#include "fs/op.h"
#include "fs/op_rights.h"
#include "fs/op_work.h"
#include "fs/ops.h"
#include "fs/ops_steer.h"

static size_t ioctl_size(unsigned cmd)
{
	switch (cmd) {
	case FS_IOC_GETFLAGS: /* the kernel passes an int, whatever the number says */
	case FS_IOC_SETFLAGS:
		return sizeof(int);
	case FS_IOC_FSGETXATTR:
	case FS_IOC_FSSETXATTR:
		return sizeof(struct fsxattr);
	default:
		return 0;
	}
}

struct flags_request {
	struct op_work work;
	struct inode *inode;
	int fd;
	unsigned cmd;
	size_t size;
	char data[64];
};

static bool sets_flags(unsigned cmd)
{
	return cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR;
}

static int use_flags(void *arg)
{
	struct flags_request *request = arg;

	return ioctl(request->fd, request->cmd, request->data) < 0 ? -errno : 0;
}

/* fd: a descriptor of the file, which is taken over; or -errno, which is returned. */
static int flags_on(struct flags_request *request, int fd)
{
	const struct op_owned owned = {.inode = request->inode,
		.capability = CAP_FOWNER,
		.gid = (gid_t)-1,
		.change = use_flags,
		.arg = request};
	int r;

	if (fd < 0)
		return fd;
	request->fd = fd;
	r = sets_flags(request->cmd) ? op_as_owner(request->work.req, &owned) : use_flags(request);
	close(fd);
	return r;
}

/* Replies and frees. */
static void reply_flags(struct flags_request *request, int r)
{
	bool sets = sets_flags(request->cmd);

	if (r < 0)
		op_reply(request->work.req, r);
	else
		answer_ioctl(request->work.req, 0, sets ? NULL : request->data, sets ? 0 : request->size);
	free(request);
}

static void file_flags_run(struct op_work *op)
{
	struct flags_request *request = (struct flags_request *)op;
	int r = flags_on(request, tree_open(server_of(op->req)->tree, request->inode, O_RDONLY | O_NONBLOCK));

	if (r == -EAGAIN)
		op_work_retry_after_lease(op, request->inode->nodeid);
	else
		reply_flags(request, r);
}

void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *info,
	unsigned flags, const void *in, size_t in_size, size_t out_size)
{
	struct flags_request *request;
	bool sets = sets_flags(cmd);
	size_t size = ioctl_size(cmd);
	struct inode *inode;
	int fd;

	if (cmd == FILE_REQUEST_IOCTL) {
		op_steer(req, ino, info, in, in_size, out_size);
		return;
	}
	if (cmd == MOUNT_REQUEST_IOCTL) {
		op_sum_up(req, in, in_size, out_size);
		return;
	}
	inode = op_inode(req, ino);
	if (!inode)
		return;
	if (!size || (sets ? in_size : out_size) < size) {
		op_reply(req, -ENOTTY);
		return;
	}
	request = calloc(1, sizeof(*request));
	if (!request) {
		op_reply(req, -ENOMEM);
		return;
	}
	*request = (struct flags_request){
		.work = {.run = file_flags_run, .req = req}, .inode = inode, .cmd = cmd, .size = size};
	if (sets)
		memcpy(request->data, in, size);
	if (inode->type != DT_DIR) {
		file_flags_run(&request->work);
		return;
	}
	fd = fcntl(dir_of(info)->fd, F_DUPFD_CLOEXEC, 0);
	reply_flags(request, flags_on(request, fd < 0 ? -errno : fd));
}
