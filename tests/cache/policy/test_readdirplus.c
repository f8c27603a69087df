#include "cache/policy/readdirplus.h"
#include "tests/support/check.h"

#define FIND 41
#define LS 42
#define DEAR_NS 200000
#define CACHED_NS 6000

/* Lists a new directory of so many files from its start; which of them are looked up. */
static unsigned list(
	struct readdirplus *policy, uint32_t thread, uint64_t dir, unsigned files, int64_t ns, int64_t now_ms)
{
	struct readdirplus_list list;
	unsigned looked_up = 0;

	readdirplus_begin(policy, &list, thread, true, now_ms);
	for (unsigned i = 0; i < files; i++) {
		if (!list.looks_up) {
			list.bare++;
			continue;
		}
		readdirplus_took(&list, ns);
		looked_up++;
	}
	readdirplus_end(policy, &list, thread, dir, now_ms);
	return looked_up;
}

static void ask(struct readdirplus *policy, uint32_t thread, uint64_t dir, unsigned files)
{
	for (unsigned i = 0; i < files; i++)
		readdirplus_asked(policy, thread, dir);
}

static void names_are_looked_up_while_that_is_cheap(void **state)
{
	struct readdirplus policy = {0};

	for (unsigned dir = 1; dir < 100; dir++)
		assert_int_equal(list(&policy, FIND, dir, 50, CACHED_NS, dir), 50);
}

static void one_slow_answer_of_a_group_says_nothing(void **state)
{
	struct readdirplus policy = {0};
	struct readdirplus_list list;

	readdirplus_begin(&policy, &list, FIND, true, 0);
	for (unsigned i = 0; i < 10 * READDIRPLUS_GROUP; i++)
		readdirplus_took(&list, i % READDIRPLUS_GROUP ? DEAR_NS : CACHED_NS);
	assert_true(list.looks_up);
}

static void dear_names_are_not_looked_up_for_who_does_not_ask(void **state)
{
	struct readdirplus policy = {0};

	assert_int_equal(list(&policy, FIND, 1, 50, DEAR_NS, 0), READDIRPLUS_GROUP);
	for (unsigned dir = 2; dir < 100; dir++)
		assert_int_equal(list(&policy, FIND, dir, 50, DEAR_NS, dir), 0);
}

static void after_a_while_it_is_seen_what_they_cost_now(void **state)
{
	struct readdirplus policy = {0};

	list(&policy, FIND, 1, 50, DEAR_NS, 0);
	assert_int_equal(list(&policy, FIND, 2, 50, DEAR_NS, READDIRPLUS_DEAR_MS - 1), 0);
	assert_int_equal(list(&policy, FIND, 3, 50, DEAR_NS, READDIRPLUS_DEAR_MS), READDIRPLUS_GROUP);
	assert_int_equal(list(&policy, FIND, 4, 50, CACHED_NS, 2 * READDIRPLUS_DEAR_MS), 50);
	assert_int_equal(list(&policy, FIND, 5, 50, CACHED_NS, 2 * READDIRPLUS_DEAR_MS), 50);
}

static void who_asks_for_most_names_of_a_directory_gets_the_next_with_attributes(void **state)
{
	struct readdirplus policy = {0};

	list(&policy, LS, 1, 50, DEAR_NS, 0);
	ask(&policy, LS, 1, 50 - READDIRPLUS_GROUP);
	assert_int_equal(list(&policy, LS, 2, 50, DEAR_NS, 0), 50);
	assert_int_equal(list(&policy, FIND, 3, 50, DEAR_NS, 0), 0);
}

static void who_asks_for_a_few_or_elsewhere_does_not(void **state)
{
	struct readdirplus policy = {0};

	list(&policy, LS, 1, 50, DEAR_NS, 0);
	ask(&policy, LS, 1, 20);
	ask(&policy, LS, 7, 50);
	assert_int_equal(list(&policy, LS, 2, 50, DEAR_NS, 0), 0);
}

static void who_asked_once_has_to_show_it_again(void **state)
{
	struct readdirplus policy = {0};
	unsigned with = 0;

	list(&policy, LS, 1, 50, DEAR_NS, 0);
	ask(&policy, LS, 1, 50);
	for (unsigned dir = 2; dir < 1000; dir++)
		with += list(&policy, LS, dir, 50, DEAR_NS, 0) == 50;
	assert_int_equal(with, READDIRPLUS_TRUST);
}

static void what_the_kernel_wants_of_the_rest_of_a_directory_is_looked_up(void **state)
{
	struct readdirplus policy = {0};
	struct readdirplus_list list_of_rest;

	list(&policy, FIND, 1, 50, DEAR_NS, 0);
	readdirplus_begin(&policy, &list_of_rest, FIND, false, 0);
	for (unsigned i = 0; i < 50; i++)
		readdirplus_took(&list_of_rest, DEAR_NS);
	assert_true(list_of_rest.looks_up);
}

static void an_empty_directory_says_nothing(void **state)
{
	struct readdirplus policy = {0};

	list(&policy, LS, 1, 50, DEAR_NS, 0);
	list(&policy, LS, 2, 0, DEAR_NS, 0);
	ask(&policy, LS, 2, 5);
	assert_int_equal(list(&policy, LS, 3, 50, DEAR_NS, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_looked_up_while_that_is_cheap),
		cmocka_unit_test(one_slow_answer_of_a_group_says_nothing),
		cmocka_unit_test(dear_names_are_not_looked_up_for_who_does_not_ask),
		cmocka_unit_test(after_a_while_it_is_seen_what_they_cost_now),
		cmocka_unit_test(who_asks_for_most_names_of_a_directory_gets_the_next_with_attributes),
		cmocka_unit_test(who_asks_for_a_few_or_elsewhere_does_not),
		cmocka_unit_test(who_asked_once_has_to_show_it_again),
		cmocka_unit_test(what_the_kernel_wants_of_the_rest_of_a_directory_is_looked_up),
		cmocka_unit_test(an_empty_directory_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
