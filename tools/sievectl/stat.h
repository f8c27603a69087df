/* stat - `sievectl stat`: the report of a mount, or a line of figures each interval. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* @request: "stat" and its flags. 0; 1: it failed, and has printed why; or -errno, with the reason in
 * sievefs_mount_error(). */
int stat_run(struct sievefs_mount *mount, const char *const *request);

/* Prints a line each @interval_s seconds, @count lines; 0: until the mount is gone. 0 or -errno, likewise. */
int stat_watch(struct sievefs_mount *mount, double interval_s, unsigned long count);
