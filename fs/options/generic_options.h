/*
 * generic_options - the mount options that every file system gets, by mount(8) and fstab.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum generic_use {
	GENERIC_UNKNOWN,
	GENERIC_FOR_KERNEL, /* libfuse and the kernel take it */
	GENERIC_IGNORED,    /* only for mount(8), fstab or systemd, or without a meaning on FUSE */
	GENERIC_NEEDS_VALUE,
	GENERIC_TAKES_NO_VALUE,
};

/* What the daemon has a part in, though the kernel takes it. */
enum generic_flag {
	GENERIC_SYNC = 1 << 0,
	GENERIC_DIRSYNC = 1 << 1,
	GENERIC_RO = 1 << 2,
	GENERIC_NOATIME = 1 << 3,
	GENERIC_NODIRATIME = 1 << 4,
};

enum generic_use generic_option_use(const char *name, bool has_value);

/* The flags after one more option; the last counts. */
unsigned generic_option_flags(unsigned flags, const char *name);

/* The names, for suggestions. */
size_t generic_option_count(void);
const char *generic_option_name(size_t i);
