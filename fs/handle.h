/* handle - an open file of the mount: what fuse_file_info.fh points to. */
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
	struct object *object; /* a hold; set in the lanes cached, cached-write and served */
	_Atomic(struct backend_file *)
		bytes;           /* set in lanes whose bytes the daemon moves; opened when first needed */
	_Atomic int fd;          /* of the backing file; -1 until needed */
	_Atomic off_t passed_to; /* bytes; end of the last copy_file_range(2) that dropped this file's pages,
				    see ops_copy.c */
	int open_flags;          /* access mode, O_SYNC, O_DSYNC, O_APPEND */
	enum lane lane;
	uint16_t sync_told;         /* object->sync_seq at the last error report, see copy_sync_mapping() */
	atomic_uint holders;        /* references besides the open's own */
	bool random_buffered;       /* small reads out of order go through the page cache */
	bool closes_quietly;        /* the kernel sends no FLUSH at each close(2) */
	_Atomic int64_t flushed_ns; /* time of the last FLUSH, monotonic; only if the file has been locked */
	bool brought_in;            /* the object was filled by this open */
	bool around;                /* the daemon's I/O bypasses the page cache, or its pages are dropped */
	bool privileged_bits;       /* the file was set-uid or set-gid when it was opened */
	bool through;               /* writes are on the disk when they return */
	bool trailed;               /* the trail follows it: trail_end() is due */
	bool flushes;               /* the flusher knows it: flusher_end() is due */
	bool lent;                  /* fd is lent to the tree: tree_fd_take_back() is due */
	bool executes;              /* opened by the kernel to run it, for as long as the program runs */
	struct list_node node;      /* in its shard's list */
};

/* All open files of a mount, so that those still open at its end can be closed. Sharded by inode, so that
 * opens of different files do not contend for one lock. */
#define HANDLE_SHARDS 16

struct handle_list {
	struct handle_shard {
		_Alignas(64) pthread_mutex_t lock;
		struct list open;
	} shards[HANDLE_SHARDS];
};

void handle_list_init(struct handle_list *list);
/* Any open handle, or NULL. At the end of the mount, without other threads. */
struct handle *handle_list_any(const struct handle_list *list);

static inline bool handle_may_write(const struct handle *handle)
{
	return (handle->open_flags & O_ACCMODE) != O_RDONLY;
}

/* Whether a shared mapping through this handle may be writable. */
static inline bool handle_may_map_for_writing(const struct handle *handle)
{
	return (handle->open_flags & O_ACCMODE) == O_RDWR;
}

/* Adds the handle to its list. handle: from calloc(); freed by handle_free(). */
void handle_register(struct server *server, struct handle *handle);

/* Returns a descriptor of the backing file in the handle's access mode, owned by the handle; or -errno. It
 * has O_APPEND only if the file can't be opened otherwise (chattr +a), since each write carries its
 * offset. */
int handle_fd(struct server *server, struct handle *handle);

/* Opens the backend's file for the handle, which owns it. 0 or -errno. */
int handle_bytes(struct server *server, struct handle *handle, struct backend_file **ret);

/* The same ahead of the first request, for a file that this open created. made: its attributes. */
void handle_bytes_of_made(struct server *server, struct handle *handle, const struct statx *made);

/* Whether a program runs from the file, so that it may not be truncated (ETXTBSY). */
bool handle_is_executed(struct server *server, const struct inode *inode);

/* Takes a reference; each needs one more handle_free(). */
void handle_hold(struct handle *handle);
void handle_free(struct server *server, struct handle *handle);
