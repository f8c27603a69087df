/*
 * evict_sieve - a hand moves from the oldest file to the newest and evicts the first one that was not used
 * since the hand last passed; those that were used keep their places.
 *
 * Source: Zhang et al., "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction Algorithm for Web Caches",
 * NSDI 2024, algorithm 1. Open files are taken out of the queue and enter again as the newest when they are
 * closed.
 */
#include "cache/policy/evict_policies.h"

struct sieve {
	struct evict_queue queue;
	struct evict_entry *hand; /* the next to be judged; NULL: the oldest */
};

static struct sieve *sieve_of(const struct evict *e)
{
	return e->state;
}

static void sieve_push(struct evict *e, struct evict_entry *entry)
{
	entry->where = EVICT_MAIN;
	evict_queue_push(&sieve_of(e)->queue, entry);
}

static int sieve_insert(struct evict *e, struct evict_entry *entry, struct ghost_memory remembered)
{
	sieve_push(e, entry);
	return 0;
}

static void sieve_remove(struct evict *e, struct evict_entry *entry)
{
	struct sieve *s = sieve_of(e);

	if (s->hand == entry)
		s->hand = evict_newer(entry);
	evict_queue_unlink(&s->queue, entry);
}

static int sieve_unpark(struct evict *e, struct evict_entry *entry, bool used)
{
	sieve_push(e, entry);
	return 0;
}

static void sieve_resize(struct evict *e, struct evict_entry *entry, uint64_t size, uint64_t charge)
{
	sieve_of(e)->queue.charged += charge - entry->charge;
}

static struct evict_entry *sieve_pick(struct evict *e)
{
	struct sieve *s = sieve_of(e);
	struct evict_entry *entry;

	while ((entry = s->hand ? s->hand : evict_queue_oldest(&s->queue))) {
		switch (evict_judge(e, entry)) {
		case EVICT_TAKEN:
			s->hand = entry;
			sieve_remove(e, entry);
			return entry;
		case EVICT_USED:
			s->hand = evict_newer(entry);
			break;
		case EVICT_HELD:
			s->hand = entry;
			sieve_remove(e, entry);
			evict_park(e, entry);
			break;
		case EVICT_ENOUGH:
			return NULL;
		}
	}
	return NULL;
}

static const char *sieve_check(const struct evict *e, uint64_t *count, uint64_t *charged)
{
	const struct sieve *s = sieve_of(e);
	const struct evict_entry *entry = evict_queue_oldest(&s->queue);

	while (s->hand && entry && entry != s->hand)
		entry = evict_newer(entry);
	if (s->hand && !entry)
		return "sieve's hand points outside its queue";
	return evict_queue_check(&s->queue, EVICT_MAIN, count, charged);
}

const struct evict_policy evict_sieve = {
	.name = "sieve",
	.state_bytes = sizeof(struct sieve),
	.insert = sieve_insert,
	.remove = sieve_remove,
	.unpark = sieve_unpark,
	.resize = sieve_resize,
	.pick = sieve_pick,
	.check = sieve_check,
};
