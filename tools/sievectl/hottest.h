/* hottest - the cached files that were opened most, for the screen of top. */
#pragma once

#include "tools/libsievefs/sievefs.h"

#include <stdint.h>

#define HOTTEST_MAX 40 /* files that are kept */
#define HOTTEST_PATH 256

/* Zeroed memory is an empty list. */
struct hottest {
	unsigned count;
	struct {
		uint64_t opens, bytes;   /* opens since it was cached */
		char path[HOTTEST_PATH]; /* from the mount's root; only the end of a longer one */
	} files[HOTTEST_MAX];            /* most opens first */
};

#define HOTTEST_END (-1)

/* Adds what a part's reply has; *@next is the part that follows, HOTTEST_END after the last. 0 or -EPROTO.
 * Pure. */
int hottest_add(struct hottest *hottest, const char *reply, int *next);

/* Asks the mount, by a few requests. 0; -EACCES: only for root and the owner; or -errno. */
int hottest_read(struct sievefs_mount *mount, struct hottest *hottest);
