/* flush - sievectl flush: starts writeback of what a mount has dirty, and waits for it if that is asked for.
 */
#pragma once

#include "tools/sievectl/client.h"

/* 0, or -errno with sievectl_error(). With --wait it returns when the disk has all, and shows on standard
 * error how far that is, if it is a terminal; otherwise one line on standard output says how much is on its
 * way. */
int flush_run(struct sievectl *ctl, const char *const *request);
