#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/cache/policy/toy_host.h"

enum { BUDGET = 1 << 20, SIZE = 1024 };

static void admit_1_caches_at_the_first_open(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 1, 1, SIZE);
	toy_open(&toy, 0);
	assert_true(toy.objects[0].cached);
	toy_deinit(&toy);
}

static void admit_2_caches_at_the_second_open(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 2, 1, SIZE);
	toy_open(&toy, 0);
	assert_false(toy.objects[0].cached);
	toy_open(&toy, 0);
	assert_true(toy.objects[0].cached);
	toy_deinit(&toy);
}

static void admit_4_caches_at_the_fourth_open(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 4, 1, SIZE);
	for (int i = 0; i < 3; i++)
		toy_open(&toy, 0);
	assert_false(toy.objects[0].cached);
	toy_open(&toy, 0);
	assert_true(toy.objects[0].cached);
	toy_deinit(&toy);
}

static void admit_0_never_caches(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 0, 1, SIZE);
	for (int i = 0; i < 100; i++)
		toy_open(&toy, 0);
	assert_false(toy.objects[0].cached);
	toy_deinit(&toy);
}

static void a_changed_admit_counts_the_opens_from_before(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 2, 3, SIZE);
	toy_open(&toy, 0);
	evict_set_admit(toy.evict, 3);
	toy_open(&toy, 0);
	assert_false(toy.objects[0].cached);
	toy_open(&toy, 0);
	assert_true(toy.objects[0].cached);

	evict_set_admit(toy.evict, 0);
	assert_true(toy_open(&toy, 0));
	toy_open(&toy, 1);
	assert_false(toy.objects[1].cached);
	evict_set_admit(toy.evict, 1);
	toy_open(&toy, 1);
	assert_true(toy.objects[1].cached);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void a_ghost_list_begins_when_admit_asks_for_one(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 1, 3, SIZE);
	toy_open(&toy, 0);
	evict_set_admit(toy.evict, 2);
	toy_open(&toy, 1);
	assert_false(toy.objects[1].cached);
	toy_open(&toy, 1);
	assert_true(toy.objects[1].cached);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void an_evicted_file_comes_back_at_its_next_open(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 2, 1, SIZE);
	toy_open(&toy, 0);
	toy_open(&toy, 0);
	assert_int_equal(toy_evict(&toy), 0);
	toy_open(&toy, 0);
	assert_true(toy.objects[0].cached);
	toy_deinit(&toy);
}

static void what_an_open_would_do_can_be_asked_without_an_open(void **state)
{
	struct evict_outlook outlook;
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 3, 1, SIZE);
	toy_open(&toy, 0);
	for (int i = 0; i < 10; i++)
		outlook = evict_peek(toy.evict, toy.objects[0].entry.id, SIZE);
	assert_int_equal(outlook.answer, EVICT_LATER);
	assert_int_equal(outlook.opens, 1);
	assert_int_equal(outlook.wanted, 3);
	toy_open(&toy, 0);
	assert_int_equal(evict_peek(toy.evict, toy.objects[0].entry.id, SIZE).answer, EVICT_ADMIT);
	assert_int_equal(evict_peek(toy.evict, toy.objects[0].entry.id, BUDGET + 1).answer, EVICT_NEVER);
	toy_open(&toy, 0);
	assert_int_equal(toy_evict(&toy), 0);
	outlook = evict_peek(toy.evict, toy.objects[0].entry.id, SIZE);
	assert_true(outlook.was_cached);
	assert_int_equal(outlook.answer, EVICT_ADMIT);
	toy_deinit(&toy);
}

static void a_changed_file_starts_afresh(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 2, 1, SIZE);
	toy_open(&toy, 0);
	toy_open(&toy, 0);
	toy_remove(&toy, 0);
	toy.objects[0].entry.id = 77; /* the new version */
	toy_open(&toy, 0);
	assert_false(toy.objects[0].cached);
	toy_deinit(&toy);
}

static void a_scan_of_files_read_once_displaces_nothing(void **state)
{
	struct evict_stats stats;
	struct toy_host toy;

	toy_init(&toy, "lru", 100 * SIZE, 2, 100000, SIZE);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < 90; i++)
			toy_open(&toy, i);
	for (size_t i = 90; i < 100000; i++)
		toy_open(&toy, i);
	for (size_t i = 0; i < 90; i++)
		assert_true(toy_open(&toy, i));
	evict_read_stats(toy.evict, &stats);
	assert_int_equal(toy.evicted, 0);
	assert_true(stats.ghost_count <= 200);
	toy_deinit(&toy);
}

static void a_file_above_its_part_of_the_budget_is_refused(void **state)
{
	struct evict_options options = {.policy = evict_find("lru"), .budget = 8000, .admit = 1};
	struct evict_host host = {0};
	struct evict *e = evict_new(&options, &host);

	assert_int_equal(evict_ask(e, 1, 1000), EVICT_ADMIT);
	assert_int_equal(evict_ask(e, 1, 1001), EVICT_NEVER);
	evict_set_budget(e, 4000);
	assert_int_equal(evict_ask(e, 1, 1000), EVICT_NEVER);
	evict_free(e);
}

static void the_ghost_list_counts_against_the_budget_and_stays_small(void **state)
{
	struct evict_options options = {.policy = evict_find("lru"), .budget = 1 << 20, .admit = 2};
	struct evict_host host = {0};
	struct evict *e = evict_new(&options, &host);
	struct evict_stats before, after;

	evict_read_stats(e, &before);
	assert_false(evict_must_shed(e, 1 << 20));
	for (uint64_t id = 1; id < 100000; id++)
		evict_ask(e, id, 64); /* tiny files: many ghosts would be worth having */
	evict_read_stats(e, &after);
	assert_true(after.memory > before.memory);
	assert_true(after.memory - before.memory <= (1 << 20) / 64);
	assert_true(evict_must_shed(e, 1 << 20));
	evict_free(e);
}

static void a_file_that_grows_while_open_counts_as_it_is(void **state)
{
	struct evict_stats stats;
	struct toy_host toy;

	toy_init(&toy, "lru", 4 * SIZE, 1, 4, SIZE);
	for (size_t i = 0; i < 4; i++)
		toy_open(&toy, i);
	toy_hold(&toy, 0);
	assert_false(evict_must_shed(toy.evict, 0));
	evict_resize(toy.evict, &toy.objects[0].entry, 3 * SIZE, 3 * SIZE);
	toy_check(&toy);
	while (evict_must_shed(toy.evict, 0))
		assert_true(toy_evict(&toy) > 0);
	toy_check(&toy);
	evict_resize(toy.evict, &toy.objects[0].entry, 9 * SIZE, 9 * SIZE); /* parked by now */
	toy_check(&toy);
	evict_read_stats(toy.evict, &stats);
	assert_int_equal(stats.parked, 9 * SIZE);
	toy_release(&toy, 0);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void the_entry_is_small(void **state)
{
	assert_true(sizeof(struct evict_entry) <= 56);
}

static void an_evicted_file_comes_back_however_many_opens_others_need(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 4, 1, SIZE);
	for (int i = 0; i < 4; i++)
		toy_open(&toy, 0);
	assert_int_equal(toy_evict(&toy), 0);
	toy_open(&toy, 0);
	assert_true(toy.objects[0].cached);
	toy_deinit(&toy);
}

static void a_file_above_the_whole_budget_is_refused_whatever_its_part(void **state)
{
	struct evict_options options = {.policy = evict_find("lru"),
		.budget = 8000,
		.admit = 1,
		.largest_part = 1,
		.largest_extra = 4000};
	struct evict_host host = {0};
	struct evict *e = evict_new(&options, &host);

	assert_int_equal(evict_ask(e, 1, 8000), EVICT_ADMIT);
	assert_int_equal(evict_ask(e, 1, 8001), EVICT_NEVER);
	evict_free(e);
}

static void a_file_enters_once_and_is_forgotten_outside(void **state)
{
	struct evict_stats stats;
	struct toy_host toy;

	toy_init(&toy, "lru", BUDGET, 3, 4, SIZE);
	for (size_t i = 0; i < 4; i++)
		toy_open(&toy, i);
	evict_read_stats(toy.evict, &stats);
	assert_int_equal(stats.ghost_count, 4);
	toy_open(&toy, 0);
	toy_open(&toy, 0);
	assert_true(toy.objects[0].cached);
	evict_read_stats(toy.evict, &stats);
	assert_int_equal(stats.ghost_count, 3);
	assert_int_equal(evict_insert(toy.evict, &toy.objects[0].entry), -EEXIST);
	toy_check(&toy);
	toy_deinit(&toy);
}

/* The uses of the version that went: neither the reference bit nor the count may help the new one. */
static void a_new_version_starts_without_the_uses_of_the_old_one(void **state)
{
	static const char *const policies[] = {"clock", "gdsf"};

	for (int p = 0; p < 2; p++) {
		struct toy_host toy;

		toy_init(&toy, policies[p], BUDGET, 1, 2, SIZE);
		for (int i = 0; i < 10; i++)
			toy_open(&toy, 0);
		toy_remove(&toy, 0);
		toy.objects[0].entry.id = 77;
		toy_open(&toy, 0);
		toy_open(&toy, 1);
		assert_int_equal(toy_evict(&toy), 0);
		toy_deinit(&toy);
	}
}

static void uses_while_open_are_counted_when_it_is_closed(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "clock", BUDGET, 1, 3, SIZE);
	toy_open(&toy, 0);
	toy_open(&toy, 1);
	toy_hold(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1);
	toy_read(&toy, 0);
	toy_open(&toy, 0);
	toy_release(&toy, 0);
	assert_int_equal(toy.objects[0].entry.freq, 2);
	toy_open(&toy, 2);
	assert_int_equal(toy_evict(&toy), 0); /* they are not counted twice */
	toy_deinit(&toy);
}

static void uses_without_end_are_counted_up_to_a_limit(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "clock", BUDGET, 1, 1, SIZE);
	toy_open(&toy, 0);
	toy_hold(&toy, 0);
	for (int i = 0; i < UINT16_MAX + 10; i++) {
		toy_open(&toy, 0);
		assert_int_equal(toy_evict(&toy), -1);
		toy_release(&toy, 0);
		toy_hold(&toy, 0);
	}
	assert_int_equal(toy.objects[0].entry.freq, UINT16_MAX);
	toy_deinit(&toy);
}

static void the_ghost_list_shrinks_with_the_budget(void **state)
{
	struct evict_options options = {.policy = evict_find("lru"), .budget = 1 << 20, .admit = 2};
	struct evict_host host = {0};
	struct evict *e = evict_new(&options, &host);
	struct evict_stats none, large, small;

	evict_read_stats(e, &none);
	for (uint64_t id = 1; id < 10000; id++)
		evict_ask(e, id, 64);
	evict_read_stats(e, &large);
	evict_set_budget(e, 1 << 16);
	evict_read_stats(e, &small);
	assert_true(large.memory - none.memory > (1 << 16) / 64);
	assert_true(small.memory - none.memory <= (1 << 16) / 64);
	evict_free(e);
}

static void memory_that_is_free_leaves_the_whole_budget_to_files(void **state)
{
	struct evict_options options = {
		.policy = evict_find("lru"), .budget = 1 << 20, .admit = 2, .memory_is_free = true};
	struct evict_host host = {0};
	struct evict *e = evict_new(&options, &host);

	for (uint64_t id = 1; id < 1000; id++)
		evict_ask(e, id, 64);
	assert_false(evict_must_shed(e, 1 << 20));
	assert_true(evict_must_shed(e, (1 << 20) + 1));
	evict_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admit_1_caches_at_the_first_open),
		cmocka_unit_test(admit_2_caches_at_the_second_open),
		cmocka_unit_test(admit_4_caches_at_the_fourth_open),
		cmocka_unit_test(admit_0_never_caches),
		cmocka_unit_test(a_changed_admit_counts_the_opens_from_before),
		cmocka_unit_test(a_ghost_list_begins_when_admit_asks_for_one),
		cmocka_unit_test(an_evicted_file_comes_back_at_its_next_open),
		cmocka_unit_test(a_changed_file_starts_afresh),
		cmocka_unit_test(a_scan_of_files_read_once_displaces_nothing),
		cmocka_unit_test(a_file_above_its_part_of_the_budget_is_refused),
		cmocka_unit_test(the_ghost_list_counts_against_the_budget_and_stays_small),
		cmocka_unit_test(what_an_open_would_do_can_be_asked_without_an_open),
		cmocka_unit_test(a_file_that_grows_while_open_counts_as_it_is),
		cmocka_unit_test(the_entry_is_small),
		cmocka_unit_test(an_evicted_file_comes_back_however_many_opens_others_need),
		cmocka_unit_test(a_file_above_the_whole_budget_is_refused_whatever_its_part),
		cmocka_unit_test(a_file_enters_once_and_is_forgotten_outside),
		cmocka_unit_test(a_new_version_starts_without_the_uses_of_the_old_one),
		cmocka_unit_test(uses_while_open_are_counted_when_it_is_closed),
		cmocka_unit_test(uses_without_end_are_counted_up_to_a_limit),
		cmocka_unit_test(the_ghost_list_shrinks_with_the_budget),
		cmocka_unit_test(memory_that_is_free_leaves_the_whole_budget_to_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
