/*
 * memory - how much memory the daemon may think of as its machine's.
 *
 * @root is put before /proc and /sys paths: "" on a live machine, a directory with made-up files in a test.
 */
#pragma once

#include <stdint.h>

/*
 * Bytes: the machine's memory, or the smallest limit of the memory cgroups (v1 or v2) this process is in,
 * where that is less. 0 where /proc/meminfo cannot be read.
 */
uint64_t memory_total(const char *root);
