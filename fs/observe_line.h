/* observe_line - a line of the access log: "TIME PID OPERATION FILE RESULT SECONDS". */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/control/operation.h"

struct server;

#define OBSERVE_LINE_MAX (PATH_MAX + 160)

struct observe_access {
	int64_t began_ns; /* since 1970 */
	pid_t pid;
	enum operation operation;
	const char *file; /* from observe_file() */
	ssize_t result;   /* 0, a number of bytes, or -errno */
	int64_t ns;       /* how long it took */
};

/* The path from the root of the mount, of an inode or of a name in it; "?" where none is known. Without
 * blanks: these, control characters and backslashes are written as \\ooo, as in /proc/mounts. Cut after
 * PATH_MAX bytes. To be freed; NULL without memory. */
char *observe_file(struct server *server, uint64_t nodeid, const char *name);

/* The length of the line; its end is a newline, no NUL. */
size_t observe_line(const struct observe_access *access, char line[OBSERVE_LINE_MAX]);
