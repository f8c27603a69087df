/* trace - the command: records the opens of a mount in a file that sievefs-replay reads. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* Takes "start FILE", which records until interrupted, stopped or the mount's end, or "stop", which stops
 * that and waits until it has written. Prints how much was recorded and lost. 0; 1: it failed, as it has
 * said; or -errno. */
int trace_run(struct sievefs_mount *mount, const char *const *request);
