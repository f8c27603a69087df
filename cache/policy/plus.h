/*
 * plus - whether the names of a directory are looked up while it is listed (READDIRPLUS), for a reader that
 * may want their attributes.
 *
 * Pure; not thread-safe. That pays where SOURCE answers from memory, as a client does whose own listing has
 * brought all attributes. Where each look-up is a request to another program or machine it pays only for who
 * asks for most of the names anyway, as `ls -l`, and multiplies the time of who does not, as find. The kernel
 * does not know which of them a listing is for, and asks for the first part of each directory this way. So
 * look-ups are timed; where they are dear, a thread gets names alone until it has looked up most of what one
 * directory had, and then one listing in so many shows whether it still does.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	PLUS_THREADS = 128, /* that are remembered; two that share a place are taken for one another's */
	PLUS_GROUP = 4, /* look-ups, of which the fastest says what they cost: the others may have waited */
	PLUS_CHEAP_NS =
		20000,       /* several times what system calls take, less than a switch to another program */
	PLUS_DEAR_MS = 1000, /* until a few names are looked up again, to see what that costs now */
	PLUS_TRUST = 32,     /* listings until a thread has to show anew that it looks names up */
};

struct plus_reader {
	uint32_t thread;
	uint32_t trust; /* listings left */
	uint64_t dir;   /* that it was given names of */
	uint32_t given; /* names of files without attributes */
	uint32_t asked; /* of them, that it looked up */
};

/* Zeroed memory is a valid start. */
struct plus {
	int64_t dear_until_ms;
	struct plus_reader readers[PLUS_THREADS];
};

/* One reply to a request to list. */
struct plus_list {
	bool looks_up;
	bool wanted;            /* the reader looks names up: whatever that costs */
	bool is_timed, is_dear; /* what look-ups cost was seen, and what it was */
	unsigned in_group;
	int64_t least_ns; /* of this group */
	uint32_t bare;    /* files that are listed without attributes */
};

/* thread: the reader, any number that tells it from others. start: of the directory; what the kernel wants
 * further on, somebody has asked for. now_ms: of any one clock that does not jump. */
void plus_begin(struct plus *plus, struct plus_list *list, uint32_t thread, bool start, int64_t now_ms);
/* A name was looked up. Touches the list alone, and may end its looks_up. */
void plus_took(struct plus_list *list, int64_t ns);
/* The reply is made. dir: what tells the directory from others, not 0. */
void plus_end(struct plus *plus, const struct plus_list *list, uint32_t thread, uint64_t dir, int64_t now_ms);
/* The thread looked up a name in dir that is a file. */
void plus_asked(struct plus *plus, uint32_t thread, uint64_t dir);
