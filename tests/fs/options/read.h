/* read - command lines as text, read on a machine with 1 GiB of memory. */
#pragma once

#include "fs/options/options.h"
#include "tests/support/check.h"

/* Reads "sievefs -o LIST /src /mnt"; LIST NULL: without -o. As options_read(); options_deinit() is the
 * caller's. */
int read_list(struct options *options, const char *list, char **error);

/* Reads a whole command line, split at blanks. */
int read_line(struct options *options, const char *line, char **error);
