/*
 * attributes - the attributes of a file that a reply gives to the kernel, and how long the kernel may cache
 * them. The same for getattr, statx, setattr, lookup, readdirplus and create.
 */
#pragma once

#include <sys/stat.h>

#include "fs/server.h"

struct attributes {
	struct statx stx; /* as the mount reports them */
	double timeout_s;
};

/*
 * Fills in the inode's attributes. found: what a lookup has just read from the backing file, which is read
 * again only if a mapping may have changed it; NULL: read it now. Call without the inode's lock. 0, or -errno
 * if the file can't be read; always 0 with found.
 */
int attributes_fill(
	struct server *server, struct inode *inode, const struct statx *found, struct attributes *attributes);

/* Converts for the replies that take a struct stat. */
void attributes_to_stat(const struct statx *stx, struct stat *st);
