/*
 * remount - changes the flags of a mount that is there: mount -o remount,ro.
 *
 * What the daemon was told at mount stays: options of its own that differ are refused by their names.
 */
#pragma once

#include "fs/options/options.h"

/* asked: what options_parse() made of a line with "remount". 0, or 1 with the reason on stderr. */
int remount(const struct options *asked);
