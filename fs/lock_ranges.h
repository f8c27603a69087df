/*
 * lock_ranges - which bytes of a file one owner has locked, and how.
 *
 * Pure: what fcntl(2) says of splitting, merging and converting, without any file.
 */
#pragma once

#include <stdint.h>

#define LOCK_RANGE_LAST                                                                    \
	INT64_MAX /* last of a range that reaches to the end of the file, wherever that is \
		   */
#define LOCK_RANGES_MAX 65536

struct lock_range {
	int64_t first, last; /* bytes, both included */
	short type;          /* F_RDLCK or F_WRLCK */
};

/* In order, disjoint; neighbours that touch differ in their type. Zeroed, it is empty. */
struct lock_ranges {
	struct lock_range *items;
	unsigned count, room;
};

void lock_ranges_deinit(struct lock_ranges *ranges);

/* type: F_UNLCK too. 0, or -ENOLCK (no memory, or too many ranges), with nothing changed; never that after
 * lock_ranges_reserve(). */
int lock_ranges_reserve(struct lock_ranges *ranges);
int lock_ranges_set(struct lock_ranges *ranges, int64_t first, int64_t last, short type);

/* The first range that keeps others from a lock of this type there; NULL: none. */
const struct lock_range *lock_ranges_conflict(
	const struct lock_ranges *ranges, int64_t first, int64_t last, short type);
