/*
 * cached - what pinned and copied files have in common, as seen from their inodes: version stamps, what rules
 * demand, and reports of files that can't be cached.
 *
 * Call functions marked (locked) with the inode's lock held.
 */
#pragma once

#include <limits.h>

#include "fs/server.h"

/* The stamp of this version of the file: a hash of size, mtime and ctime. */
uint64_t cached_stamp_of(const struct statx *stx);
int cached_fd_statx(int fd, struct statx *stx);
/* The same, but a network file system asks its server instead of using cached attributes. */
int cached_fd_statx_now(int fd, struct statx *stx);
/* Opens the backing file to be read by the daemon itself. Returns a descriptor, which the caller closes, or
 * -errno. */
int cached_open_source(struct server *server, struct inode *inode);
/* (locked) The largest size, in bytes, at which this file may be cached. */
uint64_t cached_size_limit(const struct server *server, const struct inode *inode);

/* (locked) Exempts the object from eviction if it is pinned by a rule or by name and all such objects fit
 * into half of the cache. cached_unkeep() ends that. */
void cached_keep(struct server *server, struct inode *inode, struct object *object);
void cached_unkeep(struct server *server, struct object *object);
/* (locked) Call after a change that may affect the charge of an object in use. If exempt objects then exceed
 * half of the cache, this one loses its exemption. */
void cached_recount(struct server *server, struct object *object);
/* Applies what the rules say at an open for reading. */
void cached_follow_rule(struct server *server, struct inode *inode, bool pin, int priority);
/* The rules changed: ends the exemption of all objects but those pinned by name. Rules apply again at the
 * next open of each file. */
void cached_unkeep_all(struct server *server);

/* Counts a file that could not be cached. Logs the reason if it is a new one, or once a minute. */
void cached_note_failure(struct server *server, struct inode *inode, int error);
/* The name of the file for log messages: its path, or its inode number. */
void cached_path(struct server *server, struct inode *inode, char path[PATH_MAX]);
