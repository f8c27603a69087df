/*
 * Shared by the tree's own sources only.
 *
 * The sources are a hierarchy. Each may call only those above it in this list:
 *
 *   identity, descriptor_set, quiet
 *   mounts (quiet), table (identity, descriptor_set)
 *   identify (mounts), route (table), descriptors (descriptor_set, mounts)
 *   covered (descriptors)
 *   reach: reaches a file through its directory, which is reached likewise; the recursion is within this file
 *   attr, open
 *   tree
 *   path
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cache/base/hash.h"
#include "fs/tree/descriptor_set.h"
#include "fs/tree/tree.h"
#include "fs/users/space.h"

#define STATX_WANTED (STATX_BASIC_STATS | STATX_BTIME)
#ifdef STATX_DIOALIGN
#define STATX_OF_MADE (STATX_WANTED | STATX_DIOALIGN)
#else
#define STATX_OF_MADE STATX_WANTED
#endif
#define STATX_WHO (STATX_TYPE | STATX_INO | STATX_BTIME) /* what tree_identify() needs */
#define TREE_SHARDS TREE_SLICES
#define TREE_INODE_LOCKS 512
#define TREE_FORGOTTEN_MAX 65536  /* forgotten inodes to remember whose nodeids do not contain the handle */
#define XFS_HANDLE_INO64_GEN 0x81 /* fs/xfs/xfs_export.h */
#define HANDLE_INO32_GEN 1        /* FILEID_INO32_GEN of linux/exportfs.h: ext4 and others */
#define TREE_BY_NAME (-1)         /* handle_type of files that are identified and reached by name */

/* How to reach a file without a handle. */
struct tree_route {
	struct inode *parent; /* referenced */
	char *name;
};

/* Frees the route. Returns the parent or NULL; the caller takes over its reference. */
static inline struct inode *tree_route_free(struct tree_route *route)
{
	struct inode *parent = route ? route->parent : NULL;

	if (route)
		free(route->name);
	free(route);
	return parent;
}

/* When listing a directory changes its access time. */
enum tree_atime { TREE_ATIME_ALWAYS, TREE_ATIME_DAILY, TREE_ATIME_NEVER };

/*
 * A file system of SOURCE, which may span several. One below the root can be unmounted when it is not in use:
 * idle descriptors are closed after a few seconds.
 */
struct tree_mount {
	struct tree_mount *next;
	dev_t dev;       /* may be reused after this file system is unmounted */
	uint64_t fsid;   /* distinguishes file systems that reuse a device number; 0 if unknown */
	uint32_t type;   /* f_type of statfs(2) */
	uint32_t serial; /* unique within the tree */
	bool has_handles;
	_Atomic bool gone;
	uint64_t ino_mix; /* 0 for the root's file system */
	bool fine_stamps, fine_dir_stamps;
	_Atomic uint8_t atime; /* enum tree_atime */
	bool hides_mappings;
	bool state_by_open;
	bool local;                 /* a close has nothing to report */
	bool remote;                /* operations go to another machine, see backends/fstype.h */
	_Atomic bool nosuid, nodev; /* of file systems below the root's; the root's apply to the mount */
	struct tree_route *route;   /* to its mount point, under routes_lock; NULL for the root's */
	struct space space;
	/* under mounts_lock */
	int fd; /* of any of its files, for open_by_handle_at(2); negative if handles do not work, or while
		   idle */
	int quiet_fd; /* the same on a mount with noatime; else negative */
	uint32_t users;
	bool recent;               /* used since the last sweep */
	_Atomic uint64_t mount_id; /* stx_mnt_id of fd, as last seen: the mount whose options apply */
};

/* The identity of a file without a handle; stored in place of the handle. */
struct tree_named_id {
	uint64_t ino;
	uint64_t birth_ns; /* tells a reused inode number from the file that had it before; 0: not known */
	uint64_t type_and_mount;
};

/* An inode that is reached by name (handle_type TREE_BY_NAME). */
struct named_inode {
	struct tree_route *route; /* under routes_lock */
	_Atomic bool gone;        /* the file was removed: its inode number may belong to another file now */
	struct inode inode;
};

static inline struct named_inode *tree_named(const struct inode *inode)
{
	return (struct named_inode *)((char *)inode - offsetof(struct named_inode, inode));
}

static inline struct tree_route **tree_route_of(struct inode *inode)
{
	return &tree_named(inode)->route;
}

static inline bool tree_is_named(const struct inode *inode)
{
	return inode->handle_type == TREE_BY_NAME;
}

struct tree_shard {
	pthread_mutex_t lock;
	GHashTable *inodes; /* set of struct inode by nodeid */
	GQueue forgotten;   /* without references, oldest first */
};

/* The directory that the mount covers. */
struct tree_covered {
	int fd;
	char *name;
	dev_t parent_dev;
	uint64_t parent_ino;
	dev_t by; /* device of the mount */
};

struct tree {
	struct inode *root;
	struct tree_covered covered;
	int root_fd;
	int proc_fd; /* /proc/self/fd */
	bool by_handle;
	bool quiet;      /* reads must not change access times */
	bool keeps_none; /* close descriptors at once after use (tests) */
	int packed_type; /* the handle type that fits into a nodeid, or 0 */
	pthread_mutex_t mounts_lock;
	struct tree_mount *mounts;   /* the root's is the last */
	pthread_mutex_t routes_lock; /* taken before a shard's lock, as is named_lock */
	pthread_mutex_t named_lock;
	GHashTable *named; /* inodes without a handle that are not gone, by tree_named_id */
	struct tree_shard shards[TREE_SHARDS];
	pthread_mutex_t inode_locks[TREE_INODE_LOCKS];
	struct descriptor_set fds;
	uint64_t bytes; /* of inodes, relaxed atomic */
	uint64_t count;
};

/* What identifies a file. */
struct identity {
	struct tree_mount *mount;
	int type;
	unsigned bytes;
	unsigned char data[MAX_HANDLE_SZ];
};

/* Whether the error is a temporary lack of memory or descriptors. */
static inline bool tree_is_short(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE;
}

/*
 * Converts the result of a call on a descriptor of a file. There ENOENT comes from a FUSE file system that
 * knows files only by name: the file was removed or replaced. ESTALE makes the kernel look its name up again.
 */
static inline int tree_removed_below(int r)
{
	return r == -ENOENT ? -ESTALE : r;
}

/* --- identity --------------------------------------------------------------------------------- */

/* Nodeids. A handle that consists of a 32-bit inode number and its generation fits into one:
 * tree_nodeid_pack() returns whether. */
uint64_t tree_hash_identity(const struct identity *id);
bool tree_nodeid_pack(const struct tree *tree, const struct identity *id, uint64_t *nodeid);
bool tree_nodeid_unpack(uint64_t nodeid, struct tree_mount *mount, int type, struct identity *id);

guint tree_named_id_hash(gconstpointer id);
gboolean tree_named_id_equal(gconstpointer a, gconstpointer b);

void tree_identity_of(const struct inode *inode, struct identity *id);
bool tree_is(const struct inode *inode, const struct identity *id);

/* --- quiet ------------------------------------------------------------------------------------ */

/* Clones the mount of the file that fd is open on, with noatime. The clone lasts while a file is open on it.
 * Returns a descriptor or -errno. */
int tree_clone_quietly(int fd);
/* Opens the file that fd is open on through a mount with noatime. Returns a descriptor or -errno. */
int tree_open_quietly(int fd, int flags);
/* The quiet_fd that belongs to fd; -1 if access times need not be left alone. */
int tree_mount_quietly(const struct tree *tree, int fd);

/* --- mounts ----------------------------------------------------------------------------------- */

/* Returns the file system of the file behind fd; NULL if out of memory or descriptors. */
struct tree_mount *tree_mount_find(struct tree *tree, int fd, const struct statx *stx);
/* *fd: for open_by_handle_at(2), valid until the matching put. False if the file system is idle and must be
 * reopened from its mount point. */
bool tree_mount_get(struct tree *tree, struct tree_mount *mount, bool quiet, int *fd);
void tree_mount_put(struct tree *tree, struct tree_mount *mount);
/* Whether fd (O_PATH) is on that file system, which is then mounted now. */
bool tree_mount_is_at(struct tree *tree, struct tree_mount *mount, int fd);
/* Takes over fd, open on a file of the idle file system. Returns what tree_mount_get() stores in *fd. */
int tree_mount_reopened(struct tree *tree, struct tree_mount *mount, int fd, bool quiet);
/* Closes the descriptors of file systems that were not used since the last call. */
void tree_mounts_close_idle(struct tree *tree);
void tree_mounts_free(struct tree *tree);

/* --- table ------------------------------------------------------------------------------------ */

void tree_table_init(struct tree *tree);
void tree_table_free(struct tree *tree);
/* packed: the nodeid contains the handle. */
struct inode *tree_inode_new(
	struct tree *tree, const struct identity *id, uint64_t nodeid, bool packed, uint32_t type);
void tree_inode_free_memory(struct inode *inode);
/* Takes a reference on the inode with this identity, which is created if it is new. */
struct inode *tree_get(struct tree *tree, const struct identity *id, uint32_t type);
/* (named_lock) Removes the inode from tree->named: another file may have its identity from now on. */
void tree_named_remove(struct tree *tree, struct inode *inode);

/* --- identify --------------------------------------------------------------------------------- */

/* Identifies the file that fd is open on: 0 or -errno. */
int tree_identify(
	struct tree *tree, int fd, const struct statx *stx, struct inode *parent, struct identity *id);

/* --- route ------------------------------------------------------------------------------------ */

/* Sets a route. `place`: the owner's pointer to it, which is NULL while there is none. */
int tree_route_set(struct tree *tree, struct tree_route **place, struct inode *parent, const char *name);
/* Returns a referenced parent and the name, which the caller frees. -ESTALE if there is no route. */
int tree_route_read(struct tree *tree, struct tree_route *const *place, struct inode **parent, char **name);

/* --- descriptors ------------------------------------------------------------------------------ */

/* Gives fd to the set if there is room, else closes it. */
void tree_fd_donate(struct tree *tree, struct inode *inode, int fd);
/* Call after an open failed with this errno: if descriptors ran out, closes idle ones. True: try again. */
bool tree_make_room(struct tree *tree, int error);

/* --- covered ---------------------------------------------------------------------------------- */

/* Opens the name with O_PATH | flags, but never a file of our own mount. O_DIRECTORY triggers automounts.
 * Returns the descriptor or -errno. stx: its attributes as this machine has them cached, without asking a
 * server; mask as for statx(2). */
int tree_open_child(
	struct tree *tree, int dir_fd, const char *name, int flags, unsigned mask, struct statx *stx);

/* Makes SOURCE's server tell which file has the name; never enters our own mount. */
void tree_ask_name(struct tree *tree, int dir_fd, const char *name);

/* --- reach ------------------------------------------------------------------------------------ */

/* Opens by handle or by name; flags may include O_PATH. Closes idle descriptors if they run out. Returns a
 * descriptor, which the caller owns, or -errno. */
int tree_reach(struct tree *tree, struct inode *inode, int flags);
/* An O_PATH descriptor of an inode with a handle, through a mount with noatime: only for reading. */
int tree_reach_quietly(struct tree *tree, struct inode *inode);
/* Call before listing a directory or looking up a name in it. Triggers the automounter and waits for it. 0 or
 * -errno; -ESTALE if a file system is mounted there now: the kernel then looks up the directory again. */
int tree_automount(struct tree *tree, struct inode *dir);
