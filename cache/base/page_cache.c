#include "cache/base/page_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

/* The kernel's struct cachestat_range and struct cachestat; Debian 12's headers are older than the call. */
struct range {
	uint64_t offset;
	uint64_t size;
};

struct counts {
	uint64_t cached;
	uint64_t dirty;
	uint64_t writeback;
	uint64_t evicted;
	uint64_t recently_evicted;
};

int page_cache_count(int fd, off_t offset, uint64_t size, struct page_cache_counts *counts)
{
	struct range range = {.offset = (uint64_t)offset, .size = size};
	struct counts kernel;

	if (syscall(SYS_cachestat, fd, &range, &kernel, 0) < 0)
		return -errno;
	*counts = (struct page_cache_counts){kernel.cached, kernel.dirty, kernel.writeback};
	return 0;
}

int64_t page_cache_file_size(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &stx) < 0)
		return -errno;
	return (int64_t)stx.stx_size;
}

bool page_cache_can_be_counted(void)
{
	return syscall(SYS_cachestat, -1, NULL, NULL, 0) < 0 && errno != ENOSYS;
}

/* By sendfile(2) to /dev/null, which copies nothing. Unmapping a mapping would flush the TLB on every CPU
 * that runs a thread of this process. */
int page_cache_bring_in(int fd, uint64_t size)
{
	static __thread int sink = -1;
	off_t done = 0;

	if (sink < 0)
		sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (sink < 0)
		return -errno;
	while ((uint64_t)done < size) {
		ssize_t n = sendfile(sink, fd, &done, size - (uint64_t)done);

		if (n == 0)
			return -EFAULT;
		if (n < 0)
			return -errno;
	}
	return 0;
}
