/*
 * trace_format - sievefs's own trace of opens and changes.
 *
 * A file is TRACE_MAGIC and then records of 24 bytes, little-endian, in the order of the events; it may be
 * compressed with zstd as a whole. An id stands for a file by its identity (file system and inode), not its
 * version: a change is an event of its own. A recorder writes one OPEN per open(2) for reading, with the size
 * at that moment. It does not see the writes themselves, and records a CHANGE per open(2) for writing.
 */
#pragma once

#include <stdint.h>

#define TRACE_MAGIC "SIEVETR1" /* 8 bytes, without the NUL */

enum trace_event {
	TRACE_OPEN = 0,   /* opened for reading */
	TRACE_CHANGE = 1, /* contents changed: whatever is cached of it is stale */
	TRACE_REMOVE = 2  /* unlinked or replaced: it will not be opened again */
};

struct trace_record {
	uint64_t time_us; /* since any fixed moment; never falls */
	uint64_t id;
	uint64_t size_and_event; /* size in bytes << 8 | enum trace_event */
};

_Static_assert(sizeof(struct trace_record) == 24, "a record is 24 bytes in the file");
