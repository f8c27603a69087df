/*
 * guard - tells this daemon's mount from any other at the same MOUNTPOINT, and unmounts it.
 *
 * With auto_unmount a helper (fs/helper.h) waits for the daemon's end and unmounts, so that a killed daemon
 * leaves no dead mount. The helper also unmounts for a daemon that has given up the right to do so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct guard_options {
	bool auto_unmount; /* the helper unmounts when the daemon is gone */
	bool by_helper;    /* the helper always unmounts: this process can't execute fusermount3(1) */
	bool sandboxed;    /* the helper keeps only the capabilities that it needs */
};

struct guard {
	const char *mountpoint;
	struct guard_options options;
	int socket;   /* to the helper; -1: no helper */
	pid_t helper; /* the process that unmounts for this one; 0: this process can */
	struct guard_mark {
		uint64_t mount_id;
		uint32_t major, minor; /* device number of the file system */
	} mark;
};

/* Starts the helper if one is needed (it forks: call before there are threads). 0 or -errno. */
int guard_begin(struct guard *guard, const char *mountpoint, const struct guard_options *options);
/* Notes the identity of the mount. Call once it is mounted. */
void guard_mounted(struct guard *guard);
/* Whether the mount can be told from others, as guard_unmount() requires. False before Linux 5.8. */
bool guard_knows_mount(const struct guard *guard);
/* Unmounts lazily, if the mount is still there. With by_helper it can be called only once. */
void guard_unmount(struct guard *guard);
void guard_end(struct guard *guard);
