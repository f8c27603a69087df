/*
 * readdirplus - whether names are looked up while a directory is listed (READDIRPLUS), for a program that may
 * want their attributes.
 *
 * Pure; not thread-safe. Looking names up pays if SOURCE answers from memory, as a network client does whose
 * own listing has brought all attributes. If each lookup is a request to another program or machine, it pays
 * only for a program that asks for most of the attributes anyway, such as `ls -l`; for one that does not,
 * such as find, it takes a multiple of the time. The kernel does not know which of them lists a directory,
 * and asks for the first part of each directory with attributes. So lookups are timed. If they are expensive,
 * a thread gets names without attributes until it has itself looked up most names of a directory; from then
 * on it gets attributes, and one listing in READDIRPLUS_TRUST checks whether it still looks names up.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	/* that are remembered; two threads with the same place are taken for one */
	READDIRPLUS_THREADS = 128,
	/* lookups in a row, of which the fastest is the cost: the others may have waited */
	READDIRPLUS_GROUP = 4,
	/* several times what system calls take, less than a switch to another program */
	READDIRPLUS_CHEAP_NS = 20000,
	READDIRPLUS_DEAR_MS = 1000, /* until a few names are looked up again, to see what that costs now */
	READDIRPLUS_TRUST = 32,     /* listings until a thread is checked again */
};

struct readdirplus_reader {
	uint32_t thread;
	uint32_t trust; /* listings left */
	uint64_t dir;   /* the directory that it last listed without attributes */
	uint32_t given; /* names of files without attributes */
	uint32_t asked; /* of them, that it looked up */
};

/* Zeroed memory is a valid start. */
struct readdirplus {
	int64_t dear_until_ms;
	struct readdirplus_reader readers[READDIRPLUS_THREADS];
};

/* One reply to a request to list. */
struct readdirplus_list {
	bool looks_up;
	bool wanted;            /* the reader looks names up itself: attributes are sent whatever they cost */
	bool is_timed, is_dear; /* the cost of lookups was measured, and was high */
	unsigned in_group;
	int64_t least_ns; /* of this group */
	uint32_t bare;    /* files that are listed without attributes */
};

/* thread: a number that identifies the reader. start: the listing is at the start of the directory; later
 * parts with attributes are requested only if a program wants them. now_ms: of any monotonic clock. */
void readdirplus_begin(struct readdirplus *policy, struct readdirplus_list *list, uint32_t thread, bool start,
	int64_t now_ms);
/* A name was looked up in ns nanoseconds. Changes only the list, and may clear looks_up. */
void readdirplus_took(struct readdirplus_list *list, int64_t ns);
/* The reply is complete. dir: a number that identifies the directory, not 0. */
void readdirplus_end(struct readdirplus *policy, const struct readdirplus_list *list, uint32_t thread,
	uint64_t dir, int64_t now_ms);
/* The thread looked up a name in dir that is a file. */
void readdirplus_asked(struct readdirplus *policy, uint32_t thread, uint64_t dir);
