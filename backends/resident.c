#include "backends/resident.h"
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
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

uint64_t resident_pages(int fd, off_t offset, size_t size)
{
	struct range range = {.offset = offset, .size = size};
	struct counts counts;

	if (syscall(SYS_cachestat, fd, &range, &counts, 0) < 0)
		return 0;
	return counts.cached;
}

ssize_t resident_read(int fd, void *buf, size_t size, off_t offset)
{
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	ssize_t moved = preadv2(fd, &iov, 1, offset, RWF_NOWAIT);

	return moved < 0 ? -errno : moved;
}
