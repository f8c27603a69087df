/*
 * remount - changes the flags of an existing mount, and those options that may change while it is in use:
 * mount -o remount,ro,log=debug.
 *
 * An error names other options of the daemon's whose values differ. Changes are made all or none.
 */
#pragma once

#include "fs/options/options.h"

/* asked: from options_parse(), with the option "remount". Returns the exit status: 0, or 1 with the reason on
 * stderr. */
int remount(const struct options *asked);
