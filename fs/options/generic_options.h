/*
 * generic_options - the mount options that mount(8) and fstab accept for every file system.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum generic_use {
	GENERIC_UNKNOWN,
	GENERIC_FOR_KERNEL, /* handled by libfuse and the kernel */
	GENERIC_IGNORED,    /* for mount(8), fstab or systemd only, or without effect on FUSE */
	GENERIC_NEEDS_VALUE,
	GENERIC_TAKES_NO_VALUE,
};

/* Options of the kernel's that the daemon also acts on. */
enum generic_flag {
	GENERIC_SYNC = 1 << 0,
	GENERIC_DIRSYNC = 1 << 1,
	GENERIC_RO = 1 << 2,
	GENERIC_NOATIME = 1 << 3,
	GENERIC_NODIRATIME = 1 << 4,
};

enum generic_use generic_option_use(const char *name, bool has_value);

/* Returns flags as changed by one more option; of contrary options the last counts. */
unsigned generic_option_flags(unsigned flags, const char *name);

/* All names, for suggestions in error messages. */
size_t generic_option_count(void);
const char *generic_option_name(size_t i);
