/*
 * lock_ranges - the byte ranges of a file that one owner has locked.
 *
 * Pure: splits, merges and converts ranges as fcntl(2) does. No I/O, no locks.
 */
#pragma once

#include <stdint.h>

#define LOCK_RANGE_LAST INT64_MAX /* the last byte of a range without an end */
#define LOCK_RANGES_MAX 65536

struct lock_range {
	int64_t first, last; /* bytes, both included */
	short type;          /* F_RDLCK or F_WRLCK */
};

/* Sorted and disjoint; adjacent ranges differ in type. Zeroed: empty. */
struct lock_ranges {
	struct lock_range *items;
	unsigned count, room;
};

void lock_ranges_deinit(struct lock_ranges *ranges);

/* Sets the type of a range, F_UNLCK removes it. 0, or -ENOLCK (no memory, too many ranges) without a change;
 * cannot fail after lock_ranges_reserve(). */
int lock_ranges_reserve(struct lock_ranges *ranges);
int lock_ranges_set(struct lock_ranges *ranges, int64_t first, int64_t last, short type);

/* The first range that conflicts with another owner's lock of this type; NULL: none. */
const struct lock_range *lock_ranges_conflict(
	const struct lock_ranges *ranges, int64_t first, int64_t last, short type);
