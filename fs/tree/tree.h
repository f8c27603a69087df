/*
 * tree - the backing tree as inodes: who a file is, by which number the kernel knows it, how to reach it
 * again.
 *
 * A file is identified by its file handle (name_to_handle_at), so that no descriptor is kept for it: a
 * bounded set of O_PATH descriptors is cached for those in use. Where the file system has no handles, or
 * opening by handle is not permitted, a file is identified by device, inode number and birth time and reached
 * by its name.
 *
 * A nodeid is derived from the handle: it stays the same when the kernel forgets the inode and asks again.
 * Every function is safe to call from any thread.
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

/* To what the kernel has bound an inode while it is open; see fs/lane.h. */
enum binding {
	UNBOUND,
	BOUND_BACKING,
	BOUND_STORE,
	BOUND_SERVED,
};

/* What is also read without the inode's lock, under which it changes. */
enum inode_mark {
	INODE_PINNED = 1,        /* by name, see fs/pin_list.h */
	INODE_MAPPABLE = 2,      /* was open read-write: a shared mapping may write it unseen */
	INODE_RANDOM = 4,        /* was read out of order: under large=stream it gets the plain lane */
	INODE_OUTGROWN = 8,      /* once grew while cached: not cached again */
	INODE_LOCKED = 16,       /* has been locked: closes are announced, attributes not cached */
	INODE_LOCKS_INSIDE = 32, /* a directory of files that have been locked: its names are not cached */
	INODE_PRIVILEGED = 64,   /* was given set-uid or set-gid by this mount: perhaps while it was open */
};

/* One for each file that the kernel or the cache knows: small, there may be millions. */
struct inode {
	uint64_t nodeid;
	uint64_t refs; /* kernel lookups, open handles, cached objects, work; under the shard's lock */
	struct tree_mount *mount;
	struct object *_Atomic object; /* what the cache holds of it, or NULL; this and the counts: under
					  tree_lock_inode(). Without it, only whether there is one. */
	uint32_t open_count;
	uint32_t writer_count;
	int32_t backing_id;  /* of the backing file, while bound to it */
	int32_t fd_slot;     /* in the set of descriptors, or -1; under the set's lock */
	uint16_t change_seq; /* moves with every change that comes through the mount */
	int16_t handle_type; /* the file system's, or TREE_BY_NAME */
	uint8_t type;        /* DT_* of dirent.h */
	uint8_t handle_bytes;
	uint8_t tried_at; /* the eighth of a second in which pinning it was tried last, modulo 256 */

	_Atomic uint8_t marks; /* enum inode_mark */

	int8_t priority : 2;    /* -1, 0, 1: what a rule says for the policy */
	uint8_t keep : 1;       /* a rule pins its object */
	uint8_t oversize : 1;   /* a rule lets it be cached though it is not small */
	uint8_t binding : 2;    /* enum binding */
	uint8_t filling : 1;    /* a fill is queued, or running and sees what changes */
	uint8_t fillers : 2;    /* how many are pinning it or mending its pin */
	uint8_t suspect : 1;    /* was open for writing since the copy was last proved fresh */
	uint8_t rule_lane : 3;  /* what the rules said when its path was last known, with priority and keep */
	uint8_t rule_write : 2; /* 0: nothing, 1: around, 2: through */
	uint8_t rule_epoch : 3; /* and which rules those were; 0: none */
	uint8_t lingers : 1;    /* was bound to the backing file: a mapping of that may have stayed */
	uint8_t tried : 1;      /* pinning it was tried before */
	uint8_t for_root : 1; /* bound to the backing file with root's rights to its file system's reserve */

	unsigned char handle[]; /* empty where the nodeid holds it */
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

/* Opens the tree below source_fd (a directory opened for reading, which becomes the tree's). fd_limit: the
 * most O_PATH descriptors to keep. Returns 0 or -errno. */
int tree_new(struct tree **ret, int source_fd, unsigned fd_limit);
void tree_free(struct tree *tree);
/* For tests: close each descriptor as soon as the operation that used it ends. */
void tree_keep_no_descriptors(struct tree *tree);

/*
 * Before and after the mount: what MOUNTPOINT covers stays to be found under its name where it lies below the
 * root. A daemon that walks into its own mount waits for itself. 0 or -errno.
 */
int tree_before_mount(struct tree *tree, const char *mountpoint);
int tree_after_mount(struct tree *tree, const char *mountpoint);

struct inode *tree_root(struct tree *tree);

/* The inode that the kernel calls nodeid. NULL when it is unknown and cannot be found again. The caller has
 * no reference of its own: the kernel holds one for the length of a request. */
struct inode *tree_find(struct tree *tree, uint64_t nodeid);

/* Finds name in parent; *ret gets a reference that the caller hands to the kernel or gives back. */
int tree_lookup(
	struct tree *tree, struct inode *parent, const char *name, struct inode **ret, struct statx *stx);
/* Has the file system below ask its server which file bears the name, where it has one: it may know by a name
 * that was cached. */
void tree_renew_name(struct tree *tree, struct inode *parent, const char *name);
/* The same for a descriptor that the caller has and keeps; parent and name may be NULL. stx also has
 * STATX_DIOALIGN where the file system tells. */
int tree_adopt(struct tree *tree, int fd, struct inode *parent, const char *name, struct inode **ret,
	struct statx *stx);
/* The same for a new name of inode, whose descriptor fd is: who it is need not be asked. */
int tree_adopt_link(struct tree *tree, struct inode *inode, int fd, struct inode *parent, const char *name,
	struct inode **ret, struct statx *stx);
/* For NFS: a nodeid that the kernel may have forgotten. Takes a reference. */
int tree_lookup_nodeid(struct tree *tree, uint64_t nodeid, struct inode **ret, struct statx *stx);

/* Takes a reference on the inode with this nodeid, even if the kernel has forgotten it. NULL if the table
 * has, too. */
struct inode *tree_recall(struct tree *tree, uint64_t nodeid);
struct inode *tree_hold(struct tree *tree, struct inode *inode);
void tree_put(struct tree *tree, struct inode *inode, uint64_t count);

/* What a name stands for that an unlink or rename is about to take. */
struct tree_leaving {
	struct inode *inode; /* referenced until tree_after_unlink(); NULL if there is none */
	bool last;           /* it is the last name */
};
/* Before an unlink or rename that may take an inode's last name: it stays reachable while the kernel knows
 * it. */
void tree_before_unlink(
	struct tree *tree, struct inode *parent, const char *name, struct tree_leaving *leaving);
/* done: the name is gone. Where only an inode number tells a file, its next holder is a different file. */
void tree_after_unlink(struct tree *tree, const struct tree_leaving *leaving, bool done);
/* After a rename: where there are no handles, a file is reached by its new name. */
void tree_note_name(struct tree *tree, struct inode *parent, const char *name);

/* The file has no name: where there are no handles, a descriptor made from fd keeps it reachable. */
void tree_keep(struct tree *tree, struct inode *inode, int fd);

/*
 * From now on reading leaves access times alone, as far as this process may see to that: files of others and
 * symbolic links only with CAP_SYS_ADMIN. Before the first file is opened.
 */
void tree_leave_times(struct tree *tree);
bool tree_leaves_times(const struct tree *tree);
/* As readlink(2), but -errno. */
ssize_t tree_readlink(struct tree *tree, struct inode *inode, char *target, size_t size);

/* An O_PATH descriptor of the inode, kept until the matching put. Returns it or -errno. */
int tree_fd_get(struct tree *tree, struct inode *inode);
void tree_fd_put(struct tree *tree, struct inode *inode);
/*
 * The file was just made and is open as fd: requests about it need no descriptor of their own until the
 * second call. True: that is due before fd is closed, and says whether the caller is to close it; else the
 * tree does, soon.
 */
bool tree_fd_lend(struct tree *tree, struct inode *inode, int fd);
bool tree_fd_take_back(struct tree *tree, struct inode *inode, int fd);
/* Opens the file itself: a descriptor that the caller closes, or -errno. -EAGAIN where somebody has a lease
 * on the file in SOURCE; he has been asked to go. O_NOATIME is left out where it is not permitted. */
int tree_open(struct tree *tree, struct inode *inode, int flags);
/* The same, but waits until he has gone: at most what /proc/sys/fs/lease-break-time says. */
int tree_open_patiently(struct tree *tree, struct inode *inode, int flags);
/* openat(2), close-on-exec, or -errno. Where descriptors run out, the tree gives back those that it can
 * spare. */
int tree_openat(struct tree *tree, int dir_fd, const char *name, int flags, mode_t mode);
/* "/proc/self/fd/N" for calls that take only a path. */
#define TREE_PATH_SIZE 32
static inline void tree_fd_path(int fd, char path[TREE_PATH_SIZE])
{
	snprintf(path, TREE_PATH_SIZE, "/proc/self/fd/%d", fd);
}
/* Closes descriptors that nobody used since the last call: deleted files must not be held for long. */
void tree_close_idle(struct tree *tree);

/* The file's path below SOURCE, source; false, and "", when the kernel knows none at the moment. */
bool tree_path(struct tree *tree, const char *source, struct inode *inode, char path[PATH_MAX]);
/* The directory in which that is, with a reference for the caller; NULL when there is none. */
struct inode *tree_parent(struct tree *tree, const char *source, struct inode *inode);

int tree_statx(struct tree *tree, struct inode *inode, struct statx *stx);
/* The same as of now: a network file system asks its server, whatever attributes it keeps. */
int tree_statx_now(struct tree *tree, struct inode *inode, struct statx *stx);
/* The same for a look that is no use of the file: its descriptor is not kept. */
int tree_peek(struct tree *tree, struct inode *inode, struct statx *stx);
/*
 * What the mount reports: inode numbers that are unique though SOURCE may span file systems, and no more
 * rights than a file system below has where it is mounted.
 */
void tree_present(const struct inode *inode, struct statx *stx);
/* Whether set-uid, set-gid and capabilities of files are nothing where inode's file system is mounted. */
bool tree_is_nosuid(const struct inode *inode);

/* Whether two changes never bear the same time stamps if somebody looked in between (multigrain
 * timestamps, 6.13). */
bool tree_has_fine_stamps(const struct inode *inode);
/* Whether no operation on it waits for another machine or program. */
bool tree_is_local(const struct inode *inode);
/* Whether what is asked of it costs a way to another machine; neither where that is not known. */
bool tree_is_remote(const struct inode *inode);
/* Whether close(2) can bring no error of an earlier write: true of local file systems, which have no flush.
 */
bool tree_close_is_silent(const struct inode *inode);
/* Whether what is written is to be flushed and synced by the very open file that wrote it, and an open wants
 * a look-up before it; see backends/fstype.h. */
bool tree_has_state_by_open(const struct inode *inode);
/* That look-up, for an open that the kernel makes by itself; tree_open() makes its own. */
void tree_look_again(struct tree *tree, struct inode *inode);
/* Whether a file may be mapped without a lease's telling. */
bool tree_hides_mappings(const struct inode *inode);
/* The space of the file system that inode lies on. */
struct space *tree_space(const struct inode *inode);
/* An inode number of the file system that inode lies on, as the mount reports it. */
uint64_t tree_ino(const struct inode *inode, uint64_t ino);

void tree_lock_inode(struct tree *tree, struct inode *inode);
/* False where somebody has it: never waits. */
bool tree_lock_inode_if_free(struct tree *tree, struct inode *inode);
void tree_unlock_inode(struct tree *tree, struct inode *inode);

/* Each inode that has an object in the cache, held for the visit. The second: one of TREE_SLICES parts of
 * them. */
#define TREE_SLICES 64
void tree_each(struct tree *tree, void (*visit)(struct inode *inode, void *ctx), void *ctx);
void tree_each_slice(
	struct tree *tree, unsigned slice, void (*visit)(struct inode *inode, void *ctx), void *ctx);
/* Whether the file lies on a file system mounted below the root. */
bool tree_is_mounted_below(const struct inode *inode);

/* For the counters. */
uint64_t tree_inode_count(struct tree *tree);
uint64_t tree_bytes(struct tree *tree);
bool tree_has_handles(struct tree *tree);
