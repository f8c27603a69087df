/*
 * What s3gd makes of newcomers and of files that come back, by what became of those before them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/cache/policy/toy_host.h"

enum { SIZE = 4096, CAPACITY = 1000 };

/* Each newcomer is used once it has left the small queue. */
static void use_what_was_not(struct toy_host *toy)
{
	for (size_t i = 0; i < toy->object_count; i++) {
		struct evict_entry *entry = &toy->objects[i].entry;

		if (entry->where == EVICT_MAIN && entry->freq == 1)
			evict_hit(entry);
	}
}

/* Whether a newcomer is kept longer than a file that is twenty times as large. */
static bool keeps_newcomer(struct toy_host *toy, size_t large, size_t newcomer, bool used)
{
	toy_set_size(toy, large, 20 * SIZE);
	toy_open(toy, large);
	toy_hold(toy, large);
	while (toy->objects[large].entry.where != EVICT_PARKED || evict_must_shed(toy->evict, 10 * SIZE))
		toy_evict(toy);
	toy_release(toy, large); /* now it weighs as what it is, without any trust */
	toy_open(toy, newcomer);
	if (used)
		toy_open(toy, newcomer);
	toy_open_range(toy, newcomer + 1, newcomer + 10);
	assert_int_equal(toy->objects[newcomer].entry.where, EVICT_MAIN);
	while (toy->objects[large].cached && toy->objects[newcomer].cached)
		assert_true(toy_evict(toy) >= 0);
	return toy->objects[newcomer].cached;
}

/* Each newcomer is used before it has left the small queue, and found there. */
static void use_in_the_small_queue(struct toy_host *toy, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		toy_open(toy, i);
		toy_open(toy, i);
		assert_int_equal(toy->objects[i].entry.where, EVICT_SMALL);
		evict_set_budget(toy->evict, SIZE);
		while (toy->objects[i].entry.where == EVICT_SMALL)
			assert_true(toy_evict(toy) >= 0);
		evict_set_budget(toy->evict, 100 * SIZE);
	}
}

static void s3gd_trusts_newcomers_as_those_before_them_deserved(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "s3gd", 100 * SIZE, 1, 3000, SIZE);
	assert_true(keeps_newcomer(&toy, 0, 10, false));
	toy_open_range(&toy, 100, 2000); /* a scan */
	assert_false(keeps_newcomer(&toy, 1, 30, false));
	assert_true(keeps_newcomer(&toy, 2, 50, true)); /* which needs no trust */
	use_in_the_small_queue(&toy, 2600, 2700);       /* nor says how many others deserve */
	assert_false(keeps_newcomer(&toy, 4, 90, false));
	for (size_t i = 2000; i < 2500; i++) {
		toy_open(&toy, i);
		use_what_was_not(&toy);
	}
	assert_true(keeps_newcomer(&toy, 3, 70, false));
	toy_check(&toy);
	toy_deinit(&toy);
}

/* Opens a file that was evicted before; returns the queue that it enters. */
static unsigned come_back(struct toy_host *toy, size_t index)
{
	toy_open(toy, index);
	assert_int_equal(toy_evict(toy), index);
	toy_open(toy, index);
	assert_int_equal(toy->objects[index].entry.where, EVICT_MAIN);
	assert_int_equal(toy->objects[index].entry.freq, 1);
	return toy->objects[index].entry.slot;
}

/* The only file in the cache is looked at while it is held, and leaves afterwards. */
static void look_at_and_evict(struct toy_host *toy, size_t index)
{
	toy_hold(toy, index);
	assert_int_equal(toy_evict(toy), -1);
	toy_release(toy, index);
	assert_int_equal(toy_evict(toy), index);
}

enum { QUEUES_OF_A_QUARTER = 4 }; /* two for each halving of the weight */

static void s3gd_trusts_files_that_come_back_as_those_before_them_deserved(void **state)
{
	unsigned distrusted, trusted;
	struct toy_host toy;
	size_t next = 0;

	toy_init(&toy, "s3gd", CAPACITY * SIZE, 1, 500, SIZE);
	distrusted = come_back(&toy, next);
	assert_int_equal(toy_evict(&toy), next++);
	assert_int_equal(come_back(&toy, next), distrusted);
	toy_open(&toy, next);
	look_at_and_evict(&toy, next++);
	trusted = come_back(&toy, next);
	assert_int_equal(trusted, distrusted + QUEUES_OF_A_QUARTER);
	assert_int_equal(toy_evict(&toy), next++);
	for (int i = 0; i < 100; i++, next++) {
		assert_in_range(come_back(&toy, next), distrusted, trusted);
		assert_int_equal(toy_evict(&toy), next);
	}
	assert_int_equal(come_back(&toy, next), distrusted);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void s3gd_is_not_deceived_by_the_open_that_brought_a_file_back(void **state)
{
	unsigned distrusted, whole;
	struct toy_host toy;

	toy_init(&toy, "s3gd", CAPACITY * SIZE, 1, 10, SIZE);
	distrusted = come_back(&toy, 0);
	whole = distrusted + QUEUES_OF_A_QUARTER;
	toy_hold(&toy, 0);
	assert_int_equal(toy_evict(&toy), -1);
	toy_release(&toy, 0);
	assert_int_equal(toy.objects[0].entry.slot, distrusted);
	assert_int_equal(toy_evict(&toy), 0);
	assert_int_equal(come_back(&toy, 1), distrusted);
	toy_hold(&toy, 1);
	assert_int_equal(toy_evict(&toy), -1);
	toy_open(&toy, 1); /* another one */
	toy_release(&toy, 1);
	assert_true(toy.objects[1].entry.slot >= whole); /* and used twice by now */
	assert_int_equal(toy_evict(&toy), 1);
	assert_true(come_back(&toy, 2) > distrusted);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void shuffle(size_t *order, size_t count, uint64_t *seed)
{
	for (size_t i = count; i > 1; i--) {
		size_t other, last = order[i - 1];

		*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
		other = (*seed >> 33) % i;
		order[i - 1] = order[other];
		order[other] = last;
	}
}

/* Each file once; four are open at any time. Returns the hits. */
static unsigned run_epoch(struct toy_host *toy, const size_t *order)
{
	enum { READERS = 4 };
	unsigned hits = 0;

	for (size_t i = 0; i < toy->object_count; i++) {
		if (i >= READERS)
			toy_release(toy, order[i - READERS]);
		hits += toy_open(toy, order[i]);
		toy_hold(toy, order[i]);
	}
	for (size_t i = toy->object_count - READERS; i < toy->object_count; i++)
		toy_release(toy, order[i]);
	return hits;
}

/* 2,000 files of 5 to 50 pages, and room for half of their bytes. */
static void s3gd_hits_more_over_six_epochs_than_a_cache_that_never_evicts(void **state)
{
	enum { FILES = 2000, EPOCHS = 6 };
	unsigned total = 0, hits[EPOCHS] = {0};
	struct toy_host toy;
	size_t order[FILES];
	uint64_t seed = 1;

	toy_init(&toy, "s3gd", (uint64_t)FILES / 2 * SIZE * 55 / 2, 1, FILES, SIZE);
	for (size_t i = 0; i < FILES; i++) {
		order[i] = i;
		toy_set_size(&toy, i, (5 + i % 46) * SIZE);
	}
	for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
		shuffle(order, FILES, &seed);
		hits[epoch] = run_epoch(&toy, order);
		print_message("epoch %zu: %u hits of %d\n", epoch + 1, hits[epoch], FILES);
		total += hits[epoch];
		assert_true(epoch < 2 || hits[epoch] >= FILES / 2);
	}
	assert_int_equal(hits[0], 0);
	assert_true(hits[1] >= 0.3 * FILES);
	assert_true(total >= (EPOCHS - 1) * FILES / 2); /* half of the files in each epoch but the first */
	toy_check(&toy);
	toy_deinit(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s3gd_trusts_newcomers_as_those_before_them_deserved),
		cmocka_unit_test(s3gd_trusts_files_that_come_back_as_those_before_them_deserved),
		cmocka_unit_test(s3gd_is_not_deceived_by_the_open_that_brought_a_file_back),
		cmocka_unit_test(s3gd_hits_more_over_six_epochs_than_a_cache_that_never_evicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
