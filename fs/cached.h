/*
 * cached - what pinned and copied files have in common, as seen from their inodes: versions, what rules say
 * of them, and how it is told that one can't be cached.
 *
 * Calls marked (locked) want the inode's lock held.
 */
#pragma once

#include <limits.h>

#include "fs/server.h"

/* Of a version of the file: size, mtime and ctime. */
uint64_t cached_stamp_of(const struct statx *stx);
int cached_fd_statx(int fd, struct statx *stx);
/* The same as of now, not as a client of a network file system keeps it. */
int cached_fd_statx_now(int fd, struct statx *stx);
/* The backing file, to be read by the daemon for itself: a descriptor or -errno. */
int cached_open_source(struct server *server, struct inode *inode);
/* (locked) The largest size that may be cached. */
uint64_t cached_size_limit(const struct server *server, const struct inode *inode);

/* (locked) Keeps the object if a rule wants it, within half of the cache; the second ends that. */
void cached_keep(struct server *server, struct inode *inode, struct object *object);
void cached_unkeep(struct server *server, struct object *object);
/* (locked) After whatever may have changed what the object, in use, is charged for: one that takes the kept
 * ones beyond their bound is kept no more. */
void cached_recount(struct server *server, struct object *object);
/* What the rules say at an open for reading. */
void cached_follow_rule(struct server *server, struct inode *inode, bool pin, int priority);
/* The rules changed: objects are kept again as files are opened. */
void cached_unkeep_all(struct server *server);

/* A file could not be cached: counts it, and logs a reason that is new. */
void cached_note_failure(struct server *server, struct inode *inode, int error);
/* What the log calls the file. */
void cached_path(struct server *server, struct inode *inode, char path[PATH_MAX]);
