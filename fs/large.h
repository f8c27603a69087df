/*
 * large - how large files travel: trailed in the page cache, around it, or plain.
 *
 * The options say it, and what the kernel and SOURCE can do; where they leave it open, what was measured on
 * the file's volume while streams ran (cache/policy/ways.h).
 */
#pragma once

#include "fs/bind.h"
#include "fs/server.h"

/* Starts the trail and settles the lanes for files that are read and for those that are written. 0 or -errno.
 */
int large_start(struct server *server);

/* The option large_min changed. */
void large_follow_size(struct server *server);

/*
 * Chooses between trailed and direct for an open that is to be trailed, and has the trail follow the file
 * from now on. This comes before the inode is bound, so that what is in the page cache now is told from what
 * the open's program will bring in. A file that can't be followed goes around the page cache.
 */
void large_follow(struct opening *o);

/* What that would choose, if it is no turn of the slower way; changes nothing but the wish. */
void large_foresee(struct opening *o);

/* Nothing where it is not followed. */
void large_unfollow(struct server *server, struct handle *handle);

/* Why they travel so; where that is measured, what was. The caller frees. */
GString *large_read_why(struct server *server);
GString *large_write_why(struct server *server);
