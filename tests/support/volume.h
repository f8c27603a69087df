/*
 * volume - a file system of the test's own, for tests that must not be run on the machine's.
 */
#pragma once

#include "tests/support/mount.h"

/*
 * A file system of that type ("ext4", "xfs") and size ("96M"), with blocks of a page, in the file
 * `dir`/image, mounted on `point`; both are made. Skips the test if it can't be made. The suite unmounts what
 * is left.
 */
void volume_make(const char *dir, const char *point, const char *type, const char *size);
/* The same with options for mkfs. */
void volume_make_with(
	const char *dir, const char *point, const char *type, const char *size, const char *mkfs);

/* The same on a device behind a filter of nbdkit with these parameters; skips the test without nbdkit and
 * nbdfuse. */
void volume_make_filtered(const char *dir, const char *point, const char *type, const char *size,
	const char *filter, const char *parameters);
/* Stops the process behind the device of such a volume, so that the disk hangs; or lets it go on. */
void volume_hang(const char *dir, bool on);
/* A volume whose device takes rate bytes a second, in bursts of a tenth of a second, until
 * volume_slow_no_more(); what is then in flight still takes its time. */
void volume_make_slow(
	const char *dir, const char *point, const char *type, const char *size, unsigned long rate);
void volume_slow_no_more(const char *dir);

/*
 * Runs act() in a child on the mount over such a volume, an ext4. The power is cut when act() returns, before
 * the child's descriptors are closed. Then the daemon is killed, and the volume, in dir, is mounted again
 * with what its disk has.
 */
void volume_act_until_power_cut(
	struct mount *mount, const char *dir, void (*act)(const char *root, int how), int how);
