/*
 * option_check - are the paths on the command line what the daemon can use?
 *
 * Each call looks at the path, and replaces it by one that holds once the daemon has left its working
 * directory. On -EINVAL the path is as it was and @error, freed by the caller, is one line that names it.
 */
#pragma once

#include <stdint.h>

/* @operand: its name for the error. @mode: as for access(2). The path becomes the real one. */
int option_check_directory(const char *operand, char **path, int mode, char **error);

/* The rules file of a mount at @mountpoint, a real path. It becomes absolute; symbolic links stay in it, so
 * that a reload follows one that was switched. */
int option_check_rules(char **path, const char *mountpoint, char **error);
/* The same for the file of pins, which need not be there yet but must be one that can be written anew. */
int option_check_pins(char **path, const char *mountpoint, char **error);

/* Where the metrics of a mount at @mountpoint, a real path, are served; the path of a socket becomes
 * absolute.
 */
int option_check_metrics(char **address, const char *mountpoint, char **error);

/* Sizes that leave nothing to anything else, in bytes; @memory 0: not known. A line that says so, freed by
 * the caller, or NULL. */
char *option_check_memory(uint64_t cache_size, uint64_t memory_floor, uint64_t memory);
