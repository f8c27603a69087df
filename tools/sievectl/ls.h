/* ls - sievectl ls: the files that are cached. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* For the table of commands, see main.c. @request: the command and "--json" or nothing. */
int ls_run(struct sievefs_mount *mount, const char *const *request);
