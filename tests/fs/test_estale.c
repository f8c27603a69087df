#include "tests/support/check.h"

#include "fs/estale.h"

#define NOW 1234567890123ll /* more than 32 bits */

static void a_thread_that_was_told_estale_walks_again(void **state)
{
	struct estale estale = {0};

	(void)state;
	estale_told(&estale, 4711, NOW);
	assert_true(estale_walks_again(&estale, 4711, NOW));
	assert_true(estale_walks_again(&estale, 4711, NOW)); /* each name of the path */
}

static void other_threads_do_not(void **state)
{
	struct estale estale = {0};

	(void)state;
	assert_false(estale_walks_again(&estale, 0, NOW));
	estale_told(&estale, 4711, NOW);
	assert_false(estale_walks_again(&estale, 4711 + ESTALE_SLOTS, NOW)); /* the same slot */
	assert_false(estale_walks_again(&estale, 1, NOW));
	assert_false(estale_walks_again(&estale, 0, NOW));
}

static void a_thread_of_another_pid_namespace_is_told_as_0(void **state)
{
	struct estale estale = {0};

	(void)state;
	estale_told(&estale, 0, NOW);
	assert_true(estale_walks_again(&estale, 0, NOW));
}

/* The walk begins at once: a thread that comes much later is not the kernel's second try. */
static void it_is_forgotten_after_two_seconds(void **state)
{
	struct estale estale = {0};

	(void)state;
	estale_told(&estale, 4711, NOW);
	assert_true(estale_walks_again(&estale, 4711, NOW + 2000));
	assert_false(estale_walks_again(&estale, 4711, NOW + 2001));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_that_was_told_estale_walks_again),
		cmocka_unit_test(other_threads_do_not),
		cmocka_unit_test(a_thread_of_another_pid_namespace_is_told_as_0),
		cmocka_unit_test(it_is_forgotten_after_two_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
