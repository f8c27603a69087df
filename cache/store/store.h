/*
 * store - how cached files are kept in memory: the contract. Two kinds:
 *
 * - copy: the bytes again, in a tmpfs of the store's own (store_copy.h). For file systems whose pages
 *   can't be held, and for users who may not lock memory.
 * - pin: the pages of the page cache themselves, locked there (keepers.h). The file can't be stale.
 *
 * The caller owns each place and serialises the calls on it; different places may be used at once. Units:
 * bytes. Errors: negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cache/store/keepers.h"

struct store;

/* Where a file is kept. Zeroed memory is nowhere. */
union store_place {
	uint32_t copy; /* its name in the tmpfs; else its memfd plus one */
	struct pin pin;
};

/* The file to keep: by its descriptor, open for reading, and the memory cgroup that may pay for its pages
 * (see keepers_pin()); or as pread(2), but -errno. A kind uses what it needs. */
struct store_source {
	ssize_t (*read)(void *ctx, void *buf, size_t size, uint64_t offset);
	void *ctx;
	int fd;
	uint64_t group;
	uint64_t name; /* the owner's, 0: none; what is said of files that leave for it, see cache.h */
};

void store_free(struct store *store);
const char *store_name(const struct store *store);

/* Keeps the first size bytes of the file. Returns how many there were, or -errno; unless that is size, the
 * place is nowhere. -EBUSY: the file's pages may not be held now. */
int64_t store_fill(
	struct store *store, union store_place *place, const struct store_source *source, uint64_t size);

/* A file to keep, and what came of it. */
struct store_fill {
	union store_place *place;
	struct store_source source;
	uint64_t size;
	int64_t result; /* as of store_fill() */
};

/* The same for several files, which may take less than one after the other. */
void store_fill_many(struct store *store, struct store_fill *fills, unsigned count);
/* For kinds that keep the file itself: it has another size, or pages of it went. 0 or -errno, as above: what
 * was kept before is. -EOWNERDEAD: nothing is any more. */
int store_resize(
	struct store *store, union store_place *place, const struct store_source *source, uint64_t size);
/* The file is kept no longer. */
void store_drop(struct store *store, union store_place *place);

/* Whether the kind keeps the file itself: it is never stale, and uses of it are told by opens alone. */
bool store_is_the_file(const struct store *store);
/* False once what was kept there is lost, by no doing of ours. */
bool store_holds(struct store *store, const union store_place *place);
/* Notices losses: how many there were since the last call. */
unsigned store_check(struct store *store);
/* The time of its last read in ns, where it is known: else 0. */
uint64_t store_atime(struct store *store, const union store_place *place);
/* Descriptors that places hold, and whether there should be no more. */
unsigned store_descriptors(const struct store *store);
bool store_is_full(const struct store *store);
/* True while it can keep nothing new, which passes by itself: don't prepare what would be refused. */
bool store_is_paused(const struct store *store);
