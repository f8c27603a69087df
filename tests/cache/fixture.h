/* A cache with a real store and a real policy, whose owner is the test; files are memfds. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/cache.h"

#define PAGE 4096
#define BUDGET (1 << 20)

/* Stands in for the owner: who lets go of what. */
struct fixture {
	struct cache *cache;
	struct object *last_let_go;
	unsigned let_go_count, watch_count;
	bool refuse;            /* somebody maps everything */
	bool still_used;        /* and still does at the next tick */
	bool written;           /* so that it may be stored into */
	bool watched_meanwhile; /* each time that it is looked at, somebody opens it who may store into it */
	bool unwanted;          /* whoever is not mapped any more shall go */
	uint64_t left[8];       /* the ids of the first that left, in order */
};

int on_let_go(void *ctx, struct object *object);
enum cache_mapping on_watch(void *ctx, struct object *object);
void start_with(struct fixture *f, uint64_t budget, uint64_t growth);
void stop(struct fixture *f);
int file_of(const void *bytes, size_t size);
/* A source that is an open file. */
ssize_t read_fd(void *fd, void *buf, size_t size, uint64_t offset);
/* A published object of size bytes that begin with its id; NULL when it could not be made. */
struct object *add(struct fixture *f, uint64_t id, size_t size);
struct cache_figures figures_of(struct fixture *f);
