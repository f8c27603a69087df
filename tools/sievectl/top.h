/* top - `sievectl top`: shows on a terminal what a mount is doing. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* @request: "top" and its flags. 0; 1: it failed, and has printed why; or -errno, with the reason in
 * sievefs_mount_error(). */
int top_run(struct sievefs_mount *mount, const char *const *request);
