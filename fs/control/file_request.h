/*
 * file_request - requests about one file, or the mount, by ioctl(2) on any open file or directory of a mount.
 *
 * The kernel copies the struct in and, unless the call fails, out again. A file is named by a descriptor that
 * is open on it, or by its directory's and its name there: so that asking is no open, and the file need not
 * be opened at all. Between the library (tools/libsievefs) and the daemon: programs include sievefs.h.
 */
#pragma once

#include <linux/limits.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* Of both structs below: another one is refused with EPROTO. */
#define FILE_REQUEST_VERSION 1

enum file_verb {
	FILE_STATE, /* nothing but the answer */
	FILE_WARM,  /* bring it in; the answer tells whether it is on its way, or why not */
	FILE_EVICT, /* -EBUSY: it is pinned or mapped */
	FILE_FLUSH, /* start its writeback */
	FILE_PIN,   /* cached from now on, until it is unpinned; -EFBIG: too large for that */
	FILE_UNPIN, /* -ENOENT: it was not pinned */
	FILE_VERB_COUNT,
};

enum file_flag {
	FILE_CACHED = 1 << 0,  /* whole, and kept by the mount */
	FILE_FILLING = 1 << 1, /* on its way in */
	FILE_OPEN = 1 << 2,    /* through the mount */
	FILE_WRITTEN = 1 << 3, /* open for writing */
	FILE_COUNTED = 1 << 4, /* the page cache could be asked: the three *_bytes are known */
	FILE_KEPT = 1 << 5,    /* cached, and stays until it is told to leave */
	FILE_PINNED = 1 << 6,  /* it was told to stay */
	FILE_LEFT = 1 << 7,    /* it is known when it left, and for whom */
};

/* Words are those of the attributes user.sievefs.*, see sievefs(8). */
#define FILE_WORD_SIZE 32
#define FILE_PATH_SIZE 512

struct file_answer {
	uint64_t size, cached_bytes, dirty_bytes, writeback_bytes;
	uint64_t small_max, large_min, cache_size; /* bytes: the options in force */
	uint32_t flags;                            /* enum file_flag */
	uint32_t opens, wanted;                    /* of a file that was opened too seldom so far */
	uint32_t uses;                             /* opens since it was cached */
	uint32_t age_s;                            /* since then */
	uint32_t reserved;
	char lane[FILE_WORD_SIZE], why[FILE_WORD_SIZE], cache[FILE_WORD_SIZE];
	char section[FILE_WORD_SIZE * 2]; /* of the rules, which decided; cut where it is longer */
	/* Of a file that left for others, where it is known: how long ago, and for whom: the path from the
	 * mount's root, which only the mount's owner is told, cut where it is longer; "": for no file, or one
	 * that is not known any more. */
	uint32_t left_s, reserved2;
	char left_for[FILE_PATH_SIZE];
};

struct file_request {
	uint32_t version, verb;
	char name[NAME_MAX + 1]; /* "" is the open file itself */
	struct file_answer answer;
};

#define FILE_REQUEST_IOCTL _IOWR('s', 0xf5, struct file_request)

/* Sums are from the start of the daemon on, levels of this moment. */
struct mount_answer {
	uint64_t start_time; /* seconds since 1970 */
	uint64_t hits, misses, fills, evictions, opens;
	uint64_t cached_files, cached_bytes, budget_bytes, pinned_bytes; /* levels */
	uint64_t knows_dirty;                                            /* 0: of the next, nothing */
	uint64_t dirty_files, dirty_bytes, writeback_bytes, oldest_ms,
		failures; /* levels, but for the last */
};

struct mount_request {
	uint32_t version, reserved;
	struct mount_answer answer;
};

#define MOUNT_REQUEST_IOCTL _IOWR('s', 0xf6, struct mount_request)
