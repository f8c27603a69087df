/*
 * option_check - checks whether the daemon can use the paths on the command line.
 *
 * Each call checks a path and replaces it by an absolute one, since the daemon leaves its working directory.
 * Returns 0 or -EINVAL. On -EINVAL the path is unchanged and @error is one line that names it, which the
 * caller frees.
 */
#pragma once

#include <stdint.h>

/* @operand: its name in the error. @mode: as for access(2). The path becomes the real path. */
int option_check_directory(const char *operand, char **path, int mode, char **error);

/* The rules file of a mount at @mountpoint, a real path. Symbolic links stay in the path, so that a reload
 * follows links that were changed. */
int option_check_rules(char **path, const char *mountpoint, char **error);
/* The same for the file of the option pins, which need not exist yet but must be replaceable. */
int option_check_pins(char **path, const char *mountpoint, char **error);

/* The address of the metrics of a mount at @mountpoint, a real path. The path of a Unix socket becomes
 * absolute. */
int option_check_metrics(char **address, const char *mountpoint, char **error);

/* Checks whether the sizes leave enough memory to other programs. All in bytes; @memory 0: not known. Returns
 * a warning of one line, which the caller frees, or NULL. */
char *option_check_memory(uint64_t cache_size, uint64_t memory_floor, uint64_t memory);
