/*
 * evict_s3fifo - new files enter a small queue first. Those that are used there move to the main queue; the
 * others are evicted soon and remembered in the ghost list, and enter the main queue if they come back.
 *
 * Source: Yang et al., "FIFO Queues are All You Need for Cache Eviction", SOSP 2023, with one bit instead of
 * two for each file. A file larger than the small queue is not refused.
 */
#include "cache/policy/evict_policies.h"

enum { SMALL_PERMILLE = 100 };

struct s3fifo {
	struct evict_queue small, main;
};

static struct s3fifo *s3fifo_of(const struct evict *e)
{
	return e->state;
}

static struct evict_queue *queue_of(const struct evict *e, const struct evict_entry *entry)
{
	return entry->where == EVICT_SMALL ? &s3fifo_of(e)->small : &s3fifo_of(e)->main;
}

static void s3fifo_push(struct evict *e, struct evict_entry *entry, enum evict_where where)
{
	entry->where = where;
	evict_queue_push(queue_of(e, entry), entry);
}

static int s3fifo_insert(struct evict *e, struct evict_entry *entry, struct ghost_memory remembered)
{
	s3fifo_push(e, entry, remembered.was_cached ? EVICT_MAIN : EVICT_SMALL);
	return 0;
}

static void s3fifo_remove(struct evict *e, struct evict_entry *entry)
{
	evict_queue_unlink(queue_of(e, entry), entry);
}

static int s3fifo_unpark(struct evict *e, struct evict_entry *entry, bool used)
{
	s3fifo_push(e, entry, EVICT_MAIN);
	return 0;
}

static void s3fifo_resize(struct evict *e, struct evict_entry *entry, uint64_t size, uint64_t charge)
{
	queue_of(e, entry)->charged += charge - entry->charge;
}

static struct evict_entry *next_judged(const struct evict *e)
{
	const struct s3fifo *s = s3fifo_of(e);
	unsigned permille = e->options.small_permille ? e->options.small_permille : SMALL_PERMILLE;
	uint64_t share = e->options.budget / 1000 * permille;
	struct evict_entry *small = evict_queue_oldest(&s->small), *main = evict_queue_oldest(&s->main);

	return small && (s->small.charged > share || !main) ? small : main;
}

static struct evict_entry *s3fifo_pick(struct evict *e)
{
	struct evict_entry *entry;

	while ((entry = next_judged(e))) {
		enum evict_verdict verdict = evict_judge(e, entry);

		if (verdict == EVICT_ENOUGH)
			return NULL;
		s3fifo_remove(e, entry);
		if (verdict == EVICT_TAKEN)
			return entry;
		if (verdict == EVICT_USED)
			s3fifo_push(e, entry, EVICT_MAIN);
		else
			evict_park(e, entry);
	}
	return NULL;
}

static const char *s3fifo_check(const struct evict *e, uint64_t *count, uint64_t *charged)
{
	const char *wrong = evict_queue_check(&s3fifo_of(e)->small, EVICT_SMALL, count, charged);

	return wrong ? wrong : evict_queue_check(&s3fifo_of(e)->main, EVICT_MAIN, count, charged);
}

const struct evict_policy evict_s3fifo = {
	.name = "s3fifo",
	.state_bytes = sizeof(struct s3fifo),
	.keeps_ghost = true,
	.insert = s3fifo_insert,
	.remove = s3fifo_remove,
	.unpark = s3fifo_unpark,
	.resize = s3fifo_resize,
	.pick = s3fifo_pick,
	.check = s3fifo_check,
};
