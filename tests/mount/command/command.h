/* command - starting the program as users do, in the background, and seeing it end. */
#pragma once

#include "tests/support/mount.h"
#include <sys/types.h>

/* What the last program printed. */
extern char command_output[16384];

/* SOURCE and MOUNTPOINT, with a file "hello" of 100 bytes in SOURCE. */
void command_prepare(struct mount *mount, const char *name);

/* Runs the daemon's program with the given words after -o (NULL: no -o) and without -f: it returns when
 * mounted or refused. */
int command_start(struct mount *mount, const char *options);

/* "hello" can be seen through the mount. */
void command_assert_answers(const struct mount *mount);

/* The daemon that serves a mount, found by its command line; 0: there is none. */
pid_t command_find_daemon(const char *point);

/* Waits until neither the mount nor the daemon is left. */
void command_assert_gone(const struct mount *mount);

unsigned command_line_count(const char *text);
