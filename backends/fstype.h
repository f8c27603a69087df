/*
 * fstype - what is known of a file system by its type, f_type of statfs(2). The one list of them.
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
	 * Of this machine alone: nobody changes a file without this kernel's knowing at once, no operation
	 * waits for another machine or program, and a close has nothing to report. False of what may be
	 * otherwise, as overlayfs, which may lie on anything.
	 */
	bool local;
	bool remote;        /* of other machines, or may be: what is asked of it costs a way there and back */
	bool in_memory;     /* the page cache is the file */
	bool fine_stamps;   /* has multigrain timestamps on Linux 6.13 and newer */
	bool keeps_reserve; /* has blocks that only root, or a user chosen by him, may take */
	/* A file handle (name_to_handle_at) may be good only while somebody remembers the file. A FUSE daemon
	 * forgets most files with the kernel, and nothing tells those that do not. */
	bool forgets_handles;
	/* With an anonymous device number it may be stacked on another file system. The kernel allows two
	 * stacked layers in all, and a FUSE mount with passthrough is one of them. */
	bool may_be_stacked;
	/* A FUSE daemon's: what was written may be kept with the open file that wrote it, and reach the disk
	 * by flush and fsync of that one only; and what a look-up said of a file may be kept for its next
	 * open. */
	bool state_by_open;
	/* A mapping may be one of the file below, so that leases do not tell whether a file is mapped. */
	bool hides_mappings;
};

/* Never NULL: types that are not listed are known by one name and are not local. */
const struct fstype *fstype_find(uint32_t magic);
