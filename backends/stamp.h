/*
 * stamp - a file's change stamp: proves that what was read ahead is still what the file holds.
 *
 * Size, mtime and ctime. Since Linux 6.13 a stamp that was looked at is never given to a later change;
 * before, two changes within a tick look alike, and some file systems keep whole seconds only. At any time
 * one write(2) moves the stamp when it begins and stores its bytes for as long as it lasts, and so does a
 * store through a mapping. So a stamp is worth something only when the file had been quiet for a while and
 * nobody may be in the middle of a write (stamp_is_trusted).
 *
 * Times are nanoseconds since 1970 by CLOCK_REALTIME.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct stamp {
	uint64_t size;
	int64_t mtime_ns;
	int64_t ctime_ns;
};

/* 0 or -errno. */
int stamp_take(int fd, struct stamp *stamp);

/* The file system seems to keep whole seconds: changes within one (FAT: two) look alike. */
bool stamp_is_coarse(int64_t mtime_ns, int64_t ctime_ns);

/*
 * Somebody on this machine has the file open for writing or mapped so: a read lease is refused then. fd must
 * be open for reading only, or it is itself the writer. Unknown (another's file, a network file system)
 * counts as no. The lease is gone at once; SIGIO must be ignored or blocked.
 */
bool stamp_file_is_written(int fd);

/* The same for open or mapped in any way, but by fd itself. */
bool stamp_file_is_open(int fd);

/* Whether one of those two has a lease at this moment, on whatever file. */
bool stamp_holds_leases(void);

/* What is read after this stamp was taken, and before another is found, is of one state of the file. now_ns
 * is clock_wall_coarse_ns(), of the stamp's clock. */
bool stamp_is_trusted(int fd, const struct stamp *stamp, int64_t now_ns);

static inline bool stamp_equals(const struct stamp *a, const struct stamp *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}
