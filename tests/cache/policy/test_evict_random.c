/*
 * Random operations on every policy of the catalogue, against the toy host's own books, with all invariants
 * checked after each step. SIEVEFS_TEST_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/cache/policy/toy_host.h"

enum { OBJECTS = 200, STEPS = 20000, MEAN_SIZE = 5000, BUDGET = 60 * MEAN_SIZE };

static unsigned seed;

static uint64_t random_size(void)
{
	uint64_t size = rand_r(&seed) % (2 * MEAN_SIZE);

	return rand_r(&seed) % 20 ? size : size * 20;
}

/* A write: the cached version is stale, the next one has another id and size. */
static void change(struct toy_host *toy, size_t index)
{
	struct toy_object *object = &toy->objects[index];

	if (object->holds)
		return;
	toy_remove(toy, index);
	object->entry.id += OBJECTS;
	object->entry.size = object->entry.charge = random_size();
}

static void grow(struct toy_host *toy, size_t index)
{
	uint64_t size = toy->objects[index].entry.size + rand_r(&seed) % MEAN_SIZE;

	evict_resize(toy->evict, &toy->objects[index].entry, size, size);
}

static void step(struct toy_host *toy)
{
	size_t index = rand_r(&seed) % (rand_r(&seed) % 2 ? OBJECTS : OBJECTS / 8);
	struct toy_object *object = &toy->objects[index];

	switch (rand_r(&seed) % 16) {
	case 0:
		if (object->holds < 3)
			toy_hold(toy, index);
		break;
	case 1:
	case 2:
		if (object->holds)
			toy_release(toy, index);
		break;
	case 3:
		change(toy, index);
		break;
	case 4:
		if (object->cached)
			grow(toy, index);
		break;
	case 5:
		toy_read(toy, index);
		break;
	case 6:
		if (rand_r(&seed) % 4 == 0)
			evict_set_budget(toy->evict, BUDGET / (1 + rand_r(&seed) % 4));
		break;
	case 7:
		toy_evict(toy);
		break;
	default:
		toy_open(toy, index);
	}
}

/* Nothing is open any more, so everything can leave, each once. */
static void empty(struct toy_host *toy)
{
	struct evict_stats stats;

	for (size_t i = 0; i < OBJECTS; i++)
		while (toy->objects[i].holds)
			toy_release(toy, i);
	toy_check(toy);
	evict_read_stats(toy->evict, &stats);
	for (uint64_t i = 0; i < stats.object_count; i++)
		assert_true(toy_evict(toy) >= 0);
	assert_int_equal(toy_evict(toy), -1);
	toy_check(toy);
}

static void run(const char *policy, unsigned admit)
{
	struct toy_host toy;

	toy_init(&toy, policy, BUDGET, admit, OBJECTS, MEAN_SIZE);
	for (size_t i = 0; i < OBJECTS; i++)
		toy.objects[i].entry.size = toy.objects[i].entry.charge = random_size();
	for (int i = 0; i < STEPS; i++) {
		step(&toy);
		toy_check(&toy);
	}
	empty(&toy);
	toy_deinit(&toy);
}

static void every_policy_keeps_its_invariants_under_random_operations(void **state)
{
	const char *given = getenv("SIEVEFS_TEST_SEED");

	seed = given ? strtoul(given, NULL, 10) : (unsigned)time(NULL);
	print_message("SIEVEFS_TEST_SEED=%u repeats this run\n", seed);
	for (size_t i = 0; evict_catalogue[i]; i++) {
		run(evict_policy_name(evict_catalogue[i]), 1);
		run(evict_policy_name(evict_catalogue[i]), 2);
	}
}

/* Never over budget by choice: whatever was opened, what must be shed after an insertion is nothing. */
static void no_policy_exceeds_its_budget(void **state)
{
	for (size_t p = 0; evict_catalogue[p]; p++) {
		struct toy_host toy;

		toy_init(&toy, evict_policy_name(evict_catalogue[p]), BUDGET, 1, OBJECTS, MEAN_SIZE);
		for (int i = 0; i < STEPS; i++) {
			toy_open(&toy, rand_r(&seed) % OBJECTS);
			assert_false(evict_must_shed(toy.evict, 0));
		}
		toy_deinit(&toy);
	}
}

static void every_policy_is_found_by_its_name(void **state)
{
	for (size_t i = 0; evict_catalogue[i]; i++)
		assert_ptr_equal(evict_find(evict_policy_name(evict_catalogue[i])), evict_catalogue[i]);
	assert_null(evict_find("nonesuch"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_policy_keeps_its_invariants_under_random_operations),
		cmocka_unit_test(no_policy_exceeds_its_budget),
		cmocka_unit_test(every_policy_is_found_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
