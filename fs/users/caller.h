/*
 * caller - facts about the process behind a request, besides its user and group.
 *
 * The kernel has checked capabilities already, but against the owner and group that it was told last. Where
 * these may have changed, the daemon checks again. Slow: only for the few calls that need it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether the daemon can see the thread: it can't if the thread is outside the daemon's PID namespace, or if
 * /proc belongs to another namespace. Logs that once. */
bool caller_is_visible(pid_t pid);

/* Whether the thread pid has the capability for a file of uid and gid, as the kernel's
 * capable_wrt_inode_uidgid() defines it. False if the thread can't be seen. */
bool caller_is_capable(pid_t pid, int capability, uid_t uid, gid_t gid);

/* Whether SIGKILL is pending: sent as such, or by the kernel in place of another fatal signal. */
bool caller_is_killed(pid_t pid);

/* Reads at most size supplementary groups of the thread. Returns their number; 0 if it can't be seen. */
size_t caller_groups(pid_t pid, gid_t *groups, size_t size);

/* Whether gid is one of the thread's supplementary groups. unseen: the result if it can't be seen. */
bool caller_has_group(pid_t pid, gid_t gid, bool unseen);
