/*
 * attributes - what a reply tells the kernel of a file, and for how long it may keep it: the same for
 * getattr, statx, setattr, lookup, readdirplus and create.
 */
#pragma once

#include <sys/stat.h>

#include "fs/server.h"

struct attributes {
	struct statx stx; /* as the mount presents them */
	double timeout_s;
};

/*
 * Fills in the inode's attributes. found: what a lookup has just read from the backing file, which is read
 * again only where a mapping may have changed it; NULL to read it now. Not under the inode's lock. 0, or
 * -errno where the file can't be read; always 0 with found.
 */
int attributes_fill(
	struct server *server, struct inode *inode, const struct statx *found, struct attributes *attributes);

/* For the replies that take the older struct. */
void attributes_to_stat(const struct statx *stx, struct stat *st);
