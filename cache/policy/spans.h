/*
 * spans - a sorted set of disjoint ranges of pages, of bounded size.
 *
 * Pure. A set that would exceed its capacity closes its smallest gaps: it then covers more than was put in,
 * never less. Adding at the end is O(1), anywhere else O(n); questions are O(log n) plus what they return.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [from, to), pages. */
struct span {
	uint64_t from, to;
};

struct spans {
	struct span *span; /* sorted, disjoint, not adjacent */
	size_t count, allocated;
	size_t capacity; /* spans at most */
};

/* Zeroed memory with a capacity is an empty set. */
void spans_init(struct spans *spans, size_t capacity);
void spans_deinit(struct spans *spans);
void spans_clear(struct spans *spans);

/* 0, or -ENOMEM with the set as it was. */
int spans_add(struct spans *spans, uint64_t from, uint64_t to);

/* Removes all pages from this one on. Returns whether there were any. */
bool spans_cut(struct spans *spans, uint64_t from);

/* Pages of [from, to) that the set covers. */
uint64_t spans_covered(const struct spans *spans, uint64_t from, uint64_t to);

/*
 * The first part of [*from, to) that the set does not cover: true and *gap, with *from moved behind it. False
 * when there is none.
 */
bool spans_next_gap(const struct spans *spans, uint64_t *from, uint64_t to, struct span *gap);
