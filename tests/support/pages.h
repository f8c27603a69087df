/* pages - the pages of a file in the page cache. */
#pragma once

/* How many pages of 4096 bytes the page cache has. */
unsigned pages_resident(const char *path);
/* Writes the file to the disk, and drops its pages that are neither mapped nor pinned from the page cache. */
void pages_drop(const char *path);

/* Returns a descriptor; until it is closed, other tests on this machine do not empty the whole page cache.
 * -1: they can't be kept from it. */
int pages_keep(void);
