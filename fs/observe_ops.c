/* Wrappers of all operations, which record the arrival of the request. */
#include <pthread.h>
#include <string.h>

#include "fs/observe.h"
#include "fs/op.h"
#include "fs/queues.h"

/* clang-format off */
/* Name, parameters, arguments, and a name in the directory `ino`, or NULL. `ino` is the inode that is
 * logged. */
#define OBSERVED(ON) \
	ON(lookup, (fuse_req_t req, fuse_ino_t ino, const char *name), (req, ino, name), name) \
	ON(getattr, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info), (req, ino, info), NULL) \
	ON(statx, (fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *info), \
		(req, ino, flags, mask, info), NULL) \
	ON(setattr, (fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *info), \
		(req, ino, attr, to_set, info), NULL) \
	ON(readlink, (fuse_req_t req, fuse_ino_t ino), (req, ino), NULL) \
	ON(mknod, (fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode, dev_t rdev), \
		(req, ino, name, mode, rdev), name) \
	ON(mkdir, (fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode), (req, ino, name, mode), name) \
	ON(symlink, (fuse_req_t req, const char *target, fuse_ino_t ino, const char *name), \
		(req, target, ino, name), name) \
	ON(link, (fuse_req_t req, fuse_ino_t file, fuse_ino_t ino, const char *name), (req, file, ino, name), name) \
	ON(unlink, (fuse_req_t req, fuse_ino_t ino, const char *name), (req, ino, name), name) \
	ON(rmdir, (fuse_req_t req, fuse_ino_t ino, const char *name), (req, ino, name), name) \
	ON(rename, (fuse_req_t req, fuse_ino_t ino, const char *name, fuse_ino_t to, const char *to_name, \
		unsigned int flags), (req, ino, name, to, to_name, flags), name) \
	ON(open, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info), (req, ino, info), NULL) \
	ON(create, (fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode, struct fuse_file_info *info), \
		(req, ino, name, mode, info), name) \
	ON(tmpfile, (fuse_req_t req, fuse_ino_t ino, mode_t mode, struct fuse_file_info *info), \
		(req, ino, mode, info), NULL) \
	ON(read, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info), \
		(req, ino, size, offset, info), NULL) \
	ON(write, (fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t offset, \
		struct fuse_file_info *info), (req, ino, buf, size, offset, info), NULL) \
	ON(flush, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info), (req, ino, info), NULL) \
	ON(release, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info), (req, ino, info), NULL) \
	ON(fsync, (fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info), \
		(req, ino, datasync, info), NULL) \
	ON(fallocate, (fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, \
		struct fuse_file_info *info), (req, ino, mode, offset, length, info), NULL) \
	ON(lseek, (fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *info), \
		(req, ino, offset, whence, info), NULL) \
	ON(copy_file_range, (fuse_req_t req, fuse_ino_t from, off_t from_offset, struct fuse_file_info *from_info, \
		fuse_ino_t ino, off_t offset, struct fuse_file_info *info, size_t size, int flags), \
		(req, from, from_offset, from_info, ino, offset, info, size, flags), NULL) \
	ON(opendir, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info), (req, ino, info), NULL) \
	ON(readdir, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info), \
		(req, ino, size, offset, info), NULL) \
	ON(readdirplus, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info), \
		(req, ino, size, offset, info), NULL) \
	ON(releasedir, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info), (req, ino, info), NULL) \
	ON(fsyncdir, (fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info), \
		(req, ino, datasync, info), NULL) \
	ON(statfs, (fuse_req_t req, fuse_ino_t ino), (req, ino), NULL) \
	ON(setxattr, (fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags), \
		(req, ino, name, value, size, flags), NULL) \
	ON(getxattr, (fuse_req_t req, fuse_ino_t ino, const char *name, size_t size), (req, ino, name, size), NULL) \
	ON(listxattr, (fuse_req_t req, fuse_ino_t ino, size_t size), (req, ino, size), NULL) \
	ON(removexattr, (fuse_req_t req, fuse_ino_t ino, const char *name), (req, ino, name), NULL) \
	ON(ioctl, (fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg, struct fuse_file_info *info, \
		unsigned int flags, const void *in, size_t in_size, size_t out_size), \
		(req, ino, cmd, arg, info, flags, in, in_size, out_size), NULL) \
	ON(getlk, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock), \
		(req, ino, info, lock), NULL) \
	ON(setlk, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int sleep), \
		(req, ino, info, lock, sleep), NULL) \
	ON(flock, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int op), (req, ino, info, op), NULL)

/* The wrapped operations: set once, before the mount. */
static struct fuse_lowlevel_ops behind;

/*
 * At the end of the mount libfuse wakes its io_uring threads and cancels them. Cancelled during an operation, a
 * thread would keep locks (its ring's among them) and lose memory. Being woken suffices to end it, so it is
 * never cancelled once it has had an operation. Cheap: no system call.
 */
static void forbid_cancellation(void)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

#define OBSERVE(op, parameters, arguments, name_in_ino) \
	static void observed_##op parameters \
	{ \
		forbid_cancellation(); \
		queues_note(server_of(req)->queues); \
		observe_begin(req, OPERATION_##op, ino, name_in_ino); \
		behind.op arguments; \
	}
OBSERVED(OBSERVE)

enum {
#define ROW(op, parameters, arguments, name) OBSERVED_##op,
	OBSERVED(ROW)
#undef ROW
	OBSERVED_COUNT,
};
_Static_assert(OBSERVED_COUNT == (int)OPERATION_COUNT, "an operation of OPERATIONS has no row here");
/* clang-format on */

void observe_operations(struct fuse_lowlevel_ops *ops)
{
	behind = *ops;
#define ROUTE(op, parameters, arguments, name) \
	if (ops->op)                           \
		ops->op = observed_##op;
	OBSERVED(ROUTE)
#undef ROUTE
}
