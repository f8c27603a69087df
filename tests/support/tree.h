/*
 * tree - a directory tree as text: a line for each file, in order, with its metadata and a hash of its
 * contents.
 *
 * Times, inode numbers and sizes of directories are left out.
 */
#pragma once

#include <glib.h>

/* The caller frees the string. The line of a file that can't be read says so. */
GString *tree_describe(const char *path);

/* The first line that differs between two texts, as "line N:\n  a: …\n  b: …"; NULL if they are equal. The
 * caller frees it. */
char *text_difference(const char *a, const char *b, const char *name_a, const char *name_b);

/* Appends the extended attributes of a path, sorted, in one line; not following links. */
void describe_xattrs(GString *text, const char *path);
