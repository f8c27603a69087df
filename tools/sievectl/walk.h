/* walk - the regular files below paths, for commands that do something with each of them. */
#pragma once

#include <stdbool.h>

struct walk {
	/* Each file; false ends the walk. The name is one in the open directory dirfd, or AT_FDCWD's path. */
	bool (*visit)(void *context, int dirfd, const char *name, const char *path);
	/* A file or directory that can't be looked at; error: an errno or its negative. */
	void (*failed)(void *context, const char *path, int error);
	void *context;
};

/*
 * Visits the files named, which may be links, and those below the directories named, where links are not
 * followed and other file systems are left out. @paths is ended by NULL. False: a visit ended it.
 */
bool walk_paths(const struct walk *walk, const char *const *paths);

/* Prints "sievectl: PATH: what the error means" to standard error. */
void walk_complain(const char *path, int error);
