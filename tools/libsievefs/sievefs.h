/*
 * sievefs.h - asks and steers a mounted sievefs.
 *
 * Plain C, no further libraries. Errors are negative errno. Any thread may call the functions about files; a
 * struct sievefs_mount is not shared between threads without a lock of the caller's.
 *
 * Whoever may read a file may ask about it, warm and flush it. To evict it takes its owner, the owner of the
 * mount or root; to pin it, one of the last two.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; a library of the same number in its name (libsievefs.so.0) has all that it declares. */
#define SIEVEFS_API_VERSION 1

#if defined(__GNUC__)
#define SIEVEFS_PUBLIC __attribute__((visibility("default")))
#else
#define SIEVEFS_PUBLIC
#endif

/* --- files ------------------------------------------------------------------------------------- */

/* struct sievefs_file.flags */
#define SIEVEFS_CACHED 0x1u   /* whole, and kept by the mount */
#define SIEVEFS_FILLING 0x2u  /* on its way in */
#define SIEVEFS_OPEN 0x4u     /* through the mount */
#define SIEVEFS_WRITTEN 0x8u  /* open for writing */
#define SIEVEFS_COUNTED 0x10u /* cached_bytes, dirty_bytes and writeback_bytes are known */
#define SIEVEFS_KEPT 0x20u    /* cached, and stays until it is told to leave */
#define SIEVEFS_PINNED 0x40u  /* it was told to stay, by sievefs_pin() or the option pins= */

#define SIEVEFS_LEFT 0x80u /* it left the cache for others, and is remembered: left_s, left_for */

#define SIEVEFS_WORD_SIZE 32
#define SIEVEFS_PATH_SIZE 512

/* What the mount does with a file, as it was when the mount was asked. */
struct sievefs_file {
	uint32_t version;         /* SIEVEFS_API_VERSION of the library: members that are newer are 0 */
	uint32_t flags;           /* SIEVEFS_* */
	uint64_t size;            /* bytes */
	uint64_t cached_bytes;    /* bytes in memory: in the page cache, or of the mount's copy */
	uint64_t dirty_bytes;     /* bytes in the page cache that the disk has not got */
	uint64_t writeback_bytes; /* bytes on their way to it */
	uint64_t small_max, large_min, cache_size; /* bytes: the mount's options */
	uint32_t opens, wanted; /* of a file that was opened too seldom: how often, and how often it takes */
	uint32_t uses;          /* opens since it was cached */
	uint32_t age_s;         /* seconds since then */
	/* Words of sievefs(8), ATTRIBUTES, which stay the same from version to version; there may be new
	 * ones. */
	char lane[SIEVEFS_WORD_SIZE];        /* how it would be read if it were opened now */
	char why[SIEVEFS_WORD_SIZE];         /* what decided that */
	char cache[SIEVEFS_WORD_SIZE];       /* "hit", or why not */
	char section[SIEVEFS_WORD_SIZE * 2]; /* of the rules that decided, cut where it is longer; "": none */
	/* With SIEVEFS_LEFT: how many seconds ago it left the cache, and for which file: its path from the
	 * mount's root, which only root and the owner of the mount are told; "": for none, since the cache
	 * shrank or was emptied, or for one that is not known any more. Cut where it is longer. */
	uint32_t left_s;
	char left_for[SIEVEFS_PATH_SIZE];
	uint64_t reserved[8];
};

/*
 * Each names the file by a descriptor that is open on it for reading, or by a path, from the directory dirfd
 * on where it is relative (AT_FDCWD: the working directory). Symbolic links are followed. Asking by path does
 * not open the file, unless its directory may be searched and not read. @file may be NULL in all but the
 * first two; what it then says is as of after the deed.
 *
 * -ENOTTY: no regular file of a sievefs; -EACCES: the caller may not read it; -EPROTO: library and mount are
 * of versions that do not understand each other; -EAGAIN: somebody has a lease on the file in SOURCE; else as
 * open(2).
 */
SIEVEFS_PUBLIC int sievefs_state(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_state_at(int dirfd, const char *path, struct sievefs_file *file);

/*
 * Has the mount bring the file into the cache, and returns at once: it is cached when SIEVEFS_FILLING is gone
 * and SIEVEFS_CACHED there. Files that are neither small nor large are read into the page cache, which may
 * drop them, before this returns. 0 also where the file can't be cached; then file->cache says why.
 */
SIEVEFS_PUBLIC int sievefs_warm(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_warm_at(int dirfd, const char *path, struct sievefs_file *file);

/* Out of the cache and the page cache; bytes that are dirty or mapped stay. -EBUSY: the file is on its way
 * in, is pinned, or a program has its copy open; -EPERM: see above. */
SIEVEFS_PUBLIC int sievefs_evict(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_evict_at(int dirfd, const char *path, struct sievefs_file *file);

/*
 * Cached from now on, whatever the policy says, until it is unpinned or removed; brings it in as
 * sievefs_warm() does. Who takes its name over, by rename(2), takes over the pin. Pins outlast the mount
 * where it has the option pins=. -EFBIG: the file is larger than its part of cache_size, an eighth; where the
 * pinned files take half of it already, the file is cached, and SIEVEFS_KEPT is missing. -EPERM: only root
 * and the owner of the mount may do this. The second pair: -ENOENT: it was not pinned.
 */
SIEVEFS_PUBLIC int sievefs_pin(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_pin_at(int dirfd, const char *path, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_unpin(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_unpin_at(int dirfd, const char *path, struct sievefs_file *file);

/* Starts writeback of what is dirty, as sync_file_range(2) does, and returns at once. It is done when
 * dirty_bytes and writeback_bytes are 0. Errors of the disk are left to fsync(2) of whoever wrote. */
SIEVEFS_PUBLIC int sievefs_flush(int fd, struct sievefs_file *file);
SIEVEFS_PUBLIC int sievefs_flush_at(int dirfd, const char *path, struct sievefs_file *file);

/* What an error of these functions means for whoever named the file, one line without its name. Static. */
SIEVEFS_PUBLIC const char *sievefs_file_error(int error);

/* --- mounts ------------------------------------------------------------------------------------ */

struct sievefs_mount;

/*
 * Finds the mount that @path, any path inside it, belongs to. *@result is set in any case but -ENOMEM, so
 * that sievefs_mount_error() can be asked, and must go to sievefs_mount_close(). -ENOTTY: no sievefs mount;
 * -ENOTCONN: the mount's daemon is gone; else as open(2).
 */
SIEVEFS_PUBLIC int sievefs_mount_open(const char *path, struct sievefs_mount **result);

/* The absolute path of its root. Valid as long as the mount. */
SIEVEFS_PUBLIC const char *sievefs_mount_root(const struct sievefs_mount *mount);

/*
 * Sends one request of sievectl(8), @argv[0] being the verb and @argv ended by NULL, and waits for the reply.
 * On success *@reply is the text, ended by a NUL that @length (may be NULL) does not count; the caller
 * free()s it. Any number of requests may follow one another. -EACCES: only for root and the owner of the
 * mount; -EINVAL: the daemon does not take it.
 */
SIEVEFS_PUBLIC int sievefs_mount_request(
	struct sievefs_mount *mount, const char *const *argv, char **reply, size_t *length);

/*
 * The same for a request whose reply goes on (accesslog, trace). A descriptor, for the caller to close:
 * read(2) of it gives what has come, fails with EAGAIN where nothing has, and returns 0 at the end. -EBUSY:
 * as many listen as may.
 */
SIEVEFS_PUBLIC int sievefs_mount_listen(struct sievefs_mount *mount, const char *const *argv);

/* What the mount did and has. */
struct sievefs_sums {
	uint32_t version;   /* SIEVEFS_API_VERSION of the library: members that are newer are 0 */
	uint32_t flags;     /* SIEVEFS_SUMS_* */
	int64_t start_time; /* of the daemon, seconds since 1970; another one: the sums began anew */
	/* Sums since then. */
	uint64_t opens;              /* of files, in all lanes */
	uint64_t hits;               /* of files that may be cached, and were */
	uint64_t misses;             /* and were not */
	uint64_t fills;              /* files brought into the cache */
	uint64_t evictions;          /* files that left for others */
	uint64_t writeback_failures; /* times that writeback could not be started */
	/* Levels of this moment. */
	uint64_t cached_files, cached_bytes;
	uint64_t budget_bytes;                              /* that they may take */
	uint64_t pinned_bytes;                              /* of files that stay */
	uint64_t dirty_files, dirty_bytes, writeback_bytes; /* with SIEVEFS_SUMS_DIRTY, as last counted */
	uint64_t oldest_ms; /* since the oldest of them may have been written */
	uint64_t reserved[8];
};

/* The mount has one of the options dirty_*, and knows what is dirty. */
#define SIEVEFS_SUMS_DIRTY 0x1u

/* Whoever may open the mount's root for reading may ask. 0 or -errno, as of sievefs_state(). */
SIEVEFS_PUBLIC int sievefs_mount_sums(struct sievefs_mount *mount, struct sievefs_sums *sums);

/* Why the last call failed, one line that names the path; "" when it did not. Valid until the next call. */
SIEVEFS_PUBLIC const char *sievefs_mount_error(const struct sievefs_mount *mount);

/* Accepts NULL. */
SIEVEFS_PUBLIC void sievefs_mount_close(struct sievefs_mount *mount);

#ifdef __cplusplus
}
#endif
