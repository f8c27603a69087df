/*
 * fstype - what is known of file systems by their types, f_type of statfs(2). The only list of them.
 *
 * Pure: no I/O.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fstype {
	uint32_t magic;
	const char *name;
	/*
	 * Belongs to this machine alone: this kernel sees each change of a file at once, no operation waits
	 * for another machine or program, and close(2) has no error to report. False where that is uncertain,
	 * as for overlayfs, which may lie on anything.
	 */
	bool local;
	bool remote;      /* on other machines, or may be: each request costs a network round trip */
	bool in_memory;   /* the page cache is the file */
	bool fine_stamps; /* has multigrain timestamps on Linux 6.13 and newer */
	/* But not for directories: one that loses a name gets the time that the file gets. (Linux 6.18) */
	bool coarse_dir_stamps;
	bool keeps_reserve; /* has blocks that only root, or a user whom root chose, may take */
	/* A file handle (name_to_handle_at) may be valid only while its daemon remembers the file. Most FUSE
	 * daemons forget a file when the kernel does, and those that do not can't be told from them. */
	bool forgets_handles;
	/* With an anonymous device number it may be stacked on another file system. The kernel allows two
	 * stacked layers in all, and a FUSE mount with passthrough is one of them. */
	bool may_be_stacked;
	/*
	 * A FUSE daemon's: it may keep written data with the open file that wrote it, and send it to the disk
	 * by flush and fsync of that one only; and it may keep what a lookup returned for the next open of
	 * the file.
	 */
	bool state_by_open;
	/* A mapping may be of the underlying file, so that leases do not tell whether a file is mapped. */
	bool hides_mappings;
};

/* Never NULL: types that are not listed are known by one name and are not local. */
const struct fstype *fstype_find(uint32_t magic);
