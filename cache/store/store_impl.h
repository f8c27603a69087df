/* What a kind of store provides. Included by the kinds and store.c only. */
#pragma once

#include "cache/store/store.h"

struct store_kind {
	const char *name;
	bool is_the_file;
	void (*free)(struct store *store);
	int64_t (*fill)(struct store *store, union store_place *place, const struct store_source *source,
		uint64_t size);
	void (*drop)(struct store *store, union store_place *place);

	/* The rest may be NULL: the answer is then no or 0, and fills are made one after the other. */
	void (*fill_many)(struct store *store, struct store_fill *fills, unsigned count);
	int (*resize)(struct store *store, union store_place *place, const struct store_source *source,
		uint64_t size);
	bool (*holds)(struct store *store, const union store_place *place);
	unsigned (*check)(struct store *store);
	uint64_t (*atime)(struct store *store, const union store_place *place);
	unsigned (*descriptors)(const struct store *store);
	bool (*is_full)(const struct store *store);
	bool (*is_paused)(const struct store *store);
};

/* Embedded first in each kind's own structure. */
struct store {
	const struct store_kind *kind;
};
