#include "cache/policy/evict_policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { GHOSTS_PER_OBJECT = 2, GHOST_COUNT_MIN = 16, GHOST_SIZING = 16, GHOST_ENTRY_BYTES = 16 };

const struct evict_policy *evict_find(const char *name)
{
	for (size_t i = 0; evict_catalogue[i]; i++)
		if (!strcmp(evict_catalogue[i]->name, name))
			return evict_catalogue[i];
	return NULL;
}

const char *evict_policy_name(const struct evict_policy *policy)
{
	return policy->name;
}

struct evict *evict_new(const struct evict_options *options, const struct evict_host *host)
{
	struct evict *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->policy = options->policy;
	e->options = *options;
	e->host = *host;
	if (!e->options.largest_part)
		e->options.largest_part = EVICT_LARGEST_PART;
	ghost_init(&e->ghost);
	e->state = calloc(1, e->policy->state_bytes);
	if (!e->state || (e->policy->init && e->policy->init(e) < 0)) {
		free(e->state);
		free(e);
		return NULL;
	}
	return e;
}

void evict_free(struct evict *e)
{
	if (!e)
		return;
	if (e->policy->deinit)
		e->policy->deinit(e);
	ghost_deinit(&e->ghost);
	free(e->state);
	free(e);
}

uint64_t evict_budget(const struct evict *e)
{
	return e->options.budget;
}

static size_t own_memory(const struct evict *e)
{
	size_t bytes = sizeof(*e) + e->policy->state_bytes + ghost_bytes(&e->ghost);

	return e->policy->memory ? bytes + e->policy->memory(e) : bytes;
}

/* Memory that counts against the budget: the fixed part does not, since it is the same for any budget. */
static uint64_t budgeted_memory(const struct evict *e)
{
	uint64_t bytes = ghost_bytes(&e->ghost);

	if (e->options.memory_is_free)
		return 0;
	return e->policy->memory ? bytes + e->policy->memory(e) : bytes;
}

/*
 * Twice as many ghosts as objects. Before the cache is full: twice as many as it would hold of files of the
 * mean size asked for. The table never takes more than a 64th of the budget.
 */
static void size_ghost(struct evict *e)
{
	uint64_t count = e->stats.object_count;
	uint64_t most = e->options.budget / 64 / GHOST_ENTRY_BYTES;

	if (e->asked_mean && e->options.budget / e->asked_mean > count)
		count = e->options.budget / e->asked_mean;
	count *= GHOSTS_PER_OBJECT;
	if (count > most)
		count = most;
	ghost_set_capacity(&e->ghost, count > GHOST_COUNT_MIN ? count : GHOST_COUNT_MIN);
}

void evict_set_budget(struct evict *e, uint64_t budget)
{
	e->options.budget = budget;
	if (e->ghost.slots)
		size_ghost(e);
}

void evict_set_admit(struct evict *e, unsigned admit)
{
	e->options.admit = admit;
}

static void remember(struct evict *e, uint64_t id, unsigned freq, bool was_cached)
{
	if (e->ghost.clock % GHOST_SIZING == 0)
		size_ghost(e);
	ghost_put(&e->ghost, id, freq, was_cached);
}

void evict_prefetch(const struct evict *e, uint64_t id)
{
	ghost_prefetch(&e->ghost, id);
}

static bool may_enter(const struct evict *e, uint64_t charge)
{
	uint64_t largest = e->options.budget / e->options.largest_part + e->options.largest_extra;

	return e->options.admit && charge <= largest && charge <= e->options.budget;
}

static bool is_due(const struct evict *e, struct ghost_memory memory)
{
	return memory.was_cached || memory.freq + 1U >= e->options.admit;
}

struct evict_outlook evict_peek(const struct evict *e, uint64_t id, uint64_t charge)
{
	struct ghost_memory memory = ghost_find(&e->ghost, id);
	enum evict_answer answer = is_due(e, memory) ? EVICT_ADMIT : EVICT_LATER;

	return (struct evict_outlook){
		.answer = may_enter(e, charge) ? answer : EVICT_NEVER,
		.opens = memory.freq,
		.wanted = e->options.admit,
		.was_cached = memory.was_cached,
	};
}

enum evict_answer evict_ask(struct evict *e, uint64_t id, uint64_t charge)
{
	struct ghost_memory memory;

	if (!may_enter(e, charge))
		return EVICT_NEVER;
	if (e->options.admit == 1)
		return EVICT_ADMIT;
	e->asked_mean = e->asked_mean ? (e->asked_mean * 255 + charge) / 256 : charge;
	memory = ghost_find(&e->ghost, id);
	if (is_due(e, memory))
		return EVICT_ADMIT;
	remember(e, id, memory.freq + 1U, false);
	return EVICT_LATER;
}

static void count_in(struct evict *e, const struct evict_entry *entry)
{
	e->stats.object_count++;
	e->stats.charged += entry->charge;
}

static void count_out(struct evict *e, const struct evict_entry *entry)
{
	e->stats.object_count--;
	e->stats.charged -= entry->charge;
}

int evict_insert(struct evict *e, struct evict_entry *entry)
{
	struct ghost_memory memory = {0};
	int r;

	if (entry->where != EVICT_OUT)
		return -EEXIST;
	if (e->ghost.slots)
		memory = ghost_take(&e->ghost, entry->id);
	entry->freq = 1;
	atomic_store_explicit(&entry->used, 0, memory_order_relaxed);
	r = e->policy->insert(e, entry, memory);
	if (r < 0)
		return r;
	count_in(e, entry);
	return 0;
}

bool evict_is_eager(const struct evict *e)
{
	return e->policy->touch && !e->options.bit_only;
}

void evict_touch(struct evict *e, struct evict_entry *entry)
{
	if (entry->where != EVICT_OUT && entry->where != EVICT_PARKED && e->policy->touch)
		e->policy->touch(e, entry);
}

void evict_resize(struct evict *e, struct evict_entry *entry, uint64_t size, uint64_t charge)
{
	if (entry->where == EVICT_PARKED)
		e->stats.parked += charge - entry->charge;
	else if (entry->where != EVICT_OUT && e->policy->resize)
		e->policy->resize(e, entry, size, charge);
	if (entry->where != EVICT_OUT)
		e->stats.charged += charge - entry->charge;
	entry->size = size;
	entry->charge = charge;
}

static void leave_parking(struct evict *e, struct evict_entry *entry)
{
	e->stats.parked_count--;
	e->stats.parked -= entry->charge;
	entry->where = EVICT_OUT;
}

void evict_remove(struct evict *e, struct evict_entry *entry)
{
	if (entry->where == EVICT_OUT)
		return;
	if (entry->where == EVICT_PARKED)
		leave_parking(e, entry);
	else
		e->policy->remove(e, entry);
	entry->where = EVICT_OUT;
	count_out(e, entry);
}

void evict_park(struct evict *e, struct evict_entry *entry)
{
	entry->where = EVICT_PARKED;
	e->stats.parked_count++;
	e->stats.parked += entry->charge;
}

bool evict_absorb(struct evict *e, struct evict_entry *entry)
{
	bool used = atomic_load_explicit(&entry->used, memory_order_relaxed);

	if (used) /* a use at this very moment may be lost, which does no harm */
		atomic_store_explicit(&entry->used, 0, memory_order_relaxed);
	if (!evict_is_eager(e) && e->host.used && e->host.used(e->host.ctx, entry))
		used = true;
	if (used && entry->freq < UINT16_MAX)
		entry->freq++;
	return used;
}

int evict_unpark(struct evict *e, struct evict_entry *entry)
{
	bool used;
	int r;

	if (entry->where != EVICT_PARKED)
		return 0;
	leave_parking(e, entry);
	used = evict_absorb(e, entry);
	r = e->policy->unpark(e, entry, used);
	if (r < 0)
		evict_park(e, entry);
	return r;
}

bool evict_must_shed(const struct evict *e, uint64_t incoming)
{
	return e->stats.charged + budgeted_memory(e) + incoming > e->options.budget;
}

enum evict_verdict evict_judge(struct evict *e, struct evict_entry *entry)
{
	if (++e->examined > 2 * EVICT_EXAMINE_MAX)
		return EVICT_ENOUGH;
	if (evict_absorb(e, entry) && e->examined <= EVICT_EXAMINE_MAX)
		return EVICT_USED;
	return e->host.take(e->host.ctx, entry) ? EVICT_TAKEN : EVICT_HELD;
}

struct evict_entry *evict_pick(struct evict *e)
{
	struct evict_entry *victim;

	e->examined = 0;
	victim = e->policy->pick(e);
	e->stats.examined += e->examined;
	if (e->examined > e->stats.most_examined)
		e->stats.most_examined = e->examined;
	if (!victim)
		return NULL;
	e->stats.forced += e->examined > EVICT_EXAMINE_MAX;
	e->stats.evictions++;
	count_out(e, victim);
	victim->where = EVICT_OUT;
	if (e->policy->keeps_ghost || e->options.admit > 1)
		remember(e, victim->id, victim->freq, true);
	return victim;
}

void evict_read_stats(const struct evict *e, struct evict_stats *stats)
{
	*stats = e->stats;
	stats->memory = own_memory(e);
	stats->ghost_count = ghost_count(&e->ghost);
}

const char *evict_check(const struct evict *e)
{
	uint64_t count = e->stats.parked_count, charged = e->stats.parked;
	const char *wrong = e->policy->check(e, &count, &charged);

	if (wrong)
		return wrong;
	if (count != e->stats.object_count)
		return "the queues and the parked objects don't add up to the object count";
	if (charged != e->stats.charged)
		return "the queues and the parked objects don't add up to the charged bytes";
	return NULL;
}

const char *evict_queue_check(
	const struct evict_queue *q, enum evict_where where, uint64_t *count, uint64_t *charged)
{
	const struct list_node *older = NULL;
	const struct evict_entry *entry;
	uint64_t n = 0, bytes = 0;

	list_for_each (entry, &q->entries, node) {
		if (entry->node.prev != older)
			return "a queue's links don't agree in both directions";
		if (entry->where != where)
			return "an entry is in another queue than it says";
		older = &entry->node;
		n++;
		bytes += entry->charge;
	}
	if (older != q->entries.last)
		return "a queue's newest entry is not its last";
	if (n != q->count || bytes != q->charged)
		return "a queue's sums are wrong";
	*count += n;
	*charged += bytes;
	return NULL;
}
