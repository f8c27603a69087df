/*
 * caller - whether the process behind a request has rights over files of others.
 *
 * The kernel has asked that already, but with the owner and group that it was told of last: where those may
 * have changed since, it is asked again. Slow: for the few calls that need it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Whether the thread pid has the capability for a file of uid and gid, as the kernel's
 * capable_wrt_inode_uidgid() has it: false where the thread can't be seen. */
bool caller_is_capable(pid_t pid, int capability, uid_t uid, gid_t gid);
