/*
 * op_rights - what a caller may change, beyond what the kernel has checked: it compares with attributes that
 * may be old, and the daemon is root.
 */
#pragma once

#include "fs/op.h"
#include "fs/users/creds.h"

/* For a change of a file that may have set-uid or set-gid bits. kill: the kernel says that the caller has no
 * CAP_FSETID (or OP_KILL_UNKNOWN where the request does not tell). */
enum { OP_KEEP_BITS, OP_KILL_BITS, OP_KILL_UNKNOWN };
void op_bits(fuse_req_t req, struct inode *inode, int kill, struct creds_bits *bits);
/* unseen: what to say of a caller whose supplementary groups can't be known. */
bool op_caller_is_in_group(fuse_req_t req, gid_t gid, bool unseen);
/*
 * Whether the caller may do with the file behind fd, in any mode, what access(2) calls mode: 0, -EACCES or
 * another -errno. For requests that the kernel knows nothing of.
 */
int op_access(fuse_req_t req, int fd, int mode);
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
