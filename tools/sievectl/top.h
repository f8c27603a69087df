/* top - `sievectl top`: what a mount does, on a terminal, as it does it. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* @request: "top" and its flags. 0; 1, as was said; or -errno, with the reason in sievefs_mount_error(). */
int top_run(struct sievefs_mount *mount, const char *const *request);
