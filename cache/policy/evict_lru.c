/*
 * evict_lru - evicts the file that was opened least recently.
 *
 * Each open moves the file to the newest end, so it is eager. With the reference bit alone the order within
 * the queue is not known; then a file that was used moves to the newest end when its turn to leave comes, as
 * in CLOCK.
 */
#include "cache/policy/evict_policies.h"

struct lru {
	struct evict_queue queue;
};

static struct lru *lru_of(const struct evict *e)
{
	return e->state;
}

static void lru_push(struct evict *e, struct evict_entry *entry)
{
	entry->where = EVICT_MAIN;
	evict_queue_push(&lru_of(e)->queue, entry);
}

static int lru_insert(struct evict *e, struct evict_entry *entry, struct ghost_memory remembered)
{
	lru_push(e, entry);
	return 0;
}

static void lru_remove(struct evict *e, struct evict_entry *entry)
{
	evict_queue_unlink(&lru_of(e)->queue, entry);
}

static void lru_touch(struct evict *e, struct evict_entry *entry)
{
	lru_remove(e, entry);
	lru_push(e, entry);
}

/* The file was open until now, which makes it the newest. */
static int lru_unpark(struct evict *e, struct evict_entry *entry, bool used)
{
	lru_push(e, entry);
	return 0;
}

static void lru_resize(struct evict *e, struct evict_entry *entry, uint64_t size, uint64_t charge)
{
	lru_of(e)->queue.charged += charge - entry->charge;
}

static struct evict_entry *lru_pick(struct evict *e)
{
	struct evict_entry *entry;

	while ((entry = evict_queue_oldest(&lru_of(e)->queue))) {
		switch (evict_judge(e, entry)) {
		case EVICT_TAKEN:
			lru_remove(e, entry);
			return entry;
		case EVICT_USED:
			lru_touch(e, entry);
			break;
		case EVICT_HELD:
			lru_remove(e, entry);
			evict_park(e, entry);
			break;
		case EVICT_ENOUGH:
			return NULL;
		}
	}
	return NULL;
}

static const char *lru_check(const struct evict *e, uint64_t *count, uint64_t *charged)
{
	return evict_queue_check(&lru_of(e)->queue, EVICT_MAIN, count, charged);
}

const struct evict_policy evict_lru = {
	.name = "lru",
	.state_bytes = sizeof(struct lru),
	.insert = lru_insert,
	.touch = lru_touch,
	.remove = lru_remove,
	.unpark = lru_unpark,
	.resize = lru_resize,
	.pick = lru_pick,
	.check = lru_check,
};
