/* bench_names - times what a directory is asked for: new names, other names, none.
 */
#pragma once

/* Creates so many empty files, renames each, and unlinks each; prints the mean of each step in µs, as lines
 * of key=value, or ends the program. */
void bench_names_make(const char *directory, unsigned count);
