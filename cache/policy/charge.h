/*
 * charge - what a cached file counts against the budget: whole pages and a fixed amount for metadata. Bytes.
 *
 * The mount and the replayer count alike.
 */
#pragma once

#include <stdint.h>

#define CHARGE_PAGE 4096
#define CHARGE_PAGE_TABLE 8 /* bytes for each mapped page */

/*
 * For a pinned file on Linux 6.18, from /proc/slabinfo before and after pinning 100,000: its inode on ext4
 * 1,100 bytes and dentry 192, which would be reclaimed otherwise; mapping, open file, backing id and the
 * credentials that the kernel keeps with that, 780 (tools/bench/pin_memory); and the index (struct object and
 * its places in tables), under 150. A copy takes less: the inode of tmpfs has 752.
 */
#define CHARGE_METADATA 2304

static inline uint64_t charge_of(uint64_t size)
{
	return (size + CHARGE_PAGE - 1) / CHARGE_PAGE * (CHARGE_PAGE + CHARGE_PAGE_TABLE) + CHARGE_METADATA;
}
