/*
 * store_choice - whether cached files are pinned or copied (-o store=), and why.
 *
 * Pure. Pinning wants pages that are the file's own, for good: on local file systems. A network file system
 * throws its pages away when it hears of a change elsewhere, FUSE at every open; and locking memory takes
 * CAP_IPC_LOCK.
 */
#pragma once

#include <stdbool.h>

#include "backends/fstype.h"
#include "fs/options/options.h"

struct store_facts {
	enum option_store wish;
	const struct fstype *source; /* of the file system that SOURCE itself is on */
	bool may_lock;               /* CAP_IPC_LOCK */
	int keepers_error;           /* why there can be no keepers: -errno, or 0 */
};

/* 0 and *pin, or -EOPNOTSUPP: what was asked for cannot be had. *why is set either way; the caller frees it
 * with g_free(). */
int store_choose(const struct store_facts *facts, bool *pin, char **why);
