/*
 * charged - which memory cgroup pays for pages of the page cache.
 *
 * The page cache charges a page to the group of who read it first. Held there, the page can't be reclaimed: a
 * small group would be driven into its OOM killer by files that it merely read. So what is held must be
 * charged to the holder's own group, or to the root group, which has no limit. Root asks the kernel
 * (/proc/kpagecgroup, /proc/PID/pagemap); where that can't be had nothing is known to be ours.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct charged;

/* 0 or -errno: it can't be known, by this process or this kernel. */
int charged_new(struct charged **ret);
void charged_free(struct charged *charged);

/* Whether every page of the mapping, which is populated, is charged to this process's group or the root
 * group. size: bytes. Which group that is may be known from a second ago. */
bool charged_to_us(struct charged *charged, const void *memory, size_t size);
