#include "cache/policy/spans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void spans_init(struct spans *spans, size_t capacity)
{
	*spans = (struct spans){.capacity = capacity};
}

void spans_deinit(struct spans *spans)
{
	free(spans->span);
	spans->span = NULL;
	spans->count = spans->allocated = 0;
}

void spans_clear(struct spans *spans)
{
	spans->count = 0;
}

/* The first span that ends behind page: it covers the page or lies behind it. spans->count: there is none. */
static size_t find(const struct spans *spans, uint64_t page)
{
	size_t low = 0, high = spans->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans->span[middle].to > page)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int make_room(struct spans *spans)
{
	size_t allocated = spans->allocated ? 2 * spans->allocated : 16;
	struct span *span;

	if (spans->count < spans->allocated)
		return 0;
	span = realloc(spans->span, allocated * sizeof(*span));
	if (!span)
		return -ENOMEM;
	spans->span = span;
	spans->allocated = allocated;
	return 0;
}

static void close_gaps_up_to(struct spans *spans, uint64_t width)
{
	size_t kept = 0;

	for (size_t i = 1; i < spans->count; i++) {
		if (spans->span[i].from - spans->span[kept].to <= width)
			spans->span[kept].to = spans->span[i].to;
		else
			spans->span[++kept] = spans->span[i];
	}
	spans->count = kept + 1;
}

/* Merges spans until half of the capacity is free, so that this is rare. */
static void coarsen(struct spans *spans)
{
	for (uint64_t width = 1; spans->count > spans->capacity / 2 && spans->count > 1; width *= 2)
		close_gaps_up_to(spans, width);
}

int spans_add(struct spans *spans, uint64_t from, uint64_t to)
{
	size_t first, last;

	if (from >= to)
		return 0;
	/* merges with the spans that it touches */
	first = find(spans, from > 0 ? from - 1 : 0);
	for (last = first; last < spans->count && spans->span[last].from <= to; last++) {
		if (spans->span[last].from < from)
			from = spans->span[last].from;
		if (spans->span[last].to > to)
			to = spans->span[last].to;
	}
	if (first == last && make_room(spans) < 0)
		return -ENOMEM;
	memmove(spans->span + first + 1, spans->span + last, (spans->count - last) * sizeof(struct span));
	spans->span[first] = (struct span){from, to};
	spans->count += 1 - (last - first);
	if (spans->count > spans->capacity)
		coarsen(spans);
	return 0;
}

bool spans_cut(struct spans *spans, uint64_t from)
{
	size_t i = find(spans, from);
	bool any = i < spans->count;

	if (any && spans->span[i].from < from)
		spans->span[i++].to = from;
	spans->count = i;
	return any;
}

uint64_t spans_covered(const struct spans *spans, uint64_t from, uint64_t to)
{
	uint64_t covered = 0;

	for (size_t i = find(spans, from); i < spans->count && spans->span[i].from < to; i++) {
		uint64_t a = spans->span[i].from > from ? spans->span[i].from : from;
		uint64_t b = spans->span[i].to < to ? spans->span[i].to : to;

		covered += b - a;
	}
	return covered;
}

bool spans_next_gap(const struct spans *spans, uint64_t *from, uint64_t to, struct span *gap)
{
	size_t i = find(spans, *from);

	if (i < spans->count && spans->span[i].from <= *from)
		*from = spans->span[i++].to;
	if (*from >= to)
		return false;
	gap->from = *from;
	gap->to = i < spans->count && spans->span[i].from < to ? spans->span[i].from : to;
	*from = gap->to;
	return true;
}
