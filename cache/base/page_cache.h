/*
 * page_cache - what the kernel's page cache holds of a file.
 *
 * By cachestat(2), Linux 6.5. All counts are pages of PAGE_CACHE_PAGE bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE_CACHE_PAGE 4096

struct page_cache_counts {
	uint64_t cached, dirty, writeback;
};

/*
 * Counts the pages of a range; size 0: to the end of the file. The call visits each resident folio and skips
 * holes. 0, or -errno: -ENOSYS before Linux 6.5, -EPERM for a file that the caller neither owns nor may
 * write, -EOPNOTSUPP on hugetlbfs.
 */
int page_cache_count(int fd, off_t offset, uint64_t size, struct page_cache_counts *counts);

/* The size of the file in bytes, as this kernel knows it, or -errno. No file server is asked, so the call
 * does not wait. */
int64_t page_cache_file_size(int fd);

/*
 * Reads those of the first size bytes that are missing into the page cache, charged to this process's memory
 * cgroup. 0 or -errno: -EFAULT if the file is shorter.
 */
int page_cache_bring_in(int fd, uint64_t size);

/* Whether this kernel has cachestat(2). */
bool page_cache_can_be_counted(void);
