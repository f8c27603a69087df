/*
 * trailing - which pages of a large file belong to streams, and which of them may leave the page cache.
 *
 * Pure. The caller passes what it found in the page cache, without what was there before the streams came, as
 * extents: stretches whose pages lie close together. Two such pictures, one after the other, tell streams
 * from random reading, though no read is seen:
 *   - a long extent without holes was read in order: a stream;
 *   - an extent with holes that grows at an end, and not between, is a reader that skips (strided): a stream;
 *   - one that fills up between its ends is read at random: its pages stay, as the kernel likes.
 * A stream keeps the pages behind its front, up to a window; an idle stream loses them when another one needs
 * the room. Positions and counts are pages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/policy/spans.h"

enum {
	TRAILING_PIECE = 128, /* extents begin and end at multiples of it */
	TRAILING_FOLIO = 512, /* the largest folio; one lies at a multiple of its size, and is dropped as a
				 whole or not at all */
	TRAILING_STREAM_MIN = 128, /* pages without holes from which on they are a stream: records of
				      databases and the readahead of a single fault are shorter */
	/* pages from which on random reading is told from a reader in the middle of a record */
	TRAILING_RANDOM_MIN = 1024,
	TRAILING_REST_MS = 500, /* an extent that has not grown for so long has an idle reader */
};

enum trailing_verdict {
	TRAILING_LEAVE,  /* nothing is to be done yet */
	TRAILING_DROP,   /* drop the pages in .drop */
	TRAILING_RANDOM, /* not a stream: leave it alone for good */
};

struct extent {
	uint64_t from, to, pages;
	uint64_t kept; /* pages in between that were there before: no holes */
	bool stream;
	bool backwards;  /* it grows at its beginning */
	bool grew;       /* since the picture before, or is new */
	int64_t grew_ms; /* when it grew last */
	enum trailing_verdict verdict;
	struct span drop;
};

/*
 * Judges the extents of a new picture (now) by those of the one before, both in order of their positions.
 * window: pages that each stream may keep; now_ms: of any monotonic clock. Fills in what follows kept, and
 * reduces from, to and pages by what is to be dropped, so that now is the next call's before. Returns how
 * many streams are reading.
 */
unsigned trailing_judge(const struct extent *before, size_t before_count, struct extent *now,
	size_t now_count, uint64_t window, int64_t now_ms);

/* The file is not read any more: as above, and streams keep nothing. */
void trailing_end(const struct extent *before, size_t before_count, struct extent *now, size_t now_count);
