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

/* The path, from the root of the mount, of an inode (name is NULL) or of a name in it; "?" if it is not
 * known. Blanks, control characters and backslashes are written as \ooo, as in /proc/mounts. Cut after
 * PATH_MAX bytes. The caller frees it; NULL if out of memory. */
char *observe_file(struct server *server, uint64_t nodeid, const char *name);

/* Writes the line, which ends in a newline without a NUL. Returns its length. */
size_t observe_line(const struct observe_access *access, char line[OBSERVE_LINE_MAX]);
