#include "backends/stamp.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define SETTLED_NS 100000000ll

int stamp_take(int fd, struct stamp *stamp)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_MTIME | STATX_CTIME, &stx) < 0)
		return -errno;
	stamp->size = stx.stx_size;
	stamp->mtime_ns = stx.stx_mtime.tv_sec * 1000000000ll + stx.stx_mtime.tv_nsec;
	stamp->ctime_ns = stx.stx_ctime.tv_sec * 1000000000ll + stx.stx_ctime.tv_nsec;
	return 0;
}

bool stamp_is_settled(const struct stamp *stamp)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	/* Nobody can set a ctime: one in the future means that the clock was set back, and nothing is known.
	 */
	return now.tv_sec * 1000000000ll + now.tv_nsec - stamp->ctime_ns >= SETTLED_NS;
}
