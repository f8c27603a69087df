/* print - prints replies of a mount as they are, and errors. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* Sends the request and prints the reply. 0 or -errno, with the reason in sievefs_mount_error(). */
int print_reply(struct sievefs_mount *mount, const char *const *request);

/* Prints "sievectl: ..." on standard error; returns 1, for commands that have printed why they failed. */
__attribute__((format(printf, 1, 2))) int print_failure(const char *format, ...);
