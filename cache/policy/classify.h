/*
 * classify - the lane of a file when it is opened.
 *
 * Pure: thresholds and facts in, a lane out. The inode may already be bound to another lane, which then takes
 * precedence (fs/lane.c). Sizes are bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum lane {
	LANE_CACHED,       /* reads by the kernel, of the pinned file or its copy */
	LANE_PLAIN,        /* reads and writes by the kernel, through the backing file's page cache */
	LANE_DIRECT,       /* by the daemon, around the page cache */
	LANE_TRAILED,      /* as plain, and the daemon drops what streams leave in the page cache */
	LANE_CACHED_WRITE, /* by the daemon: writes go to the backing file and its copy */
	LANE_SERVED,       /* all by the daemon: passthrough is impossible */
	LANE_COUNT,
};

extern const char *const lane_names[LANE_COUNT];

/* Whether the kernel moves the bytes by itself: the daemon sees no reads of files in these lanes. */
static inline bool lane_is_of_kernel(enum lane lane)
{
	return lane == LANE_PLAIN || lane == LANE_TRAILED || lane == LANE_CACHED;
}

struct classify_limits {
	uint64_t small_max;    /* the largest file that may be cached */
	uint64_t large_min;    /* the smallest file that is large */
	enum lane mid;         /* LANE_PLAIN or LANE_DIRECT */
	enum lane large;       /* of files that are read: LANE_PLAIN, LANE_DIRECT or LANE_TRAILED */
	enum lane large_write; /* of files that are written: likewise */
	bool stream;           /* large files that are used like a database get LANE_PLAIN all the same */
};

struct file_facts {
	uint64_t size;
	bool writes;          /* opened for writing */
	bool in_place;        /* for reading and writing, not appending: as databases do */
	bool grows;           /* new or truncated, and opened for writing: its future size is unknown */
	bool random;          /* it was read out of order before */
	bool privileged_bits; /* set-uid or set-gid: whether a write clears them depends on who writes */
};

/* What decides the lane: the first class that applies, in this order. */
enum file_class {
	CLASS_PRIVILEGED, /* written, and set-uid or set-gid */
	CLASS_RANDOM,     /* large, and used as a database is */
	CLASS_LARGE,
	CLASS_GROWING,
	CLASS_MID, /* neither large nor small */
	CLASS_SMALL,
	CLASS_COUNT,
};

extern const char *const class_names[CLASS_COUNT]; /* one word each */

enum file_class class_of(const struct classify_limits *limits, const struct file_facts *facts);

/*
 * The lane of a file of that class. LANE_CACHED means that the file may be cached; the cache decides whether
 * it is. Where passthrough is impossible the lane is LANE_SERVED, and this lane says how the daemon moves the
 * bytes.
 */
enum lane lane_of_class(const struct classify_limits *limits, enum file_class class, bool writes);

/* The lane of the class of a file with these facts. */
enum lane classify(const struct classify_limits *limits, const struct file_facts *facts);
