/*
 * trace - a trace of opens, loaded into memory: 4 bytes an open, 16 a file.
 *
 * Formats, recognised by their contents: CSV (time,id,size; a heading line and lines that begin with # are
 * skipped), libCacheSim's oracleGeneral (records of 24 bytes: uint32 time, uint64 id, uint32 size, int64
 * next), and sievefs's own (trace_format.h); each plain or zstd.
 */
#pragma once

#include "cache/base/trace_format.h"

#include <stdbool.h>
#include <stddef.h>

struct trace_file {
	uint64_t id;
	uint64_t size; /* bytes at the first open */
};

/* A change of a file; it happens before the open with the number position. */
struct trace_change {
	uint64_t position;
	uint32_t file;
	bool is_stale; /* the contents changed; else only the size did */
	uint64_t size; /* from now on; ignored when stale */
};

struct trace {
	const char *path; /* borrowed */
	uint32_t *opens;  /* index into files */
	uint64_t open_count;
	struct trace_file *files;
	uint32_t file_count;
	struct trace_change *changes; /* in the order of position */
	uint64_t change_count;
	uint64_t working_set; /* bytes: the sum of the files' sizes */
	uint64_t one_hit_count;
};

/* Negative errno with a line for the user in *error (to be freed), which names the file and the record. */
int trace_load(const char *path, struct trace *trace, char **error);
void trace_unload(struct trace *trace);

/* Adds changes: before each open the file is changed with this probability. The same seed gives the same
 * changes. */
int trace_add_writes(struct trace *trace, double probability, uint64_t seed);
