#include "cache/policy/spans.h"
#include "tests/support/check.h"
#include "tests/support/random.h"
#include <stdlib.h>
#include <string.h>

#define PAGES 400

static void assert_sorted_and_disjoint(const struct spans *spans)
{
	for (size_t i = 0; i < spans->count; i++) {
		assert_true(spans->span[i].from < spans->span[i].to);
		if (i)
			assert_true(spans->span[i - 1].to < spans->span[i].from);
	}
}

static uint64_t count_in(const bool *pages, uint64_t from, uint64_t to)
{
	uint64_t count = 0;

	for (uint64_t i = from; i < to; i++)
		count += pages[i];
	return count;
}

static void assert_gaps(const struct spans *spans, const bool *pages, uint64_t from, uint64_t to)
{
	bool seen[PAGES];
	struct span gap;

	memcpy(seen, pages, sizeof(seen));
	for (uint64_t at = from; spans_next_gap(spans, &at, to, &gap);) {
		assert_true(from <= gap.from && gap.from < gap.to && gap.to <= to);
		assert_int_equal(count_in(pages, gap.from, gap.to), 0);
		for (uint64_t i = gap.from; i < gap.to; i++)
			seen[i] = true;
	}
	assert_int_equal(count_in(seen, from, to), to - from);
}

static void the_set_covers_what_was_added_and_nothing_else(void **state)
{
	struct random random = {.state = 7};

	for (int round = 0; round < 200; round++) {
		bool pages[PAGES] = {false};
		struct spans spans;

		spans_init(&spans, PAGES);
		for (int i = 0; i < 40; i++) {
			uint64_t from = random_below(&random, PAGES);
			uint64_t to = from + random_below(&random, round % 20 + 1);

			if (to > PAGES)
				to = PAGES;
			assert_int_equal(spans_add(&spans, from, to), 0);
			for (uint64_t p = from; p < to; p++)
				pages[p] = true;
			if (i == 30) {
				spans_cut(&spans, PAGES - 20);
				memset(pages + PAGES - 20, 0, 20 * sizeof(*pages));
			}
			assert_sorted_and_disjoint(&spans);
		}
		for (int i = 0; i < 50; i++) {
			uint64_t from = random_below(&random, PAGES);
			uint64_t to = from + random_below(&random, (unsigned)(PAGES - from) + 1);

			assert_int_equal(spans_covered(&spans, from, to), count_in(pages, from, to));
			assert_gaps(&spans, pages, from, to);
		}
		spans_deinit(&spans);
	}
}

static void cutting_says_whether_something_was_cut(void **state)
{
	struct spans spans;

	spans_init(&spans, 8);
	assert_int_equal(spans_add(&spans, 10, 20), 0);
	assert_false(spans_cut(&spans, 20));
	assert_true(spans_cut(&spans, 15));
	assert_int_equal(spans_covered(&spans, 0, 100), 5);
	assert_true(spans_cut(&spans, 0));
	assert_int_equal(spans.count, 0);
	spans_deinit(&spans);
}

static void a_full_set_closes_small_gaps_and_loses_nothing(void **state)
{
	struct spans spans;

	spans_init(&spans, 64);
	for (uint64_t i = 0; i < 1000; i++) /* gaps of 1, 2 and 3, and 50 before each hundredth */
		assert_int_equal(
			spans_add(&spans, i * 4 + i / 100 * 50, i * 4 + i / 100 * 50 + 1 + i % 3), 0);
	assert_true(spans.count <= 64);
	assert_sorted_and_disjoint(&spans);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(spans_covered(&spans, i * 4 + i / 100 * 50, i * 4 + i / 100 * 50 + 1), 1);
	/* the wide gaps are the last to go */
	assert_true(spans_covered(&spans, 0, 100000) < 4 * 1000 + 9 * 50 / 2);
	spans_deinit(&spans);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_set_covers_what_was_added_and_nothing_else),
		cmocka_unit_test(cutting_says_whether_something_was_cut),
		cmocka_unit_test(a_full_set_closes_small_gaps_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
