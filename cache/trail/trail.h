/*
 * trail - follows large files through the page cache, and drops what streams leave behind.
 *
 * The kernel reads and writes such a file by itself; the daemon sees none of these reads and writes. One
 * thread asks where the file's pages are (finder.h), tells streams from random reading
 * (cache/policy/trailing.h), and drops all but a window behind each stream's front (POSIX_FADV_DONTNEED).
 * Pages that were in the page cache when the file was opened are not dropped, nor are pages that programs
 * have mapped.
 *
 * A file is looked at every 10 ms while pages appear, and less often while none do; then it is idle, and an
 * inotify(7) watch wakes the thread at the next read(2) or write(2). trail_tick() finds what the watch misses
 * (sendfile, splice, mappings). With nothing to follow the thread sleeps.
 *
 * A thread that a file system blocks is replaced by another after a second or two; files of that device wait
 * until it goes on. Files have numbers, chosen by the caller. All functions may be called from any thread,
 * and wait for no disk, except that trail_free() waits for looks in progress.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct trail;

struct trail_open {
	int fd; /* in any mode, the caller's; a descriptor of the same file is kept until half a second after
		   the last trail_end(). -1 suffices for a file that is trailed already, else -ENOENT */
	bool may_stay; /* the file's pages may stay (cache/policy/rereads.h), and the descriptor is then kept
			  as long */
	bool writes;   /* what is appended is written back as it comes, and dropped then */
	pid_t reader;  /* whose memory cgroup pays for the pages; 0: not known */
};

struct trail_settings {
	uint64_t window; /* bytes that a stream may have in the page cache */
	uint64_t stay;   /* bytes of files whose pages stay, since they are read again and again; 0: none */
	uint64_t (*memory_of)(pid_t reader); /* bytes that its memory cgroup may have; NULL: no limit */
	uint64_t memory; /* bytes for all streams together; but each may have twice the device's readahead and
			    4 MiB */
	uint64_t large;  /* a file that was opened for writing is followed from this size on, bytes */
};

/* Bytes that all streams of writes together may have in the page cache beyond settings.memory until that is
 * an excess: the programs are not slowed, and may be faster than the disk. */
#define TRAIL_WRITE_EXCESS (256ull << 20)

/* clang-format off */
/* Counted since the mount began, as in backends/backend_stats.h; those from staying on are present levels. */
#define TRAIL_STATS(COUNTER) \
	COUNTER(opens, "opens of files that are trailed") \
	COUNTER(refused, "opens of large files that could not be trailed") \
	COUNTER(looks, "times that a file's pages were counted") \
	COUNTER(searches, "times that the places of a file's pages were searched") \
	COUNTER(dropped_bytes, "bytes dropped from the page cache behind streams") \
	COUNTER(stuck_bytes, "bytes that could not be dropped, since they were mapped or being written") \
	COUNTER(kept_bytes, "bytes found in the page cache at an open, or read at random, and left there") \
	COUNTER(written_bytes, "bytes appended to files, seen in the page cache") \
	COUNTER(excesses, "times that streams of writes had more in the page cache than they may") \
	COUNTER(replaced, "times that a thread that a file system blocked was replaced") \
	COUNTER(staying, "files whose pages stay since they are read again and again") \
	COUNTER(staying_bytes, "bytes of files whose pages stay") \
	COUNTER(files, "files that are trailed now, open or just closed") \
	COUNTER(resting, "trailed files that are not read or written now") \
	COUNTER(streams, "streams that are read now") \
	COUNTER(resident_bytes, "bytes that streams have in the page cache") \
	COUNTER(most_resident_bytes, "most bytes that streams had in the page cache so far") \
	COUNTER(tail_bytes, "bytes of streams of writes in the page cache") \
	COUNTER(most_tail_bytes, "most bytes that streams of writes had in the page cache so far") \
	COUNTER(unwritten_bytes, "bytes of streams of writes that are not on the disk yet")
/* clang-format on */

struct trail_stats {
#define COUNTER(name, help) atomic_uint_least64_t name;
	TRAIL_STATS(COUNTER)
#undef COUNTER
};

/* 0 and *out, for trail_free(), or -errno: -ENOSYS without cachestat(2). Starts the threads. */
int trail_new(const struct trail_settings *settings, struct trail **out);

/* Leaves the page cache as it is. */
void trail_free(struct trail *trail);

/* Changes trail_settings.window; a file follows it from its next look on. NULL is fine. */
void trail_set_window(struct trail *trail, uint64_t window);

/* Changes trail_settings.large. NULL is fine. */
void trail_set_large(struct trail *trail, uint64_t large);

/*
 * The file was opened once more. 0, or -errno where the file can't be trailed, -ENOSYS without a trail. What
 * the page cache holds when this returns is not dropped.
 */
int trail_begin(struct trail *trail, uint64_t id, const struct trail_open *how);

/* An open that trail_begin() noted ends. A file that was written and has not become large keeps its pages. */
void trail_end(struct trail *trail, uint64_t id);

/* The file was removed: its descriptor is closed soon after the last trail_end(), which frees its blocks. */
void trail_removed(struct trail *trail, uint64_t id);

/* The file was truncated to size bytes: pages beyond that are new when they appear. */
void trail_truncated(struct trail *trail, uint64_t id, uint64_t size);

/* Changes trail_settings.stay, in bytes; files that exceed it no longer stay. */
void trail_limit_staying(struct trail *trail, uint64_t bytes);

/* Bytes a second of streams on this device (st_dev), of late; 0 where none was long enough to be measured. */
uint64_t trail_rate(struct trail *trail, dev_t device);

/* The same of streams of writes. *exceeded: since the last call they had more than they may in the page
 * cache. */
uint64_t trail_write_rate(struct trail *trail, dev_t device, bool *exceeded);

/* To be called once a second. Finds reads and writes that no watch reported. */
void trail_tick(struct trail *trail);

/* Never freed before the trail. */
const struct trail_stats *trail_stats(const struct trail *trail);
void trail_stats_each(const struct trail_stats *stats,
	void (*each)(void *context, const char *name, uint64_t value, const char *help), void *context);
