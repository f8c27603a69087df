#include "tools/demo.d/resident.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12's headers are older than the call. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

struct resident_range {
	uint64_t offset;
	uint64_t length; /* 0: to the end */
};

struct resident_counts {
	uint64_t cached_pages;
	uint64_t dirty_pages;
	uint64_t writeback_pages;
	uint64_t evicted_pages;
	uint64_t recently_evicted_pages;
};

static int64_t count_mapped(int fd, long page_bytes)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size == 0)
		return 0;

	size_t page_count = (st.st_size + page_bytes - 1) / page_bytes;
	unsigned char *pages = malloc(page_count);
	if (!pages)
		return -ENOMEM;

	int64_t r = 0;
	void *map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		r = -errno;
	} else {
		if (mincore(map, st.st_size, pages) < 0)
			r = -errno;
		for (size_t i = 0; r >= 0 && i < page_count; i++)
			r += (pages[i] & 1) ? page_bytes : 0;
		munmap(map, st.st_size);
	}
	free(pages);
	return r;
}

int64_t resident_bytes(int fd)
{
	struct resident_range whole = {0};
	struct resident_counts counts;
	long page_bytes = sysconf(_SC_PAGESIZE);

	if (syscall(SYS_cachestat, fd, &whole, &counts, 0) == 0)
		return (int64_t)counts.cached_pages * page_bytes;
	if (errno != ENOSYS)
		return -errno;
	return count_mapped(fd, page_bytes);
}
