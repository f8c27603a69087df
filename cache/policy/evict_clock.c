/*
 * evict_clock - a FIFO queue. A file that was used since it entered or was last looked at goes round once
 * more.
 *
 * Source: Corbato, "A Paging Experiment with the Multics System", 1968.
 */
#include "cache/policy/evict_policies.h"

struct clock_state {
	struct evict_queue queue;
};

static struct evict_queue *queue_of(const struct evict *e)
{
	return &((struct clock_state *)e->state)->queue;
}

static void clock_push(struct evict *e, struct evict_entry *entry)
{
	entry->where = EVICT_MAIN;
	evict_queue_push(queue_of(e), entry);
}

static int clock_insert(struct evict *e, struct evict_entry *entry, struct ghost_memory remembered)
{
	clock_push(e, entry);
	return 0;
}

static void clock_remove(struct evict *e, struct evict_entry *entry)
{
	evict_queue_unlink(queue_of(e), entry);
}

static int clock_unpark(struct evict *e, struct evict_entry *entry, bool used)
{
	clock_push(e, entry);
	return 0;
}

static void clock_resize(struct evict *e, struct evict_entry *entry, uint64_t size, uint64_t charge)
{
	queue_of(e)->charged += charge - entry->charge;
}

static struct evict_entry *clock_pick(struct evict *e)
{
	struct evict_entry *entry;

	while ((entry = evict_queue_oldest(queue_of(e)))) {
		enum evict_verdict verdict = evict_judge(e, entry);

		if (verdict == EVICT_ENOUGH)
			return NULL;
		clock_remove(e, entry);
		if (verdict == EVICT_TAKEN)
			return entry;
		if (verdict == EVICT_USED)
			clock_push(e, entry);
		else
			evict_park(e, entry);
	}
	return NULL;
}

static const char *clock_check(const struct evict *e, uint64_t *count, uint64_t *charged)
{
	return evict_queue_check(queue_of(e), EVICT_MAIN, count, charged);
}

const struct evict_policy evict_clock = {
	.name = "clock",
	.state_bytes = sizeof(struct clock_state),
	.insert = clock_insert,
	.remove = clock_remove,
	.unpark = clock_unpark,
	.resize = clock_resize,
	.pick = clock_pick,
	.check = clock_check,
};
