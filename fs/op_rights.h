/*
 * op_rights - checks what a caller may change, beyond the kernel's own checks: the kernel compares with
 * attributes that may be outdated, and the daemon runs as root.
 */
#pragma once

#include "fs/op.h"
#include "fs/users/creds.h"

/* Fills in bits for a change of a file that may have set-uid or set-gid bits. kill: OP_KILL_BITS if the
 * kernel says that the caller lacks CAP_FSETID; OP_KILL_UNKNOWN if the request does not say. */
enum { OP_KEEP_BITS, OP_KILL_BITS, OP_KILL_UNKNOWN };
void op_bits(fuse_req_t req, struct inode *inode, int kill, struct creds_bits *bits);
/* Whether gid is the caller's group or one of its supplementary groups. unseen: the result for a caller whose
 * supplementary groups can't be read. */
bool op_caller_is_in_group(fuse_req_t req, gid_t gid, bool unseen);
/*
 * Whether the caller may access the file behind fd (opened in any mode). mode: as for access(2). 0, -EACCES
 * or another -errno. For requests whose permissions the kernel does not check.
 */
int op_access(fuse_req_t req, int fd, int mode);
/*
 * For a change that only the file's owner or a process with the capability may make. The kernel compared the
 * caller with the last owner that it was told, but a chown made directly in SOURCE may have changed that. So
 * change() is called with the caller's user and group (or gid), and with the daemon's rights only if the
 * caller has the capability. Returns what change() returns: 0 or -errno.
 */
struct op_owned {
	struct inode *inode;
	int capability;
	gid_t gid; /* (gid_t)-1: the caller's own */
	int (*change)(void *arg);
	void *arg;
};
int op_as_owner(fuse_req_t req, const struct op_owned *what);
