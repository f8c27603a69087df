/*
 * ops - the FUSE requests, by family. Each decodes, makes one call, replies. What a request works on is the
 * session's struct server.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>

#include "fs/handle.h"
#include "fs/server.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

/* ops_entry.c: names */
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags);
void op_readlink(fuse_req_t req, fuse_ino_t ino);

/* ops_attr.c */
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *info);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *info);
void op_statfs(fuse_req_t req, fuse_ino_t ino);

/* ops_xattr.c */
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags);
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *info,
	unsigned flags, const void *in, size_t in_size, size_t out_size);

/* ops_dir.c */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info);
int dir_fd(const struct fuse_file_info *info);
/* At the end of the mount: nobody asks for them any more. */
void dir_free_all(void);

/* ops_file.c: open files */
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info);
void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *info);
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info);
void op_fallocate(
	fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, struct fuse_file_info *info);
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *info);
void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t offset_in, struct fuse_file_info *info_in,
	fuse_ino_t ino_out, off_t offset_out, struct fuse_file_info *info_out, size_t size, int flags);

/* ops_io.c: bytes that travel through the daemon */
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t offset,
	struct fuse_file_info *info);

/* ops_lock.c: with locks=shared */
void op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock);
void op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int sleep);
void op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int op);

/* What they share. */
static inline struct server *server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct handle *handle_of(const struct fuse_file_info *info)
{
	return (struct handle *)(uintptr_t)info->fh;
}

/* NULL after having replied ESTALE. */
struct inode *op_inode(fuse_req_t req, fuse_ino_t ino);
/* r: 0 or -errno */
void op_reply(fuse_req_t req, int r);
/* What a reply says of an inode that was found or made. dir: where its name is; NULL where that is not known.
 * stx: what was just read of it. */
void op_fill_entry(struct server *server, const struct inode *dir, struct inode *inode,
	const struct statx *stx, struct fuse_entry_param *entry);
/* For a change of a file that may have set-uid or set-gid bits. kill: the kernel says that the caller has no
 * CAP_FSETID (or OP_KILL_UNKNOWN where the request does not tell). */
enum { OP_KEEP_BITS, OP_KILL_BITS, OP_KILL_UNKNOWN };
void op_bits(fuse_req_t req, struct inode *inode, int kill, struct creds_bits *bits);
/* unseen: what to say of a caller whose supplementary groups can't be known. */
bool op_caller_is_in_group(fuse_req_t req, gid_t gid, bool unseen);
/*
 * For a change that only the file's owner may make, or who has the capability. The kernel compared the caller
 * with the owner that it was told of last; somebody may have given the file away behind the mount since. So
 * change() is made as the caller (a group of gid allowed), and by the daemon only for one with the
 * capability. Returns what change() does: 0 or -errno.
 */
struct op_owned {
	struct inode *inode;
	int capability;
	gid_t gid; /* (gid_t)-1: his own */
	int (*change)(void *arg);
	void *arg;
};
int op_as_owner(fuse_req_t req, const struct op_owned *what);
/* After a change that no backend made: what was read ahead is not the file's contents any more. */
void op_bytes_changed(struct server *server, struct handle *handle);
/* Requests that may take long must not hold up a queue thread: run() is called in a worker where that
 * matters. */
struct op_work {
	void (*run)(struct op_work *work); /* replies and frees */
	fuse_req_t req;
};
void op_work_run(struct op_work *work);
/* Runs the work again once the inode's lease is released (see below). For a run() that has not replied; the
 * work is from malloc(). */
void op_work_retry_after_lease(struct op_work *work, fuse_ino_t ino);
void op_work_in_pool(gpointer work, gpointer server);
/*
 * A request that found its file under somebody's lease (-EAGAIN) is made once more when that is gone. Users
 * can lease their own files in SOURCE, and take their time: no thread that others need waits for them. Where
 * too many wait already, it is refused with EAGAIN.
 */
struct op_again {
	struct op_work work;
	void (*run)(struct op_again *again); /* makes the request; what follows are its arguments */
	fuse_ino_t ino;
	struct fuse_file_info info;
	bool has_info;
	struct stat attr;
	int to_set;
	size_t size;
	off_t offset;
	struct op_work *held;
};
/* False if it was refused, after having replied. */
bool op_when_unleased(fuse_req_t req, const struct op_again *again);
