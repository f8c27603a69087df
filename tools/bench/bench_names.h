/* bench_names - times operations on names: create, rename, unlink. */
#pragma once

/* Creates count empty files, renames each, and unlinks each; prints the mean of each step in µs, as lines of
 * key=value. An error ends the program. */
void bench_names_make(const char *directory, unsigned count);
