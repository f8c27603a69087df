/*
 * volume - a file system of the test's own, for what must not be done to the machine's.
 */
#pragma once

#include "tests/support/mount.h"

/* A file system of that type ("ext4", "xfs") and size ("96M"), with blocks of a page, over the file
 * `dir`/image, mounted on `point`; both are made. Skips the test where there is none. The suite unmounts what
 * is left. */
void volume_make(const char *dir, const char *point, const char *type, const char *size);
/* The same with options of mkfs's. */
void volume_make_with(
	const char *dir, const char *point, const char *type, const char *size, const char *mkfs);

/* The same on a device behind that filter of nbdkit's, with its parameters; skips the test without nbdkit and
 * nbdfuse. */
void volume_make_filtered(const char *dir, const char *point, const char *type, const char *size,
	const char *filter, const char *parameters);
/* Whether what lies behind the device of such a volume stops: then its disk hangs. */
void volume_hang(const char *dir, bool on);
/* One that takes so many bytes a second, a tenth of a second's at a time, until it is told to be slow no
 * more: what is then in flight still takes its time. */
void volume_make_slow(
	const char *dir, const char *point, const char *type, const char *size, unsigned long rate);
void volume_slow_no_more(const char *dir);

/*
 * act() runs in a child on the mount over such a volume, an ext4; its handles end with it, and the power is
 * cut when it returns. Then the daemon is killed, and the volume, in dir, is mounted again with what its disk
 * has.
 */
void volume_act_until_power_cut(
	struct mount *mount, const char *dir, void (*act)(const char *root, int how), int how);
