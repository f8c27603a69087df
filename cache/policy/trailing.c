#include "cache/policy/trailing.h"

/* Each end of an extent is known only to within a piece. */
#define ENDS (2 * TRAILING_PIECE)

static bool has_no_holes(const struct extent *e)
{
	return e->to - e->from >= TRAILING_STREAM_MIN && e->pages + e->kept >= (e->to - e->from) / 4 * 3;
}

static bool overlap(const struct extent *a, const struct extent *b)
{
	return a->from < b->to && b->from < a->to;
}

/* The earlier extents that overlap e, as one; pages is 0 if there are none. */
static struct extent hull(const struct extent *before, size_t count, const struct extent *e)
{
	struct extent hull = {0};

	for (size_t i = 0; i < count; i++) {
		const struct extent *old = &before[i];

		if (!overlap(old, e))
			continue;
		if (!hull.pages)
			hull.from = old->from;
		hull.to = old->to;
		hull.pages += old->pages;
		hull.stream |= old->stream;
		hull.backwards = old->backwards;
		hull.grew_ms = hull.grew_ms > old->grew_ms ? hull.grew_ms : old->grew_ms;
	}
	return hull;
}

/*
 * Whether the new pages lie between the extent's old ends: there are more of them than the new stretches
 * would hold if they were as dense as the old.
 */
static bool filled_between(const struct extent *e, const struct extent *old)
{
	uint64_t grown = e->pages - old->pages, added = 0;

	if (e->from < old->from)
		added += old->from - e->from;
	if (e->to > old->to)
		added += e->to - old->to;
	return grown > added + ENDS || grown * 2 > 3 * (added * old->pages / (old->to - old->from)) + ENDS;
}

static void see_growth(struct extent *e, const struct extent *old, int64_t now_ms)
{
	uint64_t below = e->from < old->from ? old->from - e->from : 0;
	uint64_t above = e->to > old->to ? e->to - old->to : 0;

	e->stream = old->stream || has_no_holes(e);
	e->backwards = old->backwards;
	e->grew = !old->pages || e->pages > old->pages || below || above;
	e->grew_ms = e->grew ? now_ms : old->grew_ms;
	if (old->pages && (below || above))
		e->backwards = below > above;
	if (old->pages && e->pages > old->pages && !e->stream && e->pages >= TRAILING_RANDOM_MIN) {
		if (filled_between(e, old))
			e->verdict = TRAILING_RANDOM;
		else
			e->stream = true;
	}
}

/*
 * Leaves keep pages, and the rest of a folio, at the end that grows, and marks all others for dropping. In an
 * extent with holes the pages that are left span a longer stretch. No folio lies across the end of what is
 * dropped: it would be left at each attempt.
 */
static void drop_all_but(struct extent *e, uint64_t keep)
{
	uint64_t length = e->to - e->from, unit = keep ? TRAILING_FOLIO : TRAILING_PIECE, stretch;
	struct span drop = {e->from, e->to};

	if (e->pages <= keep)
		return;
	stretch = (uint64_t)((double)length * (double)keep / (double)e->pages);
	if (e->backwards)
		drop.from = (e->from + stretch + unit - 1) / unit * unit;
	else
		drop.to = (e->to - stretch) / unit * unit;
	if (drop.from >= drop.to)
		return;
	e->verdict = TRAILING_DROP;
	e->drop = drop;
	if (e->backwards)
		e->to = drop.from;
	else
		e->from = drop.to;
	e->pages = keep;
}

static void judge(struct extent *e, uint64_t window, int64_t now_ms)
{
	if (e->verdict == TRAILING_RANDOM)
		return;
	if (e->grew) {
		if (e->stream)
			drop_all_but(e, window);
	} else if (now_ms - e->grew_ms >= TRAILING_REST_MS) {
		if (e->stream)
			drop_all_but(e, 0);
		else
			e->verdict = TRAILING_RANDOM;
	}
}

static void compare(const struct extent *before, size_t before_count, struct extent *now, size_t now_count,
	int64_t now_ms)
{
	for (size_t i = 0; i < now_count; i++) {
		struct extent old = hull(before, before_count, &now[i]);

		now[i].verdict = TRAILING_LEAVE;
		see_growth(&now[i], &old, now_ms);
	}
}

unsigned trailing_judge(const struct extent *before, size_t before_count, struct extent *now,
	size_t now_count, uint64_t window, int64_t now_ms)
{
	unsigned streams = 0;

	compare(before, before_count, now, now_count, now_ms);
	for (size_t i = 0; i < now_count; i++) {
		streams += now[i].grew && now[i].stream;
		judge(&now[i], window, now_ms);
	}
	return streams;
}

void trailing_end(const struct extent *before, size_t before_count, struct extent *now, size_t now_count)
{
	compare(before, before_count, now, now_count, 0);
	for (size_t i = 0; i < now_count; i++)
		if (now[i].stream && now[i].verdict != TRAILING_RANDOM)
			drop_all_but(&now[i], 0);
}
