/*
 * What a decision costs at 1,000 and at 1,000,000 objects: nanoseconds of one core for a hit, and for a miss
 * that asks, evicts and inserts, with every object one page. Run by hand, or by meson test --benchmark.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache/base/clock.h"
#include "cache/policy/evict.h"

enum { PAGE = 4096, OPERATIONS = 1000000 };

static uint64_t state = 88172645463325252ULL;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static bool take(void *ctx, struct evict_entry *entry)
{
	return true;
}

/* An object that is outside becomes another file's: the array is as large as the cache and some more. */
static void enter(struct evict *e, struct evict_entry *entry)
{
	entry->id = next_random();
	entry->size = entry->charge = PAGE;
	if (evict_ask(e, entry->id, PAGE) != EVICT_ADMIT)
		abort();
	while (evict_must_shed(e, PAGE))
		if (!evict_pick(e))
			abort();
	if (evict_insert(e, entry) < 0)
		abort();
}

static double time_hits(struct evict *e, struct evict_entry *entries, uint64_t count)
{
	bool is_eager = evict_is_eager(e);
	double start = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);

	for (int i = 0; i < OPERATIONS; i++) {
		struct evict_entry *entry = &entries[next_random() % count];

		if (entry->where == EVICT_OUT)
			continue;
		if (is_eager)
			evict_touch(e, entry);
		else
			evict_hit(entry);
	}
	return (clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start) / OPERATIONS;
}

static double time_misses(struct evict *e, struct evict_entry *entries, uint64_t count)
{
	double start = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	int entered = 0;

	for (uint64_t i = 0; entered < OPERATIONS; i++) {
		struct evict_entry *entry = &entries[i % (count * 2)];

		if (entry->where != EVICT_OUT)
			continue;
		enter(e, entry);
		entered++;
	}
	return (clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start) / OPERATIONS;
}

static void run(const struct evict_policy *policy, uint64_t count)
{
	struct evict_options options = {
		.policy = policy, .budget = count * PAGE, .admit = 1, .memory_is_free = true};
	struct evict_host host = {.take = take};
	struct evict *e = evict_new(&options, &host);
	struct evict_entry *entries = calloc(2 * count, sizeof(*entries));
	struct evict_stats stats;
	double hit_ns, miss_ns;

	if (!e || !entries)
		abort();
	for (uint64_t i = 0; i < 2 * count; i++)
		enter(e, &entries[i]);
	hit_ns = time_hits(e, entries, 2 * count);
	miss_ns = time_misses(e, entries, count);
	evict_read_stats(e, &stats);
	printf("%-8s %9lu objects: hit %6.1f ns, miss %6.1f ns, examined %.2f, most %lu, %.1f B of index "
	       "each\n",
		evict_policy_name(policy), (unsigned long)count, hit_ns, miss_ns,
		stats.examined / (double)stats.evictions, (unsigned long)stats.most_examined,
		sizeof(struct evict_entry) + stats.memory / (double)stats.object_count);
	fflush(stdout);
	evict_free(e);
	free(entries);
}

int main(void)
{
	for (size_t i = 0; evict_catalogue[i]; i++)
		for (uint64_t count = 1000; count <= 1000000; count *= 10)
			run(evict_catalogue[i], count);
	return 0;
}
