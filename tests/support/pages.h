/* pages - what the page cache holds of a file. */
#pragma once

/* How many of its pages of 4096 bytes. */
unsigned pages_resident(const char *path);
/* The file goes to the disk, and from the page cache what nobody maps or holds. */
void pages_drop(const char *path);
