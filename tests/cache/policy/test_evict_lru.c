#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/cache/policy/toy_host.h"

static void lru_evicts_the_least_recently_opened(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", 3000, 1, 5, 1000);
	for (size_t i = 0; i < 3; i++)
		toy_open(&toy, i);
	assert_true(toy_open(&toy, 0));
	assert_false(toy_open(&toy, 3)); /* 1 leaves */
	assert_true(toy_open(&toy, 0));
	assert_false(toy_open(&toy, 1)); /* 2 leaves */
	assert_true(toy_open(&toy, 3));
	assert_int_equal(toy_evict(&toy), 0);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void lru_passes_over_open_files(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", 3000, 1, 5, 1000);
	for (size_t i = 0; i < 3; i++)
		toy_open(&toy, i);
	toy_hold(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1);
	toy_check(&toy);
	toy_release(&toy, 0); /* closed now: the newest */
	assert_int_equal(toy_evict(&toy), 2);
	assert_int_equal(toy_evict(&toy), 0);
	assert_int_equal(toy_evict(&toy), -1);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void lru_ignores_the_reference_bit_when_it_sees_every_open(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "lru", 2000, 1, 2, 1000);
	toy_open(&toy, 0);
	toy_open(&toy, 1);
	toy_read(&toy, 0);
	assert_int_equal(toy_evict(&toy), 0);
	toy_deinit(&toy);
}

static bool used_bit[3];

static bool was_used(void *ctx, struct evict_entry *entry)
{
	bool used = used_bit[entry->id];

	used_bit[entry->id] = false;
	return used;
}

static bool take(void *ctx, struct evict_entry *entry)
{
	return true;
}

static void lru_with_the_reference_bit_alone_spares_what_was_used(void **state)
{
	struct evict_options options = {
		.policy = evict_find("lru"), .budget = 1 << 20, .admit = 1, .bit_only = true};
	struct evict_host host = {.used = was_used, .take = take};
	struct evict *e = evict_new(&options, &host);
	struct evict_entry entries[3] = {
		{.id = 0, .charge = 1}, {.id = 1, .charge = 1}, {.id = 2, .charge = 1}};

	assert_false(evict_is_eager(e));
	for (int i = 0; i < 3; i++)
		assert_int_equal(evict_insert(e, &entries[i]), 0);
	used_bit[0] = true;
	assert_ptr_equal(evict_pick(e), &entries[1]);
	assert_ptr_equal(evict_pick(e), &entries[2]);
	assert_ptr_equal(evict_pick(e), &entries[0]);
	evict_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lru_evicts_the_least_recently_opened),
		cmocka_unit_test(lru_passes_over_open_files),
		cmocka_unit_test(lru_ignores_the_reference_bit_when_it_sees_every_open),
		cmocka_unit_test(lru_with_the_reference_bit_alone_spares_what_was_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
