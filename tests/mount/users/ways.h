/*
 * ways - how the contents or attributes of a program may be changed.
 */
#pragma once

#include <stddef.h>

/* What the program is written with. */
struct model {
	int fd; /* of a file beside it */
	char *data;
	size_t size;
};

extern struct model model;

struct way {
	const char *name;
	int flags;              /* of open(2) */
	void (*change)(int fd); /* NULL: truncate(2) by its name */
};

extern const struct way ways[];
extern const size_t way_count;

#define EACH_WAY(way)                 \
	const struct way *way = ways; \
	way < ways + way_count;       \
	way++
