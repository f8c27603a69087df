/* advise - sievectl advise: the hit ratios that caches of other sizes and with other options would have had,
 * from a sample of the mount's opens. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* 0; 1 after one line on standard error; or -errno with sievefs_mount_error(). */
int advise_run(struct sievefs_mount *ctl, const char *const *request);
