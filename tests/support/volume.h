/*
 * volume - a file system of the test's own, for what must not be done to the machine's.
 */
#pragma once

/* A file system of that type ("ext4", "xfs") and size ("96M"), with blocks of a page, over the file
 * `dir`/image, mounted on `point`; both are made. Skips the test where there is none. The suite unmounts what
 * is left. */
void volume_make(const char *dir, const char *point, const char *type, const char *size);
/* The same with options of mkfs's. */
void volume_make_with(
	const char *dir, const char *point, const char *type, const char *size, const char *mkfs);

/* Of an ext4 volume: what is not on its disk by now is lost, and nothing works any more until it is mounted
 * again. */
void volume_cut_power(const char *point);

/* Who used it is gone, or about to be. */
void volume_mount_again(const char *dir, const char *point);
