#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/cache/policy/toy_host.h"

static bool memory_is_short;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* The linker sends the heap's calls here. */
void *__wrap_realloc(void *old, size_t size)
{
	return memory_is_short ? NULL : __real_realloc(old, size);
}

static void gdsf_evicts_the_largest_of_files_opened_alike(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "gdsf", 100000, 1, 4, 1000);
	toy_set_size(&toy, 2, 9000);
	toy_open_range(&toy, 0, 4);
	assert_int_equal(toy_evict(&toy), 2);
	assert_int_equal(toy_evict(&toy), 0);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void gdsf_keeps_a_large_file_that_is_opened_often_enough(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "gdsf", 100000, 1, 2, 1000);
	toy_set_size(&toy, 1, 3000);
	toy_open(&toy, 0);
	for (int i = 0; i < 4; i++)
		toy_open(&toy, 1); /* 4 / 3000 against 1 / 1000 */
	assert_int_equal(toy_evict(&toy), 0);
	toy_deinit(&toy);
}

static void gdsf_lets_old_fame_fade(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "gdsf", 4000, 1, 200, 1000);
	for (int i = 0; i < 20; i++)
		toy_open(&toy, 0);
	toy_open_range(&toy, 1, 200);
	assert_false(toy.objects[0].cached);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void gdsf_weighs_a_file_anew_when_it_grows(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "gdsf", 100000, 1, 3, 1000);
	toy_open_range(&toy, 0, 3);
	evict_resize(toy.evict, &toy.objects[1].entry, 5000, 5000);
	toy_check(&toy);
	assert_int_equal(toy_evict(&toy), 1);
	toy_deinit(&toy);
}

static void gdsf_weighs_priority(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "gdsf", 100000, 1, 3, 1000);
	toy.objects[0].entry.priority = 1;
	toy.objects[2].entry.priority = -1;
	toy_open_range(&toy, 0, 3);
	assert_int_equal(toy_evict(&toy), 2);
	assert_int_equal(toy_evict(&toy), 1);
	assert_int_equal(toy_evict(&toy), 0);
	toy_deinit(&toy);
}

static void gdsf_survives_empty_files(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "gdsf", 100000, 1, 3, 0);
	toy_open_range(&toy, 0, 3);
	toy_check(&toy);
	assert_int_equal(toy_evict(&toy), 0);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void gdsf_passes_over_open_files(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "gdsf", 100000, 1, 3, 1000);
	toy_set_size(&toy, 0, 9000);
	toy_open_range(&toy, 0, 3);
	toy_hold(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1);
	toy_check(&toy);
	toy_release(&toy, 0); /* weighed anew, on top of what left since */
	toy_check(&toy);
	assert_int_equal(toy_evict(&toy), 2);
	assert_int_equal(toy_evict(&toy), 0);
	toy_deinit(&toy);
}

static void gdsf_takes_back_what_was_parked_when_memory_is_short(void **state)
{
	enum { COUNT = 64, PINNED = 8 };
	struct toy_host toy;
	size_t inserted;

	toy_init(&toy, "gdsf", 1 << 20, 1, COUNT + PINNED, 1000);
	for (size_t i = 0; i < COUNT; i++) {
		toy_open(&toy, i);
		if (i < PINNED)
			toy_hold(&toy, i);
	}
	/* meets the held ones, which are the oldest */
	assert_int_equal(toy_evict(&toy), PINNED);
	memory_is_short = true;
	/* newcomers must not take the room that those will need */
	for (inserted = 0; inserted < PINNED; inserted++) {
		struct toy_object *newcomer = &toy.objects[COUNT + inserted];

		newcomer->cached = evict_insert(toy.evict, &newcomer->entry) == 0;
		if (!newcomer->cached)
			break;
	}
	assert_int_equal(inserted, 1); /* for the one that has left */
	for (size_t i = 0; i < PINNED; i++)
		toy_release(&toy, i);
	toy_check(&toy);
	for (size_t i = 0; i < COUNT - 1 + inserted; i++)
		assert_true(toy_evict(&toy) >= 0);
	assert_int_equal(toy_evict(&toy), -1);
	memory_is_short = false;
	toy_deinit(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gdsf_evicts_the_largest_of_files_opened_alike),
		cmocka_unit_test(gdsf_keeps_a_large_file_that_is_opened_often_enough),
		cmocka_unit_test(gdsf_lets_old_fame_fade),
		cmocka_unit_test(gdsf_weighs_a_file_anew_when_it_grows),
		cmocka_unit_test(gdsf_weighs_priority),
		cmocka_unit_test(gdsf_survives_empty_files),
		cmocka_unit_test(gdsf_passes_over_open_files),
		cmocka_unit_test(gdsf_takes_back_what_was_parked_when_memory_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
