/* print - replies of a mount that are printed as they are. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* Sends the request and prints the reply. 0 or -errno, with the reason in sievefs_mount_error(). */
int print_reply(struct sievefs_mount *mount, const char *const *request);
