#include "backends/resident.h"
#include "cache/base/page_cache.h"
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

uint64_t resident_pages(int fd, off_t offset, size_t size)
{
	struct page_cache_counts counts;

	return page_cache_count(fd, offset, size, &counts) < 0 ? 0 : counts.cached;
}

ssize_t resident_read(int fd, void *buf, size_t size, off_t offset)
{
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	ssize_t moved = preadv2(fd, &iov, 1, offset, RWF_NOWAIT);

	return moved < 0 ? -errno : moved;
}
