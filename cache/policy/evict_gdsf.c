/*
 * evict_gdsf - evicts the file with the least H. H = L + freq / size, computed at the last use; L is the H of
 * the file that was evicted last.
 *
 * Source: Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching Policy",
 * 1998, with the cost of a miss taken as 1. Files are in a binary heap, so a use costs O(log n). With the
 * reference bit alone, a file that was used is moved when it comes to the top. Of files with equal H the
 * older one is evicted.
 */
#include "cache/policy/evict_policies.h"

#include <errno.h>
#include <stdlib.h>

struct gdsf_slot {
	double rank;
	uint64_t stamp; /* order of the pushes */
	struct evict_entry *entry;
};

struct gdsf {
	struct gdsf_slot *heap;
	uint32_t count, room;
	uint64_t stamp;
	double floor; /* L */
};

enum { HEAP_ROOM_MIN = 64 };

static struct gdsf *gdsf_of(const struct evict *e)
{
	return e->state;
}

static bool is_before(const struct gdsf_slot *a, const struct gdsf_slot *b)
{
	return a->rank < b->rank || (a->rank == b->rank && a->stamp < b->stamp);
}

static void put_slot(struct gdsf *g, uint32_t i, struct gdsf_slot slot)
{
	g->heap[i] = slot;
	slot.entry->slot = i;
}

/* Puts the slot at i, and moves it up or down to where it belongs. */
static void sift(struct gdsf *g, uint32_t i, struct gdsf_slot slot)
{
	while (i && is_before(&slot, &g->heap[(i - 1) / 2])) {
		put_slot(g, i, g->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= g->count)
			break;
		if (child + 1 < g->count && is_before(&g->heap[child + 1], &g->heap[child]))
			child++;
		if (!is_before(&g->heap[child], &slot))
			break;
		put_slot(g, i, g->heap[child]);
		i = child;
	}
	put_slot(g, i, slot);
}

static int grow(struct gdsf *g)
{
	uint32_t room = g->room ? g->room + g->room / 2 : HEAP_ROOM_MIN;
	struct gdsf_slot *heap = realloc(g->heap, room * sizeof(*heap));

	if (!heap)
		return -ENOMEM;
	g->heap = heap;
	g->room = room;
	return 0;
}

static struct gdsf_slot weigh(struct gdsf *g, struct evict_entry *entry)
{
	entry->rank = g->floor + evict_weighed(entry, entry->freq / (double)(entry->size ? entry->size : 1));
	return (struct gdsf_slot){entry->rank, g->stamp++, entry};
}

static int gdsf_push(struct evict *e, struct evict_entry *entry)
{
	struct gdsf *g = gdsf_of(e);

	g->count++;
	sift(g, g->count - 1, weigh(g, entry));
	entry->where = EVICT_MAIN;
	return 0;
}

/* Allocates room for parked entries as well, so that unparking never fails. */
static int gdsf_insert(struct evict *e, struct evict_entry *entry, struct ghost_memory remembered)
{
	struct gdsf *g = gdsf_of(e);

	if (g->count + e->stats.parked_count >= g->room && grow(g) < 0)
		return -ENOMEM;
	return gdsf_push(e, entry);
}

static int gdsf_unpark(struct evict *e, struct evict_entry *entry, bool used)
{
	return gdsf_push(e, entry);
}

static void gdsf_remove(struct evict *e, struct evict_entry *entry)
{
	struct gdsf *g = gdsf_of(e);
	struct gdsf_slot last = g->heap[--g->count];

	if (last.entry != entry)
		sift(g, entry->slot, last);
}

static void gdsf_touch(struct evict *e, struct evict_entry *entry)
{
	if (entry->freq < UINT16_MAX)
		entry->freq++;
	sift(gdsf_of(e), entry->slot, weigh(gdsf_of(e), entry));
}

static void gdsf_resize(struct evict *e, struct evict_entry *entry, uint64_t size, uint64_t charge)
{
	entry->size = size;
	sift(gdsf_of(e), entry->slot, weigh(gdsf_of(e), entry));
}

static struct evict_entry *gdsf_pick(struct evict *e)
{
	struct gdsf *g = gdsf_of(e);

	while (g->count) {
		struct evict_entry *entry = g->heap[0].entry;

		switch (evict_judge(e, entry)) {
		case EVICT_TAKEN:
			g->floor = entry->rank;
			gdsf_remove(e, entry);
			return entry;
		case EVICT_USED:
			sift(g, 0, weigh(g, entry));
			break;
		case EVICT_HELD:
			gdsf_remove(e, entry);
			evict_park(e, entry);
			break;
		case EVICT_ENOUGH:
			return NULL;
		}
	}
	return NULL;
}

static void gdsf_deinit(struct evict *e)
{
	free(gdsf_of(e)->heap);
}

static size_t gdsf_memory(const struct evict *e)
{
	return gdsf_of(e)->room * sizeof(struct gdsf_slot);
}

static const char *gdsf_check(const struct evict *e, uint64_t *count, uint64_t *charged)
{
	const struct gdsf *g = gdsf_of(e);

	for (uint32_t i = 0; i < g->count; i++) {
		const struct gdsf_slot *slot = &g->heap[i];

		if (slot->entry->slot != i || slot->entry->rank != slot->rank)
			return "gdsf's heap and an entry disagree";
		if (slot->entry->where != EVICT_MAIN)
			return "an entry in gdsf's heap says that it is elsewhere";
		if (i && is_before(slot, &g->heap[(i - 1) / 2]))
			return "gdsf's heap is out of order";
		*charged += slot->entry->charge;
	}
	*count += g->count;
	return NULL;
}

const struct evict_policy evict_gdsf = {
	.name = "gdsf",
	.state_bytes = sizeof(struct gdsf),
	.deinit = gdsf_deinit,
	.insert = gdsf_insert,
	.touch = gdsf_touch,
	.remove = gdsf_remove,
	.unpark = gdsf_unpark,
	.resize = gdsf_resize,
	.pick = gdsf_pick,
	.check = gdsf_check,
	.memory = gdsf_memory,
};
