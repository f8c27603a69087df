/*
 * stamp - a file's change stamp: proves that data that was read ahead is still what the file has.
 *
 * A stamp is size, mtime and ctime. Since Linux 6.13 a later change never gets a stamp that was read before;
 * on older kernels two changes within a tick look alike, and some file systems keep whole seconds only. On
 * all kernels a write(2) moves the stamp when it begins and stores its bytes afterwards, and so does a store
 * through a mapping. So a stamp is proof only if the file had been unchanged for a while and no write can be
 * in progress (stamp_is_trusted).
 *
 * Times are nanoseconds since 1970 by CLOCK_REALTIME.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cache/base/clock.h"

struct stamp {
	uint64_t size;
	int64_t mtime_ns;
	int64_t ctime_ns;
};

/* 0 or -errno. */
int stamp_take(int fd, struct stamp *stamp);

/* Whether the file system seems to keep whole seconds only: then changes within one (FAT: two) look alike. */
bool stamp_is_coarse(int64_t mtime_ns, int64_t ctime_ns);

/*
 * Whether a process on this machine has the file open for writing or a writable mapping of it: then a read
 * lease is refused. fd must be open for reading only, else it counts itself. If it can't be known (another
 * user's file, a network file system), the answer is no. The lease is given back at once; SIGIO must be
 * ignored or blocked.
 */
bool stamp_file_is_written(int fd);

/* The same for a file that is open or mapped in any way, except by fd itself. */
bool stamp_file_is_open(int fd);

/* Whether a call of one of those two has a lease at this moment, on any file. */
bool stamp_holds_leases(void);

/* What is read after this stamp was taken, and before another is found, is of one state of the file. now_ns
 * is clock_wall_coarse_ns(), of the stamp's clock. */
bool stamp_is_trusted(int fd, const struct stamp *stamp, int64_t now_ns);

static inline int64_t stamp_ns(struct statx_timestamp t)
{
	return t.tv_sec * CLOCK_NS_PER_S + t.tv_nsec;
}

static inline bool stamp_equals(const struct stamp *a, const struct stamp *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}
