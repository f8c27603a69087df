/*
 * bind - what the kernel binds an inode to when it is opened: its backing file, its copy in the store, or
 * nothing.
 *
 * Part of opening a file, see lane.h: the first open of an inode decides, later ones follow.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "cache/policy/classify.h"
#include "fs/handle.h"
#include "fs/server.h"

struct fuse_file_info;

/* An open in progress. */
struct opening {
	struct server *server;
	struct handle *handle;
	struct fuse_file_info *info;
	struct statx stx;
	struct rule_decision rule;
	enum file_class class;
	enum lane preferred; /* see preferred_lane.h */
	uint64_t small_max;  /* bytes; the option's value, read once for this open */
	pid_t reader;        /* the process that opens it; 0: not known */
	bool made; /* this open created the file: the kernel knows no other open of it before the reply */
	bool writes;
	bool writes_as_user; /* may not take the blocks that the file system reserves for root */
	bool refreshed;      /* a copy was refreshed, and may have grown */
	bool pinned;         /* the file's pages are pinned */
	bool outsized;       /* it is pinned, but has become too large for that */
	bool missed;         /* the file was not cached: the miss is counted and the policy was asked */
	bool unasked;        /* SOURCE was not asked: of stx only the size is set */
	uint64_t stamp;      /* with unasked: the copy's stamp, in place of the other attributes */
	int64_t asked_us;    /* when SOURCE was asked, monotonic; 0: before this open */
};

/* Whether the rules and the file's size permit that this open caches it. */
bool opening_may_be_cached(const struct opening *o);

/*
 * Binds an open without asking SOURCE (-o revalidate): as bind_opening(), to the copy, but stx and preferred
 * need not be set. Returns 1 if bound; 0, with nothing done, if no copy may be used so; or -errno.
 */
int bind_unasked(struct opening *o);
/* Binds the inode, fills in info, the handle's lane and its references, and counts the open. 0 or -errno. */
int bind_opening(struct opening *o);
/* (locked) Ends an open; the last one unbinds the inode. Returns the backing id that the caller closes after
 * it has dropped the inode's lock, or 0. */
int32_t bind_end(struct server *server, struct handle *handle);
