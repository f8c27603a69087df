/*
 * guard - knows the mount that this daemon made from any other at its place, and has a process watch over it
 * (auto_unmount): a daemon that was killed leaves no dead mount behind. That process also unmounts for a
 * daemon that has given up its right to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct guard {
	const char *mountpoint;
	int pipe;     /* its other end tells the watching process that this one is gone; -1: nobody watches */
	pid_t helper; /* the process that unmounts; 0: this one can */
	struct guard_mark {
		uint64_t mount_id;
		uint32_t major, minor; /* of the file system */
	} mark;
};

struct guard_wishes {
	bool auto_unmount; /* a process watches */
	bool by_helper;    /* a process unmounts: this one will not be able to execute fusermount3(1) */
	bool sandboxed;    /* that process has what it needs */
};

/* Before there are threads. 0 or -errno. */
int guard_begin(struct guard *guard, const char *mountpoint, const struct guard_wishes *wishes);
/* It is mounted now. */
void guard_mounted(struct guard *guard);
/* Whether guard_unmount() knows the mount: Linux before 5.8 does not tell one from another. */
bool guard_knows_mount(const struct guard *guard);
/* Unmounts it, lazily, if it is still there. With by_helper once. */
void guard_unmount(struct guard *guard);
void guard_end(struct guard *guard);
