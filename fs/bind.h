/*
 * bind - to what the kernel binds the inode of an open: its backing file, its copy in the store, or nothing.
 *
 * Part of opening a file, see lane.h: the first open of an inode decides, the others follow.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "cache/policy/classify.h"
#include "fs/handle.h"
#include "fs/server.h"

struct fuse_file_info;

/* An open that is being made. */
struct opening {
	struct server *server;
	struct handle *handle;
	struct fuse_file_info *info;
	struct statx stx;
	struct rule_decision rule;
	enum file_class class;
	enum lane wish;
	uint64_t small_max; /* the option, as this open found it */
	pid_t reader;       /* 0: not known here */
	bool made; /* the file, by this open: the kernel knows of no other one before it has the answer */
	bool writes;
	bool writes_as_user; /* and must not take what the file system keeps for root */
	bool refreshed;      /* a copy, which may have grown */
	bool pinned;         /* the file was found pinned */
	bool outsized;       /* it is pinned, and is not to be any more */
	bool missed;         /* the file was not cached: counted, and the policy was asked */
	bool unasked;        /* SOURCE was not asked: stx is but a size, and */
	uint64_t stamp;      /* the copy's, which stands for the rest of it */
	int64_t asked_us;    /* when it was, by the monotonic clock; 0: earlier */
};

/* Whether the rules, or its size, let the file be cached by this open. */
bool opening_may_be_cached(const struct opening *o);

/*
 * An open that needs nothing of SOURCE (-o revalidate): does what bind_opening() does, to the copy, though
 * stx and wish are not set. Returns 1; 0, and nothing is done, where there is no such copy; or -errno.
 */
int bind_unasked(struct opening *o);
/* Binds the inode, fills in info, the handle's lane and what it holds, and counts the open. 0 or -errno. */
int bind_opening(struct opening *o);
/* (locked) The open is over; with the last one the inode is unbound. Returns the backing id to close then,
 * once the inode's lock is dropped; else 0. */
int32_t bind_end(struct server *server, struct handle *handle);
