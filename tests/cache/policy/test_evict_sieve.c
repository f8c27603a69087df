#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/cache/policy/toy_host.h"

static void sieve_spares_what_was_opened_again_and_leaves_it_in_place(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "sieve", 3000, 1, 6, 1000);
	for (size_t i = 0; i < 3; i++)
		toy_open(&toy, i);
	toy_open(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1); /* the hand passed 0 and stands at 2 */
	toy_open(&toy, 3);
	assert_int_equal(toy_evict(&toy), 2);
	assert_int_equal(toy_evict(&toy), 3);
	assert_int_equal(toy_evict(&toy), 0); /* around again */
	toy_check(&toy);
	toy_deinit(&toy);
}

/* The paper's figure: A..G with A, B, D, G visited, the hand at the tail; H, A, D, I, B, J follow. */
static void sieve_follows_the_example_of_the_paper(void **state)
{
	enum { A, B, C, D, E, F, G, H, I, J };
	const size_t requests[] = {H, A, D, I, B, J};
	struct toy_host toy;

	toy_init(&toy, "sieve", 7000, 1, 10, 1000);
	for (size_t i = 0; i < 7; i++)
		toy_open(&toy, i == 0 ? G : G - i);
	toy_open(&toy, A);
	toy_open(&toy, B);
	toy_open(&toy, G);
	toy_open(&toy, D);
	for (size_t i = 0; i < 6; i++)
		toy_open(&toy, requests[i]);
	assert_false(toy.objects[F].cached); /* left for H */
	assert_false(toy.objects[E].cached); /* for I */
	assert_false(toy.objects[C].cached); /* for J: the hand passed D */
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(toy.objects[i].cached, i != F && i != E && i != C);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void sieve_believes_the_reference_bit(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "sieve", 3000, 1, 3, 1000);
	for (size_t i = 0; i < 3; i++)
		toy_open(&toy, i);
	toy_read(&toy, 0);
	assert_int_equal(toy_evict(&toy), 1);
	toy_deinit(&toy);
}

static void sieve_passes_over_open_files(void **state)
{
	struct evict_stats stats;
	struct toy_host toy;

	toy_init(&toy, "sieve", 100000, 1, 100, 1000);
	for (size_t i = 0; i < 100; i++)
		toy_open(&toy, i);
	for (size_t i = 0; i < 99; i++)
		toy_hold(&toy, i);
	assert_int_equal(toy_evict(&toy), 99);
	toy_check(&toy);
	assert_int_equal(toy_evict(&toy), -1);
	evict_read_stats(toy.evict, &stats);
	assert_int_equal(stats.parked_count, 99);
	assert_int_equal(stats.parked, 99000);
	assert_int_equal(stats.most_examined, 100); /* each is looked at once, then parked */
	for (size_t i = 0; i < 99; i++)
		toy_release(&toy, i);
	assert_int_equal(toy_evict(&toy), 0);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void sieve_moves_its_hand_when_the_file_under_it_goes(void **state)
{
	struct toy_host toy;

	toy_init(&toy, "sieve", 4000, 1, 4, 1000);
	for (size_t i = 0; i < 4; i++)
		toy_open(&toy, i);
	assert_int_equal(toy_evict(&toy), 0); /* the hand is at 1 */
	toy_remove(&toy, 1);
	toy_check(&toy);
	assert_int_equal(toy_evict(&toy), 2);
	toy_check(&toy);
	toy_deinit(&toy);
}

static void sieve_ends_its_search_when_all_files_are_used_all_the_time(void **state)
{
	struct evict_stats stats;
	struct toy_host toy;

	toy_init(&toy, "sieve", 10000000, 1, 10000, 1000);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < 10000; i++)
			toy_open(&toy, i);
	assert_true(toy_evict(&toy) >= 0);
	evict_read_stats(toy.evict, &stats);
	assert_in_range(stats.most_examined, 1, EVICT_EXAMINE_MAX + 1);
	assert_int_equal(stats.forced, 1);
	toy_deinit(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sieve_spares_what_was_opened_again_and_leaves_it_in_place),
		cmocka_unit_test(sieve_follows_the_example_of_the_paper),
		cmocka_unit_test(sieve_believes_the_reference_bit),
		cmocka_unit_test(sieve_passes_over_open_files),
		cmocka_unit_test(sieve_moves_its_hand_when_the_file_under_it_goes),
		cmocka_unit_test(sieve_ends_its_search_when_all_files_are_used_all_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
