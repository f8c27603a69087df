/* hottest - lists the cached files that were opened most: the request "hottest" (fs/control/control.h). */
#pragma once

#include <glib.h>

/*
 * Handler of "hottest PART COUNT"; @context is the server. Searches the parts of the inode table from PART (0
 * or more) on, but only as many as do not block a queue thread for long.
 *
 * The first line of the reply is the part to continue with, or "end". Up to COUNT lines "OPENS BYTES PATH"
 * follow: the files of those parts that were opened most since they were cached. PATH is relative to the
 * mount's root, escaped as by g_strescape(). Files whose names the kernel has forgotten are left out.
 */
int hottest_answer(void *context, int argc, char *const *argv, GString *reply);
