/*
 * glob - does a path match a pattern?
 *
 * "*" is any text within one name, "**" any text across directories, "?" one character of a name, "[a-z]" and
 * "[!a-z]" one of a set. A pattern without "/" is matched against the last name of the path, wherever it
 * lies; any other against the whole path, which begins with "/". Time grows with a power of the lengths,
 * never exponentially.
 */
#pragma once

#include <stdbool.h>

bool glob_match(const char *pattern, const char *path);

/* NULL, or what is wrong with the pattern. */
const char *glob_check(const char *pattern);
