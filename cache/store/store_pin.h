/*
 * store_pin - files are kept by locking their pages in the page cache: the kind "pin" of store.h.
 *
 * For local file systems, where the page cache is never out of date. A place holds the file's pages as of the
 * last fill or resize; pages that came later (growth) or come back (after truncation, after O_DIRECT writes)
 * are in the page cache but not pinned.
 */
#pragma once

#include "cache/store/store.h"

/* 0 or -errno: there can be no keepers. */
int store_pin_new(struct store **ret, const struct keepers_options *options);
void store_pin_figures(struct store *store, struct keepers_figures *figures);
