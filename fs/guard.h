/*
 * guard - knows the mount that this daemon made from any other at its place, and has a process watch over it
 * (auto_unmount): a daemon that was killed leaves no dead mount behind.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct guard {
	const char *mountpoint;
	int pipe; /* its other end tells the watching process that this one is gone; -1: nobody watches */
	struct guard_mark {
		uint64_t mount_id;
		uint32_t major, minor; /* of the file system */
	} mark;
};

/* Before there are threads. watch: with a process that does it. 0 or -errno. */
int guard_begin(struct guard *guard, const char *mountpoint, bool watch);
/* It is mounted now. */
void guard_mounted(struct guard *guard);
/* Unmounts it, lazily, if it is still there. */
void guard_unmount(const struct guard *guard);
void guard_end(struct guard *guard);
