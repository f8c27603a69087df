/*
 * stamp - a file's change stamp: proves that what was read ahead is still what the file holds.
 *
 * Size, mtime and ctime. Since Linux 6.13 a stamp that was looked at is never given to a later change;
 * before, two changes within a tick look alike, and at any time a change through mmap moves the stamp a
 * moment before its bytes arrive. So a stamp is worth something only when the file had been quiet for a while
 * (stamp_is_settled).
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

bool stamp_is_settled(const struct stamp *stamp);

static inline bool stamp_equals(const struct stamp *a, const struct stamp *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}
