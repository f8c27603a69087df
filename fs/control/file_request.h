/*
 * file_request - requests by ioctl(2): about one file or the whole mount, on any open file or directory of a
 * mount, and request lines for the control file.
 *
 * The kernel copies the struct in and, unless the call fails, out again. A file is given by a descriptor of
 * it, or by a descriptor of its directory and its name there: the latter needs no open, which would count as
 * a use of the file. This is the interface between tools/libsievefs and the daemon; programs include
 * sievefs.h.
 */
#pragma once

#include <linux/limits.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* The version of all structs below; another one fails with EPROTO. */
#define FILE_REQUEST_VERSION 1

/* The longest request line for the control file, in bytes. */
#define CONTROL_REQUEST_MAX 8192

enum file_verb {
	FILE_STATE, /* only fills in the answer */
	FILE_WARM,  /* fill; the answer tells whether the file is being filled, or why not */
	FILE_EVICT, /* evict; EBUSY if the file is pinned or its copy is in use */
	FILE_FLUSH, /* start writeback */
	FILE_PIN,   /* cache the file until it is unpinned; EFBIG if it is too large */
	FILE_UNPIN, /* ENOENT if it was not pinned */
	FILE_VERB_COUNT,
};

enum file_flag {
	FILE_CACHED = 1 << 0,  /* cached completely */
	FILE_FILLING = 1 << 1, /* a fill is queued or running */
	FILE_OPEN = 1 << 2,    /* through the mount */
	FILE_WRITTEN = 1 << 3, /* open for writing */
	FILE_COUNTED = 1 << 4, /* the page cache could be counted: the three *_bytes are set */
	FILE_KEPT = 1 << 5,    /* cached and exempt from eviction */
	FILE_PINNED = 1 << 6,  /* pinned by name (sievectl pin) */
	FILE_LEFT = 1 << 7,    /* evicted: left_s and left_for are set */
};

/* Words are those of the attributes user.sievefs.*, see sievefs(8). */
#define FILE_WORD_SIZE 32
#define FILE_PATH_SIZE 512

struct file_answer {
	uint64_t size, cached_bytes, dirty_bytes, writeback_bytes;
	uint64_t small_max, large_min, cache_size; /* bytes; options in force */
	uint32_t flags;                            /* enum file_flag */
	uint32_t opens, wanted;                    /* opens so far, and opens that admission takes */
	uint32_t uses;                             /* opens since it was cached */
	uint32_t age_s;                            /* since then */
	uint32_t reserved;
	char lane[FILE_WORD_SIZE], why[FILE_WORD_SIZE], cache[FILE_WORD_SIZE];
	char section[FILE_WORD_SIZE * 2]; /* of the rules file, which decided; may be cut */
	/* With FILE_LEFT: seconds since the eviction, and the path of the file that was admitted instead,
	 * relative to the mount's root. Only the mount's owner is told the path; it may be cut; "": no file,
	 * or its name is not known any more. */
	uint32_t left_s, reserved2;
	char left_for[FILE_PATH_SIZE];
};

struct file_request {
	uint32_t version, verb;
	char name[NAME_MAX + 1]; /* in the open directory; "": the open file itself */
	struct file_answer answer;
};

#define FILE_REQUEST_IOCTL _IOWR('s', 0xf5, struct file_request)

/* Counters since the start of the daemon, except for those marked as levels. */
struct mount_answer {
	uint64_t start_time; /* seconds since 1970 */
	uint64_t hits, misses, fills, evictions, opens;
	uint64_t cached_files, cached_bytes, budget_bytes, pinned_bytes; /* levels */
	uint64_t knows_dirty; /* 0: the fields below are not known (no option dirty_*) */
	uint64_t dirty_files, dirty_bytes, writeback_bytes, oldest_ms,
		failures; /* levels, except for failures */
};

struct mount_request {
	uint32_t version, reserved;
	struct mount_answer answer;
};

#define MOUNT_REQUEST_IOCTL _IOWR('s', 0xf6, struct mount_request)

/* A request line (control.h) for the control file, which need not be open for writing: on a read-only mount
 * it can't be. The reply is read as after a write. */
struct control_line {
	uint32_t version, length; /* bytes of the text */
	char text[CONTROL_REQUEST_MAX];
};

#define CONTROL_LINE_IOCTL _IOW('s', 0xf7, struct control_line)
