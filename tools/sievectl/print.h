/* print - replies of a mount that are printed as they are, and what went wrong. */
#pragma once

#include "tools/libsievefs/sievefs.h"

/* Sends the request and prints the reply. 0 or -errno, with the reason in sievefs_mount_error(). */
int print_reply(struct sievefs_mount *mount, const char *const *request);

/* "sievectl: ..." on standard error; returns 1, as a command does that has said why it failed. */
__attribute__((format(printf, 1, 2))) int print_failure(const char *format, ...);
