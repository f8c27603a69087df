/*
 * store - how cached files are kept in memory: the contract. Two kinds:
 *
 * - copy: the bytes again, in a tmpfs of the store's own (store_copy.h). For file systems whose pages
 *   can't be pinned, and for users who may not lock memory.
 * - pin: the pages of the page cache themselves, locked there (keepers.h). Never stale.
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

/* The file to keep. The kind pin uses fd, open for reading, and group, the memory cgroup that may pay for its
 * pages (see keepers_pin()); the kind copy uses read(), as pread(2) but with -errno. */
struct store_source {
	ssize_t (*read)(void *ctx, void *buf, size_t size, uint64_t offset);
	void *ctx;
	int fd;
	uint64_t group;
	uint64_t name; /* the owner's; reported for files that are evicted to make room for this one, see
			  cache.h; 0: none */
};

void store_free(struct store *store);
const char *store_name(const struct store *store);

/* Keeps the first size bytes of the file. Returns how many bytes it had, or -errno; if that is not size,
 * nothing is kept. -EBUSY: the file's pages may not be pinned now. */
int64_t store_fill(
	struct store *store, union store_place *place, const struct store_source *source, uint64_t size);

/* A file to keep, and the result. */
struct store_fill {
	union store_place *place;
	struct store_source source;
	uint64_t size;
	int64_t result; /* as of store_fill() */
};

/* The same for several files, which may be faster than one after the other. */
void store_fill_many(struct store *store, struct store_fill *fills, unsigned count);
/* For kinds that keep the file itself: its size changed, or pages of it left the page cache. 0 or -errno, as
 * above, and then what was kept before still is. -EOWNERDEAD: nothing is kept any more. */
int store_resize(
	struct store *store, union store_place *place, const struct store_source *source, uint64_t size);
/* The file is kept no longer. */
void store_drop(struct store *store, union store_place *place);

/* Whether the kind keeps the file itself: it is never stale, and its uses are known from opens only, not from
 * store_atime(). */
bool store_is_the_file(const struct store *store);
/* False once what was kept is lost, as by the death of a keeper. */
bool store_holds(struct store *store, const union store_place *place);
/* Notices losses. Returns how many there were since the last call. */
unsigned store_check(struct store *store);
/* The time of its last read in ns, where it is known: else 0. */
uint64_t store_atime(struct store *store, const union store_place *place);
/* Descriptors that places hold, and whether there should be no more. */
unsigned store_descriptors(const struct store *store);
bool store_is_full(const struct store *store);
/* True while fills would fail for a time, as after the death of a keeper: don't prepare any. */
bool store_is_paused(const struct store *store);
