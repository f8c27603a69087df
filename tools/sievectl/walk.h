/* walk - the regular files below paths, for commands that do something with each of them. */
#pragma once

#include <stdbool.h>

struct walk {
	/* Called for each file; false ends the walk. name is relative to the open directory dirfd, which may
	 * be AT_FDCWD. */
	bool (*visit)(void *context, int dirfd, const char *name, const char *path);
	/* Called for a file or directory that can't be visited; error: an errno or its negative. */
	void (*failed)(void *context, const char *path, int error);
	void *context;
};

/*
 * Visits the files in @paths, which may be links, and the files below the directories in @paths, where links
 * are not followed and other file systems are left out. @paths is ended by NULL. False: a visit ended it.
 */
bool walk_paths(const struct walk *walk, const char *const *paths);

/* Prints "sievectl: PATH: what the error means" to standard error. */
void walk_complain(const char *path, int error);
