/*
 * charged - which memory cgroup pays for pages of the page cache.
 *
 * The kernel charges a page to the group of the process that first read it. A pinned page can't be reclaimed:
 * files that a small group merely read would drive it into its OOM killer. So pinned pages must be charged to
 * the daemon's own group, or to the root group, which has no limit. Root can ask the kernel
 * (/proc/kpagecgroup, /proc/PID/pagemap); where that fails, no page is known to be the daemon's.
 *
 * A group is named by the inode number of its directory in cgroupfs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHARGED_ROOT 1 /* the root group, as kernfs numbers it; pages of no group bear 0 */

struct charged;

/* 0 or -errno: this process or this kernel can't find out. */
int charged_new(struct charged **ret);
void charged_free(struct charged *charged); /* NULL is fine */

/* The group that this process is charged to, up to a second old; CHARGED_ROOT also where it is not known. */
uint64_t charged_own_group(struct charged *charged);

/* Whether every page of this process's mapping is present, and charged to that group or the root group. size:
 * bytes. */
bool charged_to(const struct charged *charged, uint64_t group, const void *memory, size_t size);
