/*
 * tree - the backing tree as inodes: the identity of a file, its number for the kernel (nodeid), and how to
 * reach the file again.
 *
 * A file is identified by its file handle (name_to_handle_at), so that no descriptor needs to be kept open; a
 * bounded set of O_PATH descriptors is cached for files in use. If the file system has no handles, or opening
 * by handle is not permitted, a file is identified by device, inode number and birth time, and reached by its
 * name.
 *
 * A nodeid is derived from the handle: it stays the same when the kernel forgets the inode and looks it up
 * again. Every function is safe to call from any thread.
 */
#pragma once

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

struct tree;
struct object;
struct tree_mount;
struct space;

/* What the kernel has bound an inode to while it is open; see fs/lane.h. */
enum binding {
	UNBOUND,
	BOUND_BACKING,
	BOUND_STORE,
	BOUND_SERVED,
};

/* Flags that are changed under the inode's lock, but also read without it. */
enum inode_mark {
	INODE_PINNED = 1,        /* by name, see fs/pin_list.h */
	INODE_MAPPABLE = 2,      /* was open read-write: a shared mapping may write it without a request */
	INODE_RANDOM = 4,        /* was read out of order: gets the lane plain with large=stream */
	INODE_OUTGROWN = 8,      /* grew too large while cached: not cached again */
	INODE_LOCKED = 16,       /* has been locked: closes are announced, attributes not cached */
	INODE_LOCKS_INSIDE = 32, /* a directory of files that have been locked: its names are not cached */
	INODE_PRIVILEGED = 64,   /* was made set-uid or set-gid by this mount, perhaps while it was open */
};

/* One for each file that the kernel or the cache knows. Small, since there may be millions. */
struct inode {
	uint64_t nodeid;
	uint64_t refs; /* of kernel lookups, open handles, objects, jobs; under the shard's lock */
	struct tree_mount *mount;
	struct object *_Atomic object; /* the cache's, or NULL; this and the counts: under tree_lock_inode().
					  Without it: only compare with NULL. */
	uint32_t open_count;
	uint32_t writer_count;
	int32_t backing_id;  /* of the backing file, while bound to it */
	int32_t fd_slot;     /* in the set of descriptors, or -1; under the set's lock */
	uint16_t change_seq; /* incremented by every change through the mount */
	int16_t handle_type; /* the file system's, or TREE_BY_NAME */
	uint8_t type;        /* DT_* of dirent.h */
	uint8_t handle_bytes;
	uint8_t tried_at; /* time of the last attempt to pin it, in 1/8 s modulo 256 */

	_Atomic uint8_t marks; /* enum inode_mark */

	int8_t priority : 2;    /* -1, 0, 1: the priority that a rule gives it, for the policy */
	uint8_t keep : 1;       /* a rule pins its object */
	uint8_t oversize : 1;   /* a rule permits to cache it though it is not small */
	uint8_t binding : 2;    /* enum binding */
	uint8_t filling : 1;    /* a fill is queued, or running and still notices changes of the file */
	uint8_t fillers : 2;    /* number of fillers that are pinning it or mending its pin */
	uint8_t suspect : 1;    /* was open for writing since the copy was last proved fresh */
	uint8_t rule_lane : 3;  /* with priority and keep: what the rules said when its path was last known */
	uint8_t rule_write : 2; /* 0: nothing, 1: around, 2: through */
	uint8_t rule_epoch : 3; /* the epoch of those rules (live_rules.h); 0: none */
	uint8_t lingers : 1;    /* was bound to the backing file: a mapping of that may be left */
	uint8_t tried : 1;      /* pinning it was tried before */
	uint8_t for_root : 1;   /* bound to the backing file with root's right to its file system's reserved
				   blocks */

	/* of a directory, see fs/dir_cache.h */
	_Atomic uint8_t listed_use; /* how it is listed, see cache/policy/listed.h; set under listing_lock */
	_Atomic uint32_t listed_stamp; /* of its times when it was last opened, see fs/dir_cache.c */

	unsigned char handle[]; /* empty if the nodeid contains the handle */
};

static inline bool inode_is(const struct inode *inode, enum inode_mark mark)
{
	return atomic_load_explicit(&inode->marks, memory_order_relaxed) & mark;
}

/* Under the inode's lock. */
static inline void inode_set_mark(struct inode *inode, enum inode_mark mark, bool on)
{
	if (on)
		atomic_fetch_or_explicit(&inode->marks, mark, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&inode->marks, (uint8_t)~mark, memory_order_relaxed);
}

/* Creates the tree below source_fd, a directory open for reading, which it takes over. fd_limit: the largest
 * number of O_PATH descriptors to keep. Returns 0 or -errno. */
int tree_new(struct tree **ret, int source_fd, unsigned fd_limit);
void tree_free(struct tree *tree);
/* For tests: closes each descriptor when the operation that uses it ends. */
void tree_keep_no_descriptors(struct tree *tree);

/*
 * Call before and after the mount. If MOUNTPOINT lies below the root, its name keeps leading to the directory
 * that the mount covers, since a daemon that looks up names in its own mount would wait for itself. 0 or
 * -errno.
 */
int tree_before_mount(struct tree *tree, const char *mountpoint);
int tree_after_mount(struct tree *tree, const char *mountpoint);

struct inode *tree_root(struct tree *tree);

/* The inode with this nodeid; NULL if it is unknown and can't be found again. The caller gets no reference:
 * the kernel holds one for the duration of a request. */
struct inode *tree_find(struct tree *tree, uint64_t nodeid);

/* Looks up name in parent. *ret gets a reference, which the caller passes on to the kernel or puts. 0 or
 * -errno. */
int tree_lookup(
	struct tree *tree, struct inode *parent, const char *name, struct inode **ret, struct statx *stx);
/* Makes SOURCE's file system, if it is remote, ask its server which file has the name, instead of trusting a
 * cached name. */
void tree_renew_name(struct tree *tree, struct inode *parent, const char *name);
/* As tree_lookup() for a file that the caller has open as fd, and keeps open; parent and name may be NULL.
 * stx also has STATX_DIOALIGN if the file system provides it. */
int tree_adopt(struct tree *tree, int fd, struct inode *parent, const char *name, struct inode **ret,
	struct statx *stx);
/* The same for a new name of inode, which is open as fd, so that it need not be identified. */
int tree_adopt_link(struct tree *tree, struct inode *inode, int fd, struct inode *parent, const char *name,
	struct inode **ret, struct statx *stx);
/* For NFS exports: looks up a nodeid that the kernel may have forgotten. Takes a reference. 0 or -errno. */
int tree_lookup_nodeid(struct tree *tree, uint64_t nodeid, struct inode **ret, struct statx *stx);

/* Takes a reference on the inode with this nodeid, even if the kernel has forgotten it. NULL if the table has
 * forgotten it too. */
struct inode *tree_recall(struct tree *tree, uint64_t nodeid);
struct inode *tree_hold(struct tree *tree, struct inode *inode);
void tree_put(struct tree *tree, struct inode *inode, uint64_t count);

/* The file whose name an unlink or rename is about to remove. */
struct tree_leaving {
	struct inode *inode; /* referenced until tree_after_unlink(); NULL if there is none */
	bool last;           /* it is the last name */
};
/* Call before an unlink or rename that may remove an inode's last name: keeps the file reachable while the
 * kernel knows the inode. */
void tree_before_unlink(
	struct tree *tree, struct inode *parent, const char *name, struct tree_leaving *leaving);
/* Call afterwards. done: the name was removed. A file that is identified by its inode number only then counts
 * as gone: the next holder of the number is a different file. */
void tree_after_unlink(struct tree *tree, const struct tree_leaving *leaving, bool done);
/* After a rename: without handles, the file is reached by its new name from now on. */
void tree_note_name(struct tree *tree, struct inode *parent, const char *name);

/* For a file without a name: without handles, a descriptor made from fd keeps it reachable. */
void tree_keep(struct tree *tree, struct inode *inode, int fd);

/*
 * From now on reads do not change access times, as far as this process is permitted to prevent it: for other
 * users' files and symbolic links only with CAP_SYS_ADMIN. Call before the first file is opened.
 */
void tree_leave_times(struct tree *tree);
bool tree_leaves_times(const struct tree *tree);
/* As readlink(2), but returns -errno. */
ssize_t tree_readlink(struct tree *tree, struct inode *inode, char *target, size_t size);

/* An O_PATH descriptor of the inode, kept until the matching put. Returns it or -errno. */
int tree_fd_get(struct tree *tree, struct inode *inode);
void tree_fd_put(struct tree *tree, struct inode *inode);
/*
 * For a file that was just created and is open as fd: requests for it use fd until tree_fd_take_back(), which
 * after true must be called before fd is closed. It returns whether the caller closes fd; otherwise the tree
 * does so soon.
 */
bool tree_fd_lend(struct tree *tree, struct inode *inode, int fd);
bool tree_fd_take_back(struct tree *tree, struct inode *inode, int fd);
/* Opens the file. Returns a descriptor, which the caller closes, or -errno. -EAGAIN: a process has a lease on
 * the file in SOURCE, and has been asked to release it. O_NOATIME is dropped if it is not permitted. */
int tree_open(struct tree *tree, struct inode *inode, int flags);
/* The same, but waits for the release of the lease: at most as long as /proc/sys/fs/lease-break-time says. */
int tree_open_patiently(struct tree *tree, struct inode *inode, int flags);
/* As openat(2) with O_CLOEXEC, but returns -errno. If descriptors run out, closes idle ones of the tree and
 * tries again. */
int tree_openat(struct tree *tree, int dir_fd, const char *name, int flags, mode_t mode);
/* "/proc/self/fd/N" for calls that take only a path. */
#define TREE_PATH_SIZE 32
static inline void tree_fd_path(int fd, char path[TREE_PATH_SIZE])
{
	snprintf(path, TREE_PATH_SIZE, "/proc/self/fd/%d", fd);
}
/* Closes descriptors that were not used since the last call, since they would keep deleted files alive. */
void tree_close_idle(struct tree *tree);

/* The file's path relative to SOURCE, whose path is source; false, and "", if it is not known at the
 * moment. */
bool tree_path(struct tree *tree, const char *source, struct inode *inode, char path[PATH_MAX]);
/* The directory of that path, with a reference for the caller; NULL if there is none. */
struct inode *tree_parent(struct tree *tree, const char *source, struct inode *inode);

int tree_statx(struct tree *tree, struct inode *inode, struct statx *stx);
/* The same, but a network file system asks its server instead of using cached attributes. */
int tree_statx_now(struct tree *tree, struct inode *inode, struct statx *stx);
/* As tree_statx(), but does not count as a use: its descriptor is not kept. */
int tree_peek(struct tree *tree, struct inode *inode, struct statx *stx);
/*
 * Changes stx to what the mount reports: inode numbers that are unique though SOURCE may span file systems,
 * and no more rights than the mount options of the file's own file system (nosuid, nodev) permit.
 */
void tree_present(const struct inode *inode, struct statx *stx);
/* Whether inode's file system is mounted with nosuid: set-uid, set-gid and file capabilities have no
 * effect. */
bool tree_is_nosuid(const struct inode *inode);

/* Whether two changes always have different time stamps if the time was read in between (multigrain
 * timestamps, Linux 6.13). */
bool tree_has_fine_stamps(const struct inode *inode);
/* Whether listing the directory changes its access time, by the options of the mount that SOURCE is on. stx:
 * with atime, mtime and ctime. */
bool tree_listing_moves_atime(const struct inode *inode, const struct statx *stx);
/* Whether operations on the file never wait for another machine or program. */
bool tree_is_local(const struct inode *inode);
/* Whether operations on the file go to another machine. If it is not known where they go, the file is neither
 * local nor remote. */
bool tree_is_remote(const struct inode *inode);
/* Whether close(2) never reports an error of an earlier write: true for local file systems, which do nothing
 * at close. */
bool tree_close_is_silent(const struct inode *inode);
/* Whether writes must be flushed and synced through the same open file that wrote them, and each open needs a
 * lookup first; see backends/fstype.h. */
bool tree_has_state_by_open(const struct inode *inode);
/* Does that lookup for an open that the kernel makes by itself; tree_open() does its own. */
void tree_look_again(struct tree *tree, struct inode *inode);
/* Whether a file may be mapped without a lease showing it. */
bool tree_hides_mappings(const struct inode *inode);
/* The free space of inode's file system, see users/space.h. */
struct space *tree_space(const struct inode *inode);
/* An inode number of inode's file system, as the mount reports it. */
uint64_t tree_ino(const struct inode *inode, uint64_t ino);

void tree_lock_inode(struct tree *tree, struct inode *inode);
/* The same without waiting: false if the lock is taken. */
bool tree_lock_inode_if_free(struct tree *tree, struct inode *inode);
void tree_unlock_inode(struct tree *tree, struct inode *inode);

/* Visit each inode that has an object in the cache; each is referenced during its visit. tree_each_slice()
 * visits one of TREE_SLICES parts of them. */
#define TREE_SLICES 64
void tree_each(struct tree *tree, void (*visit)(struct inode *inode, void *ctx), void *ctx);
void tree_each_slice(
	struct tree *tree, unsigned slice, void (*visit)(struct inode *inode, void *ctx), void *ctx);
/* Whether the file lies on a file system mounted below the root. */
bool tree_is_mounted_below(const struct inode *inode);

/* Figures for the counters: inodes, and bytes that they take. */
uint64_t tree_inode_count(struct tree *tree);
uint64_t tree_bytes(struct tree *tree);
bool tree_has_handles(struct tree *tree);
