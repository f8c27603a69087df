/* memory_floor between two ticks, on a made-up /proc. */
#include "fs/memory_floor.h"

#include <ftw.h>
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

/* A file of the made-up machine; the directories above are made. */
static void put_text(const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(root, name, NULL);
	g_autofree char *folder = g_path_get_dirname(path);

	assert_int_equal(g_mkdir_with_parents(folder, 0700), 0);
	assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void machine_has(unsigned mib)
{
	g_autofree char *text = g_strdup_printf("MemTotal: 1048576 kB\nMemAvailable: %u kB\n", mib * 1024);

	put_text("proc/meminfo", text);
}

static int make_root(void **state)
{
	root = g_dir_make_tmp("sievefs-memory_floor-XXXXXX", NULL);
	return root ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
	return remove(path);
}

static int remove_root(void **state)
{
	nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	g_free(root);
	return 0;
}

static void copying_ends_at_the_floor_without_waiting_for_a_tick(void **state)
{
	struct memory_floor floor;

	memory_floor_init(&floor, &limits, root);
	machine_has(110);
	assert_true(memory_floor_allows(&floor, 6 * MIB));
	assert_true(memory_floor_allows(&floor, 4 * MIB));
	machine_has(100);
	assert_false(memory_floor_allows(&floor, 1 * MIB));
}

static void what_was_not_used_up_is_measured_again(void **state)
{
	struct memory_floor floor;

	memory_floor_init(&floor, &limits, root);
	machine_has(110);
	for (int i = 0; i < 50; i++)
		assert_true(memory_floor_allows(&floor, 5 * MIB)); /* others left: it is still there */
}

static void copying_begins_again_as_soon_as_there_is_memory(void **state)
{
	struct memory_floor floor;

	memory_floor_init(&floor, &limits, root);
	machine_has(90);
	assert_false(memory_floor_allows(&floor, 4096));
	machine_has(200);
	assert_true(memory_floor_allows(&floor, 4096));
}

static void a_cache_that_shrank_to_its_minimum_turns_over_again(void **state)
{
	uint64_t target = limits.cache_size;
	struct memory_floor floor;

	memory_floor_init(&floor, &limits, root);
	machine_has(10);
	while (target > limits.cache_min) {
		assert_false(memory_floor_allows(&floor, 4096));
		target = memory_floor_tick(&floor, target);
	}
	assert_true(memory_floor_allows(&floor, 4096));
}

static void without_a_floor_nothing_is_measured(void **state)
{
	const struct pressure_limits none = {.cache_size = 512 * MIB};
	struct memory_floor floor;

	memory_floor_init(&floor, &none, root);
	machine_has(0);
	assert_true(memory_floor_allows(&floor, 512 * MIB));
}

static void a_cache_without_a_minimum_waits_for_memory(void **state)
{
	const struct pressure_limits none = {.floor = 100 * MIB, .cache_size = 512 * MIB};
	struct memory_floor floor;

	memory_floor_init(&floor, &none, root);
	machine_has(10);
	while (memory_floor_tick(&floor, floor.pressure.target) > 0)
		;
	assert_false(memory_floor_allows(&floor, 4096));
	machine_has(110);
	assert_true(memory_floor_allows(&floor, 10 * MIB)); /* all of it */
	machine_has(100);
	assert_false(memory_floor_allows(&floor, 4096));
}

/* A group of cgroup v2, in a machine that has plenty: its page cache can be had, what is locked can't. */
static void group_has(unsigned used_mib, unsigned page_cache_mib)
{
	g_autofree char *used = g_strdup_printf("%llu\n", used_mib * MIB);
	g_autofree char *stat = g_strdup_printf("anon 4096\nfile %llu\nunevictable 1048576\ninactive_file "
						"0\nactive_file %llu\n",
		used_mib * MIB, page_cache_mib * MIB);

	put_text("proc/self/cgroup", "0::/system.slice/sievefs.service\n");
	put_text("sys/fs/cgroup/system.slice/memory.max", "max\n");
	put_text("sys/fs/cgroup/system.slice/sievefs.service/memory.max", "268435456\n");
	put_text("sys/fs/cgroup/system.slice/sievefs.service/memory.high", "max\n");
	put_text("sys/fs/cgroup/system.slice/sievefs.service/memory.current", used);
	put_text("sys/fs/cgroup/system.slice/sievefs.service/memory.stat", stat);
}

static void the_floor_of_a_group_of_cgroup_v2_is_kept(void **state)
{
	struct memory_floor floor;
	uint64_t target = limits.cache_size;

	machine_has(1000);
	group_has(200, 60); /* of 256 */
	memory_floor_init(&floor, &limits, root);
	assert_true(memory_floor_allows(&floor, 16 * MIB));
	group_has(200, 44);
	assert_false(memory_floor_allows(&floor, 1 * MIB));
	group_has(100, 40);
	assert_true(memory_floor_allows(&floor, 96 * MIB));
	group_has(250, 4);
	for (int i = 0; i < 10; i++)
		target = memory_floor_tick(&floor, target);
	assert_int_equal(target, limits.cache_min);
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
		cmocka_unit_test(the_floor_of_a_group_of_cgroup_v2_is_kept),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
