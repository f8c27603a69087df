/* accesslog - sievectl accesslog: one line for each operation of the mount, as it happens. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* Takes no arguments. Returns at the end of the mount, or when the output is closed by its reader; 0 or
 * -errno. */
int accesslog_run(struct sievefs_mount *mount, const char *const *request);
