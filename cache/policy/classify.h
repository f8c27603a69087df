/*
 * classify - which lane a file travels in when it is opened.
 *
 * Pure: thresholds and facts in, a lane out. What an inode is already bound to may overrule it (fs/lane.c).
 * Sizes are bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum lane {
	LANE_CACHED,       /* reads by the kernel, from the store */
	LANE_PLAIN,        /* reads and writes by the kernel, through the backing file's page cache */
	LANE_DIRECT,       /* by the daemon, around the page cache */
	LANE_TRAILED,      /* as plain, and the daemon drops what streams leave in the page cache */
	LANE_CACHED_WRITE, /* by the daemon, into the backing file and its copy in the store */
	LANE_SERVED,       /* all by the daemon: no passthrough here */
	LANE_COUNT,
};

extern const char *const lane_names[LANE_COUNT];

/* The kernel moves the bytes: reads come to the daemon in none of these. */
static inline bool lane_is_of_kernel(enum lane lane)
{
	return lane == LANE_PLAIN || lane == LANE_TRAILED || lane == LANE_CACHED;
}

struct classify_limits {
	uint64_t small_max;    /* the largest file that may be cached */
	uint64_t large_min;    /* from here on a file is large */
	enum lane mid;         /* LANE_PLAIN or LANE_DIRECT */
	enum lane large;       /* of files that are read: LANE_PLAIN, LANE_DIRECT or LANE_TRAILED */
	enum lane large_write; /* of files that are written: likewise */
	bool stream;           /* large files that are used like a database get LANE_PLAIN all the same */
};

struct file_facts {
	uint64_t size;
	bool writes;          /* opened for writing */
	bool in_place;        /* for reading and writing, not appending: as databases do */
	bool grows;           /* new or truncated, to be written: nobody knows how far */
	bool random;          /* it was read out of order before */
	bool privileged_bits; /* set-uid or set-gid: a write clears them or not, by who writes */
};

/* What decides: the first that is so, in this order. */
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
 * The lane of a file of that class. LANE_CACHED says that the file may be cached: whether it is, is the
 * cache's matter. Where the kernel can't be bound to the file, it is served, and its bytes travel through the
 * daemon the way that this says.
 */
enum lane lane_of_class(const struct classify_limits *limits, enum file_class class, bool writes);

/* Both in one. */
enum lane classify(const struct classify_limits *limits, const struct file_facts *facts);
