/*
 * charge - what a file costs the cache: whole pages, and what is kept about it.
 *
 * The mount and the replayer count alike.
 */
#pragma once

#include <stdint.h>

#define CHARGE_PAGE 4096
#define CHARGE_PAGE_TABLE 8 /* of each page that is mapped */

/*
 * For a pinned file on Linux 6.18, from /proc/slabinfo before and after pinning 20,000: its inode on ext4
 * 1,100 bytes and dentry 192, which would be reclaimed otherwise; open file 192, mapping 192 and its place
 * among others 20, backing id 80; and the index (struct object, struct inode, their places in tables), under
 * 250. A copy takes less: the inode of tmpfs has 752.
 */
#define CHARGE_METADATA 2048

static inline uint64_t charge_of(uint64_t size)
{
	return (size + CHARGE_PAGE - 1) / CHARGE_PAGE * (CHARGE_PAGE + CHARGE_PAGE_TABLE) + CHARGE_METADATA;
}
