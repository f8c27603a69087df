/* memory_floor between two ticks, on a made-up /proc. */
#include "fs/relief.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MIB (1ull << 20)

static const struct pressure_limits limits = {
	.floor = 100 * MIB, .cache_min = 64 * MIB, .cache_size = 512 * MIB};
static char *root;

static void machine_has(unsigned mib)
{
	g_autofree char *path = g_build_filename(root, "proc/meminfo", NULL);
	g_autofree char *text = g_strdup_printf("MemTotal: 1048576 kB\nMemAvailable: %u kB\n", mib * 1024);

	assert_true(g_file_set_contents(path, text, -1, NULL));
}

static int make_root(void **state)
{
	g_autofree char *proc = NULL;

	root = g_dir_make_tmp("sievefs-relief-XXXXXX", NULL);
	proc = g_build_filename(root, "proc", NULL);
	return g_mkdir(proc, 0700);
}

static int remove_root(void **state)
{
	g_autofree char *proc = g_build_filename(root, "proc", NULL);
	g_autofree char *meminfo = g_build_filename(proc, "meminfo", NULL);

	g_unlink(meminfo);
	g_rmdir(proc);
	g_rmdir(root);
	g_free(root);
	return 0;
}

static void copying_ends_at_the_floor_without_waiting_for_a_tick(void **state)
{
	struct relief relief;

	relief_init(&relief, &limits, root);
	machine_has(110);
	assert_true(relief_allows(&relief, 6 * MIB));
	assert_true(relief_allows(&relief, 4 * MIB));
	machine_has(100);
	assert_false(relief_allows(&relief, 1 * MIB));
}

static void what_was_not_used_up_is_measured_again(void **state)
{
	struct relief relief;

	relief_init(&relief, &limits, root);
	machine_has(110);
	for (int i = 0; i < 50; i++)
		assert_true(relief_allows(&relief, 5 * MIB)); /* others left: it is still there */
}

static void copying_begins_again_as_soon_as_there_is_memory(void **state)
{
	struct relief relief;

	relief_init(&relief, &limits, root);
	machine_has(90);
	assert_false(relief_allows(&relief, 4096));
	machine_has(200);
	assert_true(relief_allows(&relief, 4096));
}

static void a_cache_that_shrank_to_its_minimum_turns_over_again(void **state)
{
	uint64_t target = limits.cache_size;
	struct relief relief;

	relief_init(&relief, &limits, root);
	machine_has(10);
	while (target > limits.cache_min) {
		assert_false(relief_allows(&relief, 4096));
		target = relief_tick(&relief, target);
	}
	assert_true(relief_allows(&relief, 4096));
}

static void without_a_floor_nothing_is_measured(void **state)
{
	const struct pressure_limits none = {.cache_size = 512 * MIB};
	struct relief relief;

	relief_init(&relief, &none, root);
	machine_has(0);
	assert_true(relief_allows(&relief, 512 * MIB));
}

static void a_cache_without_a_minimum_waits_for_memory(void **state)
{
	const struct pressure_limits none = {.floor = 100 * MIB, .cache_size = 512 * MIB};
	struct relief relief;

	relief_init(&relief, &none, root);
	machine_has(10);
	while (relief_tick(&relief, relief.pressure.target) > 0)
		;
	assert_false(relief_allows(&relief, 4096));
	machine_has(110);
	assert_true(relief_allows(&relief, 10 * MIB)); /* all of it */
	machine_has(100);
	assert_false(relief_allows(&relief, 4096));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(copying_ends_at_the_floor_without_waiting_for_a_tick),
		cmocka_unit_test(what_was_not_used_up_is_measured_again),
		cmocka_unit_test(copying_begins_again_as_soon_as_there_is_memory),
		cmocka_unit_test(a_cache_that_shrank_to_its_minimum_turns_over_again),
		cmocka_unit_test(without_a_floor_nothing_is_measured),
		cmocka_unit_test(a_cache_without_a_minimum_waits_for_memory),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
