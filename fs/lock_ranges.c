#include "fs/lock_ranges.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void lock_ranges_deinit(struct lock_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct lock_ranges){0};
}

/* A change adds at most two ranges: the new one, and the second half of the one that it splits. */
int lock_ranges_reserve(struct lock_ranges *ranges)
{
	unsigned room = ranges->count + 2;
	struct lock_range *items;

	if (room > LOCK_RANGES_MAX)
		return -ENOLCK;
	if (ranges->room >= room)
		return 0;
	room *= 2;
	items = realloc(ranges->items, room * sizeof(*items));
	if (!items)
		return -ENOLCK;
	ranges->items = items;
	ranges->room = room;
	return 0;
}

/* The first range that ends at this byte or after it. */
static unsigned find(const struct lock_ranges *ranges, int64_t byte)
{
	unsigned low = 0, high = ranges->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (ranges->items[middle].last < byte)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Replaces the ranges from..to-1. */
static void replace(
	struct lock_ranges *ranges, unsigned from, unsigned to, const struct lock_range *by, unsigned count)
{
	struct lock_range *items = ranges->items;

	memmove(items + from + count, items + to, (ranges->count - to) * sizeof(*items));
	memcpy(items + from, by, count * sizeof(*items));
	ranges->count += count - (to - from);
}

int lock_ranges_set(struct lock_ranges *ranges, int64_t first, int64_t last, short type)
{
	struct lock_range set = {first, last, type}, by[3];
	const struct lock_range *items;
	unsigned from, to, count = 0;

	if (lock_ranges_reserve(ranges) < 0)
		return -ENOLCK;
	items = ranges->items;
	/* including adjacent ranges, so that equal types merge */
	from = find(ranges, first > 0 ? first - 1 : 0);
	for (to = from; to < ranges->count && (last == INT64_MAX || items[to].first <= last + 1); to++) {
		if (items[to].type != type)
			continue;
		set.first = items[to].first < set.first ? items[to].first : set.first;
		set.last = items[to].last > set.last ? items[to].last : set.last;
	}
	if (from < to && items[from].first < first && items[from].type != type) {
		by[count] = items[from];
		if (by[count].last >= first)
			by[count].last = first - 1;
		count++;
	}
	if (type != F_UNLCK)
		by[count++] = set;
	if (from < to && items[to - 1].last > last && items[to - 1].type != type) {
		by[count] = items[to - 1];
		if (by[count].first <= last)
			by[count].first = last + 1;
		count++;
	}
	replace(ranges, from, to, by, count);
	return 0;
}

const struct lock_range *lock_ranges_conflict(
	const struct lock_ranges *ranges, int64_t first, int64_t last, short type)
{
	for (unsigned i = find(ranges, first); i < ranges->count && ranges->items[i].first <= last; i++)
		if (type == F_WRLCK || ranges->items[i].type == F_WRLCK)
			return &ranges->items[i];
	return NULL;
}
