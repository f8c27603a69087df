/*
 * flush - what the mount writes, as the flusher knows it: with the options dirty_*, each file that is opened
 * for writing is written back by the mount's own thresholds. Without them all of this does nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

struct handle;
struct inode;
struct server;
struct tree_leaving;

/* Starts the flusher if an option asks for one. 0 or -errno, which was said. */
int flush_start(struct server *server);

/* The options dirty_* changed; under settings_lock. */
void flush_follow_options(struct server *server);

/* handle: just opened for writing; flags: of the FUSE request. */
void flush_opened(struct server *server, struct handle *handle, const struct statx *stx, int flags);
/* The last use of the handle, whose descriptor is still open. */
void flush_closed(struct server *server, struct handle *handle);

/* A descriptor of it is closed: whether who does so is to wait, since too much is dirty now, and its writes
 * did not: the kernel made them, or they kept to the bound of streams. */
bool flush_is_throttled(struct server *server, const struct handle *handle);

/* A name is gone: where it was the file's last, its bytes need no disk. */
void flush_removed(struct server *server, const struct tree_leaving *leaving);
/* The file was given a name; it may have had none. */
void flush_named(struct server *server, struct inode *inode);
