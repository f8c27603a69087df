/*
 * finder - where in a large file the page cache holds pages.
 *
 * Counts by cachestat(2) and bisects ranges that have pages, so that the cost depends on what is resident,
 * not on the size of the file. Positions and counts are pages. Not thread-safe.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cache/policy/spans.h"
#include "cache/policy/trailing.h"

enum {
	FINDER_EXTENTS = 1024,
	FINDER_LEAF = TRAILING_PIECE, /* pages that are not told apart any further */
	FINDER_GAP = 2048,            /* pages; pieces that are no farther apart are one extent */
	FINDER_SECTIONS = 64,
};

/* A part of the file between long stretches of kept pages, and how many kept pages are in it nonetheless. */
struct section {
	uint64_t from, to, kept;
};

struct finder {
	int fd;
	uint64_t pages;           /* of the file */
	const struct spans *kept; /* what was there before and is not looked for */
	struct span apart;        /* nor is what is in here */
	/* What is resident throughout, as the caller has just seen: counted without looking. Set between
	 * preparing and looking; NULL: nothing. */
	const struct spans *known;
	struct section sections[FINDER_SECTIONS];
	size_t section_count;
};

/* The size of the file in pages (page_cache_file_size()), or -errno. */
int64_t finder_pages(int fd);

/*
 * Prepares to look: after kept or the file's size changed. apart: a part that is not looked at. fd and kept
 * stay the caller's and must stay valid. 0 or -errno.
 */
int finder_prepare(struct finder *finder, int fd, const struct spans *kept, struct span apart);

/* The number of resident pages that are not kept, or -errno. */
int64_t finder_count(const struct finder *finder);

/*
 * These pages as extents, in order; what does not fit into the array is added to its last element. before:
 * the extents of an earlier search, or none, around which the search begins. Returns their number, or -errno.
 */
int finder_find(const struct finder *finder, const struct extent *before, size_t before_count,
	struct extent extents[FINDER_EXTENTS]);

/* Adds every resident page of [from, to) to the set. 0 or -errno. */
int finder_picture(int fd, uint64_t from, uint64_t to, struct spans *spans);
