/*
 * charged - which memory cgroup pays for pages of the page cache.
 *
 * The page cache charges a page to the group of who read it first. Held there, the page can't be reclaimed: a
 * small group would be driven into its OOM killer by files that it merely read. So what is held must be
 * charged to the daemon's own group, or to the root group, which has no limit. Root asks the kernel
 * (/proc/kpagecgroup, /proc/PID/pagemap); where that can't be had nothing is known to be ours.
 *
 * A group is named by the inode number of its directory in cgroupfs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHARGED_ROOT 1 /* the root group, as kernfs numbers it; pages of no group bear 0 */

struct charged;

/* 0 or -errno: it can't be known, by this process or this kernel. */
int charged_new(struct charged **ret);
void charged_free(struct charged *charged); /* NULL is fine */

/* The group that this process is charged to, as of up to a second ago; CHARGED_ROOT also where it is not
 * known.
 */
uint64_t charged_own_group(struct charged *charged);

/* Whether every page of this process's mapping is present, and charged to that group or the root group. size:
 * bytes. */
bool charged_to(const struct charged *charged, uint64_t group, const void *memory, size_t size);
