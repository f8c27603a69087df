/*
 * caller - the process behind a request: whether it has rights over files of others, and whether it was
 * killed.
 *
 * The kernel has checked its rights already, but with the owner and group that it was told of last: where
 * those may have changed since, they are checked again. Slow: for the few calls that need it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Whether the thread pid has the capability for a file of uid and gid, as the kernel's
 * capable_wrt_inode_uidgid() has it: false where the thread can't be seen. */
bool caller_is_capable(pid_t pid, int capability, uid_t uid, gid_t gid);

/* Whether SIGKILL is pending: sent, or made by the kernel of another fatal signal. */
bool caller_is_killed(pid_t pid);
