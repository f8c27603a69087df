/*
 * trail_file - one file that is trailed, as trail.c sees it: what is known of its pages, and a look at them.
 *
 * Used by the trail's thread alone once it is in the table; what the table needs is under the trail's lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cache/base/list.h"
#include "cache/policy/rereads.h"
#include "cache/policy/spans.h"
#include "cache/policy/trailing.h"
#include "cache/trail/finder.h"
#include "cache/trail/tail.h"
#include "cache/trail/trail.h"

/* A measurement of streams. */
struct epoch {
	int64_t since_ns; /* since then pages came in each look; 0: not now */
	uint64_t pages;
};

struct trail_file {
	/* under the trail's lock */
	struct list_node node;   /* in the list of all */
	struct trail_file *next; /* in its bucket */
	uint64_t id;
	unsigned opens;
	struct reread reread;  /* its pages stay */
	pid_t reader;          /* the process that opened it last; 0: its memory limit is known */
	uint64_t memory;       /* bytes that the memory cgroup of each reader may have */
	int64_t due_ns;        /* when it is to be looked at; INT64_MAX while it is idle */
	bool reopened;         /* since the last look: pages of other readers than streams are kept */
	uint64_t truncated;    /* to the fewest pages since the last look; UINT64_MAX: it was not */
	bool gone;             /* removed */
	bool writes_began;     /* since the last look: what is appended from now on is the tail's */
	bool began_small;      /* was not large when it was first opened, to be written */
	bool looked_at;        /* at this moment, without the lock */
	int64_t rest_until_ns; /* not looked at before: the last look took long */
	int watch;             /* inotify's, or -1 */

	/* the thread's */
	int fd;
	dev_t device;
	struct epoch read, written;
	uint64_t small_pages; /* its size when last looked, while it was small */
	bool has_tail;
	struct tail tail;
	uint64_t file_pages;  /* when it was first opened */
	uint64_t passed;      /* pages dropped behind streams, a page that was read twice counts twice */
	struct spans kept;    /* left alone */
	struct spans again;   /* dropped except for pages in use: the next look drops those */
	struct spans stuck;   /* could not be dropped: not tried again for a while */
	uint64_t stuck_pages; /* resident in there when that was tried */
	int64_t stuck_until_ns;
	int64_t stuck_pause_ns; /* until it is tried again: longer after each failure */
	uint64_t left;          /* pages that the last look could not drop */
	uint64_t window_min; /* pages: what the kernel reads ahead is not to be dropped before it is read */
	struct span middle;  /* of the file: not looked at in the open */
	bool pictured;       /* kept has all pages that were resident at the first open */
	struct spans known;  /* streams' pages, resident throughout: not looked at again for a moment */
	int64_t known_ns;    /* when all was looked at */
	struct extent *extents; /* of the last search */
	size_t extent_count;
	uint64_t pages;     /* resident and not kept, when last looked */
	uint64_t search_at; /* their extents are searched for once there are so many */
	unsigned streams;
	unsigned quiet; /* looks since something changed */
};

/* 0 and *out, which takes over fd, or -errno. Begins to record what is resident. writes: it was opened for
 * writing; large: the size in bytes from which on it is then followed. */
int trail_file_new(uint64_t id, int fd, bool writes, uint64_t large, struct trail_file **out);
void trail_file_free(struct trail_file *file);

struct trail_look {
	uint64_t window; /* pages a stream may keep, if the device's readahead leaves them enough */
	int64_t now_ns;
	bool ends; /* no program has it open: streams keep nothing */
	bool reopened;
	uint64_t truncated;
	bool writes_began;
	bool small;                /* found by the look: it has not become large yet */
	uint64_t large;            /* pages: one that was small is followed from this size on */
	uint64_t rate, write_rate; /* found by the look: bytes a second of the file's streams; 0: not yet */
	struct trail_stats *stats;
	struct extent *extents; /* room for FINDER_EXTENTS */
};

/* Whether streams have read all of it, or nearly all, since the first open. */
bool trail_file_was_read_whole(const struct trail_file *file);

/* What a look found. */
enum {
	TRAIL_FILE_CHANGED = 1, /* there are more pages than before, or fewer */
	TRAIL_FILE_DROPPED = 2, /* and some were dropped */
};

/* Counts the file's pages and drops what is to go. 0 if nothing changed since the last look, one of the
 * above, or -errno: the file can't be looked at. */
int trail_file_look(struct trail_file *file, struct trail_look *look);
