/*
 * remount - changes the flags of a mount that is there, and those options that may change:
 * mount -o remount,ro,log=debug.
 *
 * Other options of the daemon's that differ are refused by their names. All or nothing.
 */
#pragma once

#include "fs/options/options.h"

/* asked: what options_parse() made of a line with "remount". 0, or 1 with the reason on stderr. */
int remount(const struct options *asked);
