/* handle - an open file: what fuse_file_info.fh points to. */
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cache/base/list.h"
#include "cache/policy/classify.h"

struct backend_file;
struct inode;
struct object;
struct server;
struct statx;

struct handle {
	struct inode *inode;   /* referenced */
	struct object *object; /* held; in lanes cached, cached-write and served */
	_Atomic(struct backend_file *)
		bytes;           /* lanes whose bytes the daemon moves; opened when first needed */
	_Atomic int fd;          /* of the backing file; -1 until needed */
	_Atomic off_t passed_to; /* a copy from here on goes on as the one before, see ops_copy.c */
	int open_flags;          /* access mode, O_SYNC, O_DSYNC, O_APPEND */
	enum lane lane;
	uint16_t sync_told;         /* of failed writebacks of the copy, see copy_sync_mapping() */
	atomic_uint holders;        /* besides the one who opened it */
	bool random_buffered;       /* small reads out of order go through the page cache */
	bool closes_quietly;        /* only the last close is announced */
	_Atomic int64_t flushed_ns; /* the last FLUSH of a file that has been locked */
	bool brought_in;            /* the object, which was made for it */
	bool around;           /* what the daemon moves goes around the page cache, or is dropped from it */
	bool privileged_bits;  /* set-uid or set-gid when it was opened */
	bool through;          /* what is written is on the disk when the write returns */
	bool trailed;          /* the page cache is steered for it: trail_end() is due */
	bool flushes;          /* the flusher knows it: flusher_end() is due */
	bool lent;             /* fd, to the tree: tree_fd_take_back() is due */
	bool executes;         /* the kernel's own, of a program for as long as it runs */
	struct list_node node; /* in the list of all */
};

/* All open files of a mount, so that those still open at its end are closed: in parts, by inode, so that
 * opens of different files do not wait for each other. */
#define HANDLE_SHARDS 16

struct handle_list {
	struct handle_shard {
		_Alignas(64) pthread_mutex_t lock;
		struct list open;
	} shards[HANDLE_SHARDS];
};

void handle_list_init(struct handle_list *list);
/* One of those that are open, or NULL; at the end of the mount. */
struct handle *handle_list_any(const struct handle_list *list);

static inline bool handle_may_write(const struct handle *handle)
{
	return (handle->open_flags & O_ACCMODE) != O_RDONLY;
}

/* A shared mapping of it may store. */
static inline bool handle_may_map_for_writing(const struct handle *handle)
{
	return (handle->open_flags & O_ACCMODE) == O_RDWR;
}

/* handle: made by the caller with calloc(); freed by handle_free(). */
void handle_register(struct server *server, struct handle *handle);

/* A descriptor of the backing file in the handle's access mode, kept by the handle; or -errno. It has
 * O_APPEND only where the file can't be opened without (chattr +a): where a write goes is said with each
 * write. */
int handle_fd(struct server *server, struct handle *handle);

/* What moves the handle's bytes, kept by the handle. Returns 0 or -errno. */
int handle_bytes(struct server *server, struct handle *handle, struct backend_file **ret);

/* The same before its first request: made is what was read of the file that the handle's open has made. */
void handle_bytes_of_made(struct server *server, struct handle *handle, const struct statx *made);

/* Whether a program runs from the file, so that nobody may change it. */
bool handle_is_executed(struct server *server, const struct inode *inode);

/* One handle_free() more is needed. */
void handle_hold(struct handle *handle);
void handle_free(struct server *server, struct handle *handle);
