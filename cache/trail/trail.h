/*
 * trail - follows large files through the page cache and drops what streams leave behind.
 *
 * The kernel reads and writes such a file by itself; nothing of that is seen here. One thread asks where the
 * file's pages are (finder.h), has streams told from random reading (cache/policy/trailing.h), and drops all
 * but a window behind each stream's front (POSIX_FADV_DONTNEED). What was in the page cache when the file was
 * opened is not touched, nor what programs have mapped.
 *
 * A file is looked at every 10 ms while pages appear, and less often as none do; then it rests, and an
 * inotify(7) watch wakes the thread at the next read(2) or write(2). What the watch misses (sendfile, splice,
 * mappings) is found by trail_tick(). With nothing to follow the thread sleeps.
 *
 * A thread that a file system holds up is replaced by another after a second or two; files of that device
 * wait until it goes on. Files have numbers, chosen by the caller. All functions may be called from any
 * thread, and wait for no disk; trail_free() for looks that are being made.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct trail;

struct trail_open {
	int fd;        /* in any mode, for a copy of it to be kept until half a second after the last
			  trail_end(); -1 is enough for a file that is trailed already, else -ENOENT */
	bool may_stay; /* such a copy may also be kept as long as the file's pages stay, see
			  cache/policy/rereads.h */
	bool writes;   /* what is appended is written back as it comes, and dropped then */
	pid_t reader;  /* whose memory cgroup pays for the pages; 0: not known */
};

struct trail_settings {
	uint64_t window; /* bytes that a stream may have in the page cache */
	uint64_t stay;   /* bytes of files that stay, since they are read again and again; 0: none */
	uint64_t (*memory_of)(pid_t reader); /* bytes that its memory cgroup may have; NULL: no limit */
	uint64_t memory; /* and all streams together, as long as each has twice the device's readahead and 4
			    MiB */
	uint64_t large;  /* bytes from which on a file is followed that was opened to be written */
};

/* What streams of writes may have in the page cache all together, beside settings.memory: their programs are
 * not slowed, and the disk has its own pace. */
#define TRAIL_WRITE_EXCESS (256ull << 20)

/* clang-format off */
/* Counted for a mount, as backends/backend_stats.h does. Those from staying on are levels. */
#define TRAIL_STATS(COUNTER) \
	COUNTER(opens, "opens of files that are trailed") \
	COUNTER(refused, "opens of large files that could not be trailed") \
	COUNTER(looks, "times that a file's pages were counted") \
	COUNTER(searches, "times that they were looked for, since they were too many") \
	COUNTER(dropped_bytes, "bytes dropped from the page cache behind streams") \
	COUNTER(stuck_bytes, "bytes that could not be dropped, since they were mapped or being written") \
	COUNTER(kept_bytes, "bytes found in the page cache at an open, or read at random, and left there") \
	COUNTER(written_bytes, "bytes appended to files, seen in the page cache") \
	COUNTER(excesses, "times that streams of writes had more there than they may") \
	COUNTER(replaced, "times that another thread went on for one that a file system held up") \
	COUNTER(staying, "files not trailed since they are read again and again") \
	COUNTER(staying_bytes, "bytes that those may take") \
	COUNTER(files, "files that are trailed now, open or just closed") \
	COUNTER(resting, "of these, files that nobody reads") \
	COUNTER(streams, "streams that are read now") \
	COUNTER(resident_bytes, "bytes that streams have in the page cache") \
	COUNTER(most_resident_bytes, "most that was seen there at a time") \
	COUNTER(tail_bytes, "bytes of streams of writes in the page cache") \
	COUNTER(most_tail_bytes, "most that was seen there at a time") \
	COUNTER(unwritten_bytes, "of these bytes, those that the disk does not have yet")
/* clang-format on */

struct trail_stats {
#define COUNTER(name, help) atomic_uint_least64_t name;
	TRAIL_STATS(COUNTER)
#undef COUNTER
};

/* 0 and *out, for trail_free(), or -errno: -ENOSYS without cachestat(2). Starts the thread. */
int trail_new(const struct trail_settings *settings, struct trail **out);

/* Leaves the page cache as it is. */
void trail_free(struct trail *trail);

/* Another trail_settings.window: files are held to it when they are looked at next, as they are read. NULL is
 * fine. */
void trail_set_window(struct trail *trail, uint64_t window);

/* Another trail_settings.large from now on. NULL is fine. */
void trail_set_large(struct trail *trail, uint64_t large);

/*
 * The file was opened once more. 0, or -errno where the file can't be trailed, -ENOSYS without a trail. What
 * the page cache holds when this returns is not dropped.
 */
int trail_begin(struct trail *trail, uint64_t id, const struct trail_open *how);

/* One of those opens is over. What was written and is not large by then keeps its pages. */
void trail_end(struct trail *trail, uint64_t id);

/* The file was removed: its space is to come back with its last close. */
void trail_removed(struct trail *trail, uint64_t id);

/* The file was truncated to so many bytes: what comes after them later was not there before. */
void trail_truncated(struct trail *trail, uint64_t id, uint64_t size);

/* From now on files that are read again may take so many bytes; what is more leaves. */
void trail_limit_staying(struct trail *trail, uint64_t bytes);

/* Bytes a second of streams on this device (st_dev), of late; 0 where none was long enough to be measured. */
uint64_t trail_rate(struct trail *trail, dev_t device);

/* The same of streams of writes. *exceeded: since the last call they had more than they may in the page
 * cache. */
uint64_t trail_write_rate(struct trail *trail, dev_t device, bool *exceeded);

/* To be called once a second. */
void trail_tick(struct trail *trail);

/* Never freed before the trail. */
const struct trail_stats *trail_stats(const struct trail *trail);
void trail_stats_each(const struct trail_stats *stats,
	void (*each)(void *context, const char *name, uint64_t value, const char *help), void *context);
