/*
 * memory - how much memory the daemon has, within its memory cgroup, and how much is available.
 *
 * @root is the prefix of /proc and /sys: "" on a live machine, a directory with prepared files in a test.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * Bytes: the machine's memory, or the smallest limit of the memory cgroups that this process is in (v1 or v2;
 * memory.max and memory.high of v2), if that is less. 0 if /proc/meminfo can't be read.
 */
uint64_t memory_total(const char *root);

/* The smallest limit, in bytes, of the memory cgroups of another process; UINT64_MAX if they have none, or
 * the process does not exist. */
uint64_t memory_limit_of(const char *root, pid_t pid);

/*
 * Bytes available without swapping: the machine's MemAvailable, or less if one of this process's memory
 * cgroups has less left: its limit minus its use, where page cache does not count as used. UINT64_MAX if
 * nothing can be read: memory then does not count as short. Reads /proc/meminfo, /proc/self/cgroup, a file
 * per ancestor cgroup and two more per limit; meant to be called once a second.
 */
uint64_t memory_available(const char *root);
