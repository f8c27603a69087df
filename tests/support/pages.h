/* pages - what the page cache holds of a file. */
#pragma once

/* How many of its pages of 4096 bytes. */
unsigned pages_resident(const char *path);
/* The file goes to the disk, and from the page cache what nobody maps or holds. */
void pages_drop(const char *path);

/* Until this descriptor is closed, others here that would empty the whole page cache wait. -1: they can't be
 * kept from it. */
int pages_keep(void);
