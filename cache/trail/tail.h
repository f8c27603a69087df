/*
 * tail - what is appended to a large file through the page cache: written back as it comes, and dropped once
 * the disk has it.
 *
 * Appended pages are dirty, and can't be dropped before they are written back. So the tail, which begins
 * where the file ended when it was first looked at, goes through each of these states, in pieces: being
 * written; complete, and its writeback started (sync_file_range(2), which leaves errors for the fsync of the
 * programs that wrote); clean, and dropped. What is written anywhere else in the file is not part of the
 * tail. Positions and counts are pages.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cache/policy/spans.h"

enum {
	TAIL_PIECE = 2048,
	TAIL_AT_ONCE = 16384, /* most pages of a file in writeback at a time, so that starting it does not
				 wait for the device */
};

/* Zeroed memory is the tail of an empty file. */
struct tail {
	struct span span;   /* appended, and not dropped yet */
	uint64_t seen;      /* the file's size when last looked */
	uint64_t resident;  /* of the span, when last looked */
	uint64_t unwritten; /* of these, dirty or being written back */
};

/* Begins a tail at the end of a file of so many pages. */
void tail_begin(struct tail *tail, uint64_t pages);

struct tail_look {
	uint64_t pages;             /* the file's size */
	bool ends;                  /* no program writes any more: the last piece is complete, too */
	uint64_t appended, dropped; /* found by the look: what changed since the last one */
};

/* fd: in any mode. 0 or -errno. */
int tail_look(struct tail *tail, int fd, struct tail_look *look);
