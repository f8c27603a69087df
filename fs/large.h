/*
 * large - chooses the lane of large files: trailed, direct or plain.
 *
 * Decided by the options and by what the kernel and SOURCE support. Where these leave a choice, by the rates
 * measured on the file's volume while streams ran (cache/policy/ways.h).
 */
#pragma once

#include "fs/bind.h"
#include "fs/server.h"

/* Starts the trail and sets the lanes of large files that are read and of those that are written. 0 or
 * -errno. */
int large_start(struct server *server);

/* Applies a changed large_min. */
void large_follow_size(struct server *server);

/*
 * For an open whose preferred lane is trailed: chooses between trailed and direct, and makes the trail follow
 * the file. Call before the inode is bound, so that the pages now in the page cache are told from those that
 * this open's reads bring in. A file that the trail can't follow gets the lane direct.
 */
void large_follow(struct opening *o);

/* Sets the preferred lane to what large_follow() would choose, apart from its occasional trials of the slower
 * lane. Changes nothing else. */
void large_foresee(struct opening *o);

/* Ends large_follow(). No-op if the trail does not follow the file. */
void large_unfollow(struct server *server, struct handle *handle);

/* The reason for the lane, with the measured rates if there are any. The caller frees the string. */
GString *large_read_why(struct server *server);
GString *large_write_why(struct server *server);
