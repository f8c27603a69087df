/*
 * flush - tells the flusher (cache/flush/) about files that are opened for writing, so that they are written
 * back by the mount's own thresholds (options dirty_*). Without these options all functions do nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

struct handle;
struct inode;
struct server;
struct tree_leaving;

/* Starts the flusher if an option asks for it. 0 or -errno, after logging the reason. */
int flush_start(struct server *server);

/* Applies changed options dirty_*. Call with settings_lock held. */
void flush_follow_options(struct server *server);

/* handle: just opened for writing. flags: those of the FUSE request. */
void flush_opened(struct server *server, struct handle *handle, const struct statx *stx, int flags);
/* The last use of the handle. Its descriptor must still be open. */
void flush_closed(struct server *server, struct handle *handle);

/* At close(2): whether the reply should wait because more than dirty_max is dirty. Only for handles whose
 * writes were not made to wait: those that the kernel wrote itself, or those bound as streams. */
bool flush_is_throttled(struct server *server, const struct handle *handle);

/* A name was removed. If it was the file's last, its dirty data need not be written back. */
void flush_removed(struct server *server, const struct tree_leaving *leaving);
/* The file was given a name, perhaps its only one. */
void flush_named(struct server *server, struct inode *inode);
