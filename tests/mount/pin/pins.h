/* What tests of pinned files share. */
#pragma once

#include <stddef.h>

#include "tests/support/mount.h"

#define PAGE 4096
#define OPTIONS "store=pin,admit=1,small_max=1M,cache_size=64M"

/* The name's path through the mount and in SOURCE, in one of four buffers each. */
const char *in(const struct mount *mount, const char *name);
const char *below(const struct mount *mount, const char *name);

/* Opens the file, reads it to its end and closes it. */
void use(const char *path);
/* Waits until a counter of the mount has the value. */
void await(const struct mount *mount, const char *key, long long value);
/* Makes a file and has it pinned. */
void pin(const struct mount *mount, const char *name, size_t size);
/* Nothing holds the file's pages. */
void assert_let_go(const char *path);
