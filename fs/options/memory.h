/*
 * memory - how much memory the daemon may think of as its machine's, and how much of it can still be had.
 *
 * @root is put before /proc and /sys paths: "" on a live machine, a directory with made-up files in a test.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * Bytes: the machine's memory, or the smallest limit of the memory cgroups (v1 or v2; memory.max and
 * memory.high of v2) this process is in, where that is less. 0 where /proc/meminfo cannot be read.
 */
uint64_t memory_total(const char *root);

/* The same of the memory cgroups of another process; UINT64_MAX where they set no limit, or it is not there.
 */
uint64_t memory_limit_of(const char *root, pid_t pid);

/*
 * Bytes that can still be had without swapping: MemAvailable of the machine, or what is left to the memory
 * cgroup, of those this process is in, that has least: its limit less its use, page cache not counted as
 * used. UINT64_MAX where nothing can be read: then memory is not known to be short. Reads /proc/meminfo,
 * /proc/self/cgroup, a file for each ancestor and two more for each that has a limit; meant to be called once
 * a second.
 */
uint64_t memory_available(const char *root);
