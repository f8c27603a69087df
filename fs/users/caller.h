/*
 * caller - what is known of the process behind a request, besides its user and group.
 *
 * The kernel has asked for capabilities already, but with the owner and group that it was told of last: where
 * those may have changed since, it is asked again. Slow: for the few calls that need it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether the thread can be seen: not from within a PID namespace that it is outside of, nor where /proc is
 * that of another one. Says so once. */
bool caller_is_visible(pid_t pid);

/* Whether the thread pid has the capability for a file of uid and gid, as the kernel's
 * capable_wrt_inode_uidgid() has it: false where the thread can't be seen. */
bool caller_is_capable(pid_t pid, int capability, uid_t uid, gid_t gid);

/* Whether SIGKILL is pending: sent, or made by the kernel of another fatal signal. */
bool caller_is_killed(pid_t pid);

/* The supplementary groups of the thread, at most size of them; how many. 0 where it can't be seen. */
size_t caller_groups(pid_t pid, gid_t *groups, size_t size);

/* Whether gid is one of the supplementary groups of the thread; unseen where it can't be seen. */
bool caller_has_group(pid_t pid, gid_t gid, bool unseen);
