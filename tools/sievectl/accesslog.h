/* accesslog - the command: one line for each operation of the mount, while they happen. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* Takes nothing. Returns at the mount's end, or when nobody reads its output any more; 0 or -errno. */
int accesslog_run(struct sievefs_mount *mount, const char *const *request);
