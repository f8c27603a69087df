/*
 * sievefs.h - queries and controls a mounted sievefs.
 *
 * Plain C, no further libraries. Errors are negative errno. The functions about files are thread-safe;
 * threads that share a struct sievefs_mount need a lock of their own.
 *
 * Any user who may read a file may query, warm and flush it. Its owner, the owner of the mount and root may
 * evict it; the owner of the mount and root may pin it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. A library with the same number in its name (libsievefs.so.0) has all functions
 * that it declares. */
#define SIEVEFS_API_VERSION 1

#if defined(__GNUC__)
#define SIEVEFS_PUBLIC __attribute__((visibility("default")))
#else
#define SIEVEFS_PUBLIC
#endif

/* --- files ------------------------------------------------------------------------------------- */

/* struct sievefs_file.flags */
#define SIEVEFS_CACHED 0x1u   /* the whole file is in the cache */
#define SIEVEFS_FILLING 0x2u  /* it is being brought into the cache */
#define SIEVEFS_OPEN 0x4u     /* it is open through the mount */
#define SIEVEFS_WRITTEN 0x8u  /* it is open for writing */
#define SIEVEFS_COUNTED 0x10u /* cached_bytes, dirty_bytes and writeback_bytes are known */
#define SIEVEFS_KEPT 0x20u    /* it is cached and is not evicted: pinned, or by a rule */
#define SIEVEFS_PINNED 0x40u  /* it is pinned, by sievefs_pin() or the option pins= */

#define SIEVEFS_LEFT 0x80u /* it was evicted, and that is remembered: left_s, left_for */

#define SIEVEFS_WORD_SIZE 32
#define SIEVEFS_PATH_SIZE 512

/* The state of a file at the time of the call. */
struct sievefs_file {
	uint32_t version;         /* SIEVEFS_API_VERSION of the library: members that are newer are 0 */
	uint32_t flags;           /* SIEVEFS_* */
	uint64_t size;            /* bytes */
	uint64_t cached_bytes;    /* bytes in memory: in the page cache, or in its copy */
	uint64_t dirty_bytes;     /* bytes in the page cache that are not on the disk */
	uint64_t writeback_bytes; /* bytes in writeback */
	uint64_t small_max, large_min, cache_size; /* bytes: the mount's options */
	uint32_t opens, wanted; /* if it was opened too seldom to be cached: its opens, and those needed */
	uint32_t uses;          /* opens since it was cached */
	uint32_t age_s;         /* seconds since it was cached */
	/* Words of sievefs(8), ATTRIBUTES. They do not change between versions; there may be new ones. */
	char lane[SIEVEFS_WORD_SIZE];        /* the lane if it were opened for reading now */
	char why[SIEVEFS_WORD_SIZE];         /* what decided the lane */
	char cache[SIEVEFS_WORD_SIZE];       /* "hit", or why not */
	char section[SIEVEFS_WORD_SIZE * 2]; /* of the rules that decided, truncated; "": none */
	/* With SIEVEFS_LEFT: how many seconds ago it was evicted, and for which file: the path from the root
	 * of the mount, truncated, which only root and the owner of the mount get. "": the cache shrank or
	 * was emptied, or the other file is not known any more. */
	uint32_t left_s;
	char left_for[SIEVEFS_PATH_SIZE];
	uint64_t reserved[8];
};

/*
 * The file is given by a descriptor that is open for reading, or by a path; a relative path begins at the
 * directory dirfd (AT_FDCWD: the working directory). Symbolic links are followed. The functions with a path
 * do not open the file, except if its directory can be searched but not read. @file receives the state after
 * the call; it may be NULL in all but the first two functions.
 *
 * -ENOTTY: not a regular file of a sievefs mount; -EACCES: the caller may not read it; -EPROTO: the versions
 * of library and mount do not understand each other; -EAGAIN: a program has a lease on the file in SOURCE;
 * otherwise the errors of open(2).
 */
SIEVEFS_PUBLIC int sievefs_state(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_state_at(int dirfd, const char *path, struct sievefs_file *file);

/*
 * Starts to bring the file into the cache, and returns at once: the file is cached when SIEVEFS_FILLING is
 * cleared and SIEVEFS_CACHED set. Files that are neither small nor large are read into the page cache, which
 * may drop them, before this returns. 0 also if the file can't be cached; then file->cache says why.
 */
SIEVEFS_PUBLIC int sievefs_warm(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_warm_at(int dirfd, const char *path, struct sievefs_file *file);

/* Removes the file from the cache and the page cache, except for pages that are dirty or mapped. -EBUSY: the
 * file is being filled, is pinned, or a program has its copy open; -EPERM: see above. */
SIEVEFS_PUBLIC int sievefs_evict(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_evict_at(int dirfd, const char *path, struct sievefs_file *file);

/*
 * Brings the file into the cache as sievefs_warm() does, and exempts it from eviction until it is unpinned or
 * removed. A file that replaces it by rename(2) takes over the pin. Pins outlast the mount if it has the
 * option pins=. -EFBIG: the file is larger than an eighth of cache_size. If pinned files already take half of
 * cache_size, the file is cached without SIEVEFS_KEPT. -EPERM: only root and the owner of the mount may do
 * this. The second pair unpins. -ENOENT: the file was not pinned.
 */
SIEVEFS_PUBLIC int sievefs_pin(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_pin_at(int dirfd, const char *path, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_unpin(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_unpin_at(int dirfd, const char *path, struct sievefs_file *file);

/* Starts writeback of dirty data, as sync_file_range(2) does, and returns at once. It is done when
 * dirty_bytes and writeback_bytes are 0. fsync(2) reports errors of the disk to the programs that wrote. */
SIEVEFS_PUBLIC int sievefs_flush(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_flush_at(int dirfd, const char *path, struct sievefs_file *file);

/* Explains an error of these functions in one line, without the file's name. A static string. */
SIEVEFS_PUBLIC const char *sievefs_file_error(int error);

/* --- mounts ------------------------------------------------------------------------------------ */

struct sievefs_mount;

/*
 * Opens the mount that @path belongs to. *@result is set even on errors, except -ENOMEM, so that
 * sievefs_mount_error() can be called; pass it to sievefs_mount_close(). -ENOTTY: @path is not in a sievefs
 * mount; -ENOTCONN: the mount's daemon is gone; otherwise the errors of open(2).
 */
SIEVEFS_PUBLIC int sievefs_mount_open(const char *path, struct sievefs_mount **result);

/* The absolute path of the mount point. Valid as long as @mount. */
SIEVEFS_PUBLIC const char *sievefs_mount_root(const struct sievefs_mount *mount);

/*
 * Sends one request of sievectl(8) and waits for the reply. @argv[0] is the command; @argv ends with NULL.
 * On success *@reply is the text, ended by a NUL that @length (may be NULL) does not count; the caller
 * free()s it. Any number of requests can follow. -EACCES: only for root and the owner of the mount; -EINVAL:
 * the daemon does not know the request; -ENOTTY: the daemon has another version than this library.
 */
SIEVEFS_PUBLIC int sievefs_mount_request(
	struct sievefs_mount *mount, const char *const *argv, char **reply, size_t *length);

/*
 * The same for a request with a continuous reply (accesslog, trace). Returns a descriptor, which the caller
 * closes: read(2) returns what has arrived, fails with EAGAIN if nothing has, and returns 0 at the end.
 * -EBUSY: there are already as many readers as allowed.
 */
SIEVEFS_PUBLIC int sievefs_mount_listen(struct sievefs_mount *mount, const char *const *argv);

/* Counters of the mount. */
struct sievefs_sums {
	uint32_t version;   /* SIEVEFS_API_VERSION of the library: members that are newer are 0 */
	uint32_t flags;     /* SIEVEFS_SUMS_* */
	int64_t start_time; /* of the daemon, seconds since 1970; if it changes, the sums began again */
	/* Sums since the start. */
	uint64_t opens;              /* opens of files, in all lanes */
	uint64_t hits;               /* opens of files that may be cached, and were */
	uint64_t misses;             /* opens of files that may be cached, and were not */
	uint64_t fills;              /* files brought into the cache */
	uint64_t evictions;          /* files evicted to make room */
	uint64_t writeback_failures; /* times that writeback could not be started */
	/* Present levels. */
	uint64_t cached_files, cached_bytes;
	uint64_t budget_bytes;                              /* bytes that cached files may take */
	uint64_t pinned_bytes;                              /* bytes of files that are not evicted */
	uint64_t dirty_files, dirty_bytes, writeback_bytes; /* with SIEVEFS_SUMS_DIRTY, as last counted */
	uint64_t oldest_ms;                                 /* the greatest age that dirty data can have */
	uint64_t reserved[8];
};

/* The mount has one of the options dirty_*, and so knows its dirty data. */
#define SIEVEFS_SUMS_DIRTY 0x1u

/* For any user who may open the mount's root for reading. 0 or -errno, as from sievefs_state(). */
SIEVEFS_PUBLIC int sievefs_mount_sums(struct sievefs_mount *mount, struct sievefs_sums *sums);

/* Why the last call failed, in one line with the path; "" if it did not fail. Valid until the next call. */
SIEVEFS_PUBLIC const char *sievefs_mount_error(const struct sievefs_mount *mount);

/* Accepts NULL. */
SIEVEFS_PUBLIC void sievefs_mount_close(struct sievefs_mount *mount);

#ifdef __cplusplus
}
#endif
