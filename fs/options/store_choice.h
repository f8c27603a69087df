/*
 * store_choice - chooses whether cached files are pinned or copied (-o store=), and says why.
 *
 * Pure. Pinning needs a local file system: a network file system drops a file's pages when it learns of a
 * change elsewhere, FUSE may do so at every open. It also needs CAP_IPC_LOCK to lock memory.
 */
#pragma once

#include <stdbool.h>

#include "backends/fstype.h"
#include "fs/options/options.h"

struct store_facts {
	enum option_store option;
	const struct fstype *source; /* the file system of SOURCE's root directory */
	bool may_lock;               /* CAP_IPC_LOCK */
	int keepers_error;           /* -errno if keepers can't be started, else 0 */
};

/* 0 and *pin, or -EOPNOTSUPP if store=pin is not possible. *why is set in both cases; the caller frees it
 * with g_free(). */
int store_choose(const struct store_facts *facts, bool *pin, char **why);
