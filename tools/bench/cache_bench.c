/*
 * cache_bench - what it costs to insert, open and evict files, depending on how many files are in the cache.
 *
 * Files of one page in a real store under the given policy. For each count: fills the cache, then opens and
 * closes objects at random, then adds files to the full cache, so that each evicts one. A flat curve says
 * that the costs do not depend on the count. Figures are medians of batches; memory is what malloc(3) has
 * allocated per object.
 *
 * 	cache_bench [--evict=POLICY] [--counts=N,N...] [--json]
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/standard_fds.h"
#include "cache/cache.h"
#include "cache/policy/charge.h"

#define PAGE 4096
#define BATCHES 20

struct result {
	uint64_t count;
	double enter_ns, open_ns, replace_ns, bytes_per_object;
	uint64_t most_examined;
};

static int on_let_go(void *ctx, struct object *object)
{
	struct object **slots = ctx;

	slots[(uintptr_t)object->owner] = NULL;
	return 0;
}

static enum cache_mapping on_watch(void *ctx, struct object *object)
{
	return CACHE_UNMAPPED;
}

static int compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

/* A source that is an open file. */
static ssize_t read_fd(void *fd, void *buf, size_t size, uint64_t offset)
{
	return pread((int)(intptr_t)fd, buf, size, (off_t)offset);
}

/* Adds one file, whose object the slot gets; false: it could not be filled. */
static bool enter(struct cache *cache, int source, struct object **slots, uint64_t slot, uint64_t id)
{
	struct object *object;

	if (cache_fill(cache, &(struct store_source){read_fd, (void *)(intptr_t)source}, id, PAGE, &object) <
		0)
		return false;
	object->owner = (void *)(uintptr_t)slot;
	slots[slot] = object;
	cache_publish(cache, object);
	return true;
}

static double bench_open(struct cache *cache, struct object **slots, uint64_t count)
{
	double batch[BATCHES];
	unsigned seed = 1;

	for (int b = 0; b < BATCHES; b++) {
		int64_t start = clock_now_ns();

		for (int i = 0; i < 10000; i++) {
			struct object *object =
				slots[((uint64_t)rand_r(&seed) << 16 ^ (uint64_t)rand_r(&seed)) % count];

			if (!object || !object_hold(object))
				continue;
			cache_used(cache, object);
			cache_release(cache, object);
		}
		batch[b] = (double)(clock_now_ns() - start) / 10000;
	}
	return median(batch, BATCHES);
}

static double bench_replace(struct cache *cache, int source, struct object **slots, uint64_t count)
{
	double batch[BATCHES];
	uint64_t id = 1ULL << 40;

	for (int b = 0; b < BATCHES; b++) {
		int64_t start = clock_now_ns();

		for (int i = 0; i < 500; i++, id++)
			enter(cache, source, slots, count + (uint64_t)i, id);
		batch[b] = (double)(clock_now_ns() - start) / 500;
	}
	return median(batch, BATCHES);
}

static int bench(const struct evict_policy *policy, uint64_t count, struct result *result)
{
	struct object **slots = calloc(count + 500, sizeof(*slots));
	/* room for exactly count, the ghost list included: its share is small */
	const struct cache_options options = {
		.budget = count * charge_of(PAGE) * 102 / 100,
		.admit = 1,
		.policy = policy,
	};
	const struct cache_owner owner = {.let_go = on_let_go, .watch = on_watch, .ctx = slots};
	int source = memfd_create("page", MFD_CLOEXEC);
	struct cache_figures figures;
	struct cache *cache;
	size_t before;
	double start;
	int r;

	if (!slots || source < 0 || ftruncate(source, PAGE) < 0) {
		free(slots);
		return -1;
	}
	r = cache_new(&cache, &options, &owner);
	if (r < 0)
		return r;
	before = mallinfo2().uordblks;
	start = clock_now_ns();
	for (uint64_t i = 0; i < count; i++)
		enter(cache, source, slots, i, i + 1);
	result->count = count;
	result->enter_ns = (double)(clock_now_ns() - start) / (double)count;
	cache_read_figures(cache, &figures);
	result->bytes_per_object = (double)(mallinfo2().uordblks - before) /
				   (double)(figures.object_count ? figures.object_count : 1);
	result->open_ns = bench_open(cache, slots, count);
	for (uint64_t i = 0; i < count / 50 + 500; i++) /* until it is full */
		enter(cache, source, slots, count, (1ULL << 50) + i);
	result->replace_ns = bench_replace(cache, source, slots, count);
	cache_read_figures(cache, &figures);
	result->most_examined = figures.policy.most_examined;
	cache_empty(cache);
	cache_free(cache);
	close(source);
	free(slots);
	return 0;
}

static void print(const struct result *r, bool json, bool first)
{
	if (json)
		printf("%s{\"count\":%llu,\"enter_ns\":%.0f,\"open_ns\":%.0f,\"replace_ns\":%.0f,"
		       "\"bytes_per_object\":%.0f,\"most_examined\":%llu}",
			first ? "" : ",", (unsigned long long)r->count, r->enter_ns, r->open_ns,
			r->replace_ns, r->bytes_per_object, (unsigned long long)r->most_examined);
	else
		printf("%10llu %12.0f %12.0f %12.0f %12.0f %14llu\n", (unsigned long long)r->count,
			r->enter_ns, r->open_ns, r->replace_ns, r->bytes_per_object,
			(unsigned long long)r->most_examined);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct evict_policy *policy = evict_catalogue[0];
	char default_counts[] = "1000,10000,100000,1000000", *counts = default_counts, *at, *word;
	struct result result;
	bool json = false, first = true;

	standard_fds_take();
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--evict=", 8) == 0)
			policy = evict_find(argv[i] + 8);
		else if (strncmp(argv[i], "--counts=", 9) == 0)
			counts = argv[i] + 9;
		else if (strcmp(argv[i], "--json") == 0)
			json = true;
		else
			policy = NULL;
		if (!policy) {
			fprintf(stderr, "cache_bench: %s: takes --evict=POLICY, --counts=N,N... or --json\n",
				argv[i]);
			return 1;
		}
	}
	if (json)
		printf("[");
	else
		printf("%10s %12s %12s %12s %12s %14s\n", "objects", "enter ns", "open ns", "replace ns",
			"bytes/object", "most examined");
	for (word = strtok_r(counts, ",", &at); word; word = strtok_r(NULL, ",", &at)) {
		uint64_t count = strtoull(word, NULL, 10);

		if (count == 0 || bench(policy, count, &result) < 0) {
			fprintf(stderr,
				"cache_bench: --counts=%s: takes numbers of objects that fit into memory\n",
				word);
			return 1;
		}
		print(&result, json, first);
		first = false;
	}
	if (json)
		puts("]");
	return 0;
}
