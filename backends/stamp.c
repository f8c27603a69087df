#include "backends/stamp.h"
#include <errno.h>
#include <fcntl.h>

#define SETTLED_NS 100000000ll                 /* more than a tick of any clock that stamps are made from */
#define COARSE_NS (2 * CLOCK_NS_PER_S)         /* the coarsest stamps, FAT's, are two seconds apart */
#define LONGEST_WRITE_NS (60 * CLOCK_NS_PER_S) /* the longest that one write(2) is assumed to last */

int stamp_take(int fd, struct stamp *stamp)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_MTIME | STATX_CTIME, &stx) < 0)
		return -errno;
	stamp->size = stx.stx_size;
	stamp->mtime_ns = stamp_ns(stx.stx_mtime);
	stamp->ctime_ns = stamp_ns(stx.stx_ctime);
	return 0;
}

bool stamp_is_coarse(int64_t mtime_ns, int64_t ctime_ns)
{
	return mtime_ns % CLOCK_NS_PER_S == 0 && ctime_ns % CLOCK_NS_PER_S == 0;
}

static _Atomic unsigned leases;

static bool lease_is_refused(int fd, int lease)
{
	bool refused;

	leases++;
	refused = fcntl(fd, F_SETLEASE, lease) < 0;
	if (refused)
		refused = errno == EAGAIN;
	else
		fcntl(fd, F_SETLEASE, F_UNLCK);
	leases--;
	return refused;
}

bool stamp_holds_leases(void)
{
	return leases > 0;
}

bool stamp_file_is_written(int fd)
{
	return lease_is_refused(fd, F_RDLCK);
}

bool stamp_file_is_open(int fd)
{
	return lease_is_refused(fd, F_WRLCK);
}

bool stamp_is_trusted(int fd, const struct stamp *stamp, int64_t now_ns)
{
	int64_t age = now_ns - stamp->ctime_ns;

	/* Programs can't set a ctime: a ctime in the future means that the clock was set back, so the stamp
	 * proves nothing. */
	if (age < SETTLED_NS + (stamp_is_coarse(stamp->mtime_ns, stamp->ctime_ns) ? COARSE_NS : 0))
		return false;
	return age >= LONGEST_WRITE_NS || !stamp_file_is_written(fd);
}
