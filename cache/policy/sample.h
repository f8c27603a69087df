/*
 * sample - the opens of some files of a mount. A simulation over them (advise.h) tells what caches of other
 * sizes and policies would have done with all opens.
 *
 * Files are chosen by a hash (spatial sampling: Waldspurger et al., "Efficient MRC Construction with SHARDS",
 * FAST 2015): all opens of a chosen file are kept, in order, and no opens of the others. One in 2^shift files
 * is chosen. The memory is sizeof(struct sample) and never more: when it is used up, shift grows by one and
 * the opens of half of the files are removed, or the older half of all opens is removed.
 *
 * A file takes eight bytes, and eight more with each new size or version of it; an open takes two bytes, or
 * next to none where it follows the same files as before (open_code.h).
 *
 * Pure: no I/O, no clock. sample_open() takes no lock and may be called by any number of threads; the caller
 * serialises all other calls by a lock of its own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/policy/open_code.h"

#define SAMPLE_WAITING 4096          /* opens that can wait for sample_take_in() */
#define SAMPLE_FILES OPEN_CODE_FILES /* the index has free places, too */
#define SAMPLE_PIECE (32 << 10)      /* bytes that are copied at a time for a reader */
#define SAMPLE_SHIFT_MAX 20

/* With two pieces in flight all is below 1 MiB. */
#define SAMPLE_ROOM \
	((1 << 20) - 8 * SAMPLE_WAITING - 2 * (1 << 16) - 2 * OPEN_CODE_CONTEXTS - 4 * SAMPLE_PIECE - 512)

/* Opens of all files, and their bytes. */
struct sample_seen {
	uint64_t opens, bytes;
};

struct sample {
	_Alignas(64) _Atomic uint64_t mask; /* bits that are 0 in the hash of a chosen file */
	_Atomic uint64_t size_max;
	_Alignas(64) _Atomic uint64_t seen_opens; /* so far, without the lost ones */
	_Atomic uint64_t seen_bytes;
	_Atomic uint32_t waiting_count; /* above SAMPLE_WAITING: the further ones were lost */
	_Atomic uint64_t waiting[SAMPLE_WAITING];

	/* Under the caller's lock. */
	uint32_t file_count, open_count, token_count;
	uint32_t generation; /* grows when kept opens are removed or renumbered */
	bool is_cut;         /* older opens were removed */
	uint32_t middle;     /* number of the open at which the sample was half full; 0: it is not yet */
	struct sample_seen at_begin, at_middle;
	struct open_code code;
	union {
		uint16_t index[1 << 16];  /* by hash: 1 + the newest number of the file, or 0 */
		struct open_code decoder; /* while room is made */
	};
	uint64_t room[SAMPLE_ROOM / 8]; /* files from its begin on, tokens of opens from its end down */
};

/* A file as it was found by an open; 64 bits, packed. */
struct sample_file {
	uint64_t name; /* tells it from the other files of the sample */
	uint64_t size; /* bytes, rounded down by up to 1/2048 */
	unsigned version;
	bool by_rule;
};

struct sample_file sample_unpack(uint64_t packed);
uint64_t sample_pack(uint64_t hash, uint64_t size, unsigned version, bool by_rule);

/* s: zeroed memory. size_max: opens of larger files are neither kept nor counted. */
void sample_init(struct sample *s, uint64_t size_max);

/* Forgets all opens, since those of files up to the new size_max were not kept. */
void sample_restart(struct sample *s, uint64_t size_max);

/* The hash of the number of a file. */
static inline uint64_t sample_hash(uint64_t id)
{
	id = (id ^ id >> 30) * 0xbf58476d1ce4e5b9ULL;
	id = (id ^ id >> 27) * 0x94d049bb133111ebULL;
	return id ^ id >> 31;
}

/*
 * A file of size bytes was opened. version: six bits of a number that changes when what the cache would keep
 * of it becomes stale; by_rule: it may be cached whatever its size. True: call sample_take_in(), since
 * further opens of chosen files are lost until then.
 */
static inline bool sample_open(struct sample *s, uint64_t hash, uint64_t size, unsigned version, bool by_rule)
{
	uint64_t mask;
	uint32_t place;

	if (size > atomic_load_explicit(&s->size_max, memory_order_relaxed))
		return false;
	atomic_fetch_add_explicit(&s->seen_opens, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->seen_bytes, size, memory_order_relaxed);
	mask = atomic_load_explicit(&s->mask, memory_order_relaxed);
	if (hash & mask)
		return false;
	place = atomic_fetch_add_explicit(&s->waiting_count, 1, memory_order_relaxed);
	if (place >= SAMPLE_WAITING) {
		/* lost, and with it the files that it stands for: as if these opens had not happened */
		atomic_fetch_sub_explicit(&s->seen_opens, mask + 1, memory_order_relaxed);
		atomic_fetch_sub_explicit(&s->seen_bytes, size * (mask + 1), memory_order_relaxed);
		return true;
	}
	atomic_store_explicit(
		&s->waiting[place], sample_pack(hash, size, version, by_rule), memory_order_relaxed);
	return place == SAMPLE_WAITING - 1;
}

/*
 * Takes in the waiting opens, and makes room for the next ones, which takes some 20 ms now and then.
 * cache_size: bytes of the cache that is simulated. To make room, files are removed as long as enough are
 * left for such a cache, so that the sample reaches back as far as possible; after that the oldest opens are
 * removed.
 */
void sample_take_in(struct sample *s, uint64_t cache_size);

/* The same, and makes room before it is needed: if it is called once a second, sample_take_in() does not have
 * to. */
void sample_take_in_ahead(struct sample *s, uint64_t cache_size);

/* What the sample has at one moment. */
struct sample_extent {
	uint32_t file_count, open_count, token_count, generation;
	unsigned shift;          /* one in 2^shift files was chosen */
	bool is_cut;             /* older opens were removed */
	struct sample_seen seen; /* since the oldest that is kept */
};

void sample_read_extent(const struct sample *s, struct sample_extent *extent);

/* Copy files or tokens from number first on; return how many, at most count. They belong to an extent as long
 * as its generation is unchanged. */
uint32_t sample_read_files(const struct sample *s, uint32_t first, uint64_t *files, uint32_t count);
uint32_t sample_read_tokens(const struct sample *s, uint32_t first, uint16_t *tokens, uint32_t count);
