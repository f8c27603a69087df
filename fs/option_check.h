/*
 * option_check - are the paths on the command line what the daemon can use?
 *
 * Each call looks at the path, and replaces it by one that holds once the daemon has left its working
 * directory. On -EINVAL the path is as it was and @error, freed by the caller, is one line that names it.
 */
#pragma once

/* @operand: its name for the error. @mode: as for access(2). The path becomes the real one. */
int option_check_directory(const char *operand, char **path, int mode, char **error);

/* The rules file of a mount at @mountpoint, a real path. It becomes absolute; symbolic links stay in it, so
 * that a reload follows one that was switched. */
int option_check_rules(char **path, const char *mountpoint, char **error);
