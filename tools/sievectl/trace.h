/* trace - sievectl trace: records the opens of a mount in a file that sievefs-replay reads. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/*
 * Takes "start FILE", which records until it is interrupted or stopped or the mount ends, or "stop", which
 * stops a recording and waits until it is written. Prints how much was recorded and lost. 0; 1: it failed and
 * has printed why; or -errno.
 */
int trace_run(struct sievefs_mount *mount, const char *const *request);
