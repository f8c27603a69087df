/* The memory limit, on made-up /proc and /sys trees. */
#include "fs/memory.h"

#include <ftw.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MIB (1ull << 20)

struct file {
	const char *path;
	const char *text;
};

static const struct file meminfo = {"proc/meminfo", "MemTotal:         1048576 kB\nMemFree:  5 kB\n"};

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
	return remove(path);
}

/* memory_total() in a tree that holds @files, ended by one without a path. */
static uint64_t total_of(const struct file *files)
{
	g_autofree char *root = g_dir_make_tmp("sievefs-memory-XXXXXX", NULL);
	uint64_t total;

	assert_non_null(root);
	for (; files->path; files++) {
		g_autofree char *path = g_build_filename(root, files->path, NULL);
		g_autofree char *folder = g_path_get_dirname(path);

		assert_int_equal(g_mkdir_with_parents(folder, 0700), 0);
		assert_true(g_file_set_contents(path, files->text, -1, NULL));
	}
	total = memory_total(root);
	nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return total;
}

static void without_a_cgroup_it_is_the_machines(void **state)
{
	const struct file files[] = {meminfo, {NULL}};

	assert_int_equal(total_of(files), 1024 * MIB);
}

static void a_limit_of_cgroup_v1_counts(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/a/b\n1:name=systemd:/a\n0::/\n"},
		{"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
		{"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "536870912\n"},
		{NULL},
	};

	assert_int_equal(total_of(files), 512 * MIB);
}

static void a_limit_of_cgroup_v2_counts(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "0::/user.slice/job:1\n"},
		{"sys/fs/cgroup/user.slice/job:1/memory.max", "134217728\n"},
		{NULL},
	};

	assert_int_equal(total_of(files), 128 * MIB);
}

static void a_limit_of_an_ancestor_counts(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "0::/a/b/c\n"},
		{"sys/fs/cgroup/a/memory.max", "67108864\n"},
		{"sys/fs/cgroup/a/b/memory.max", "max\n"},
		{"sys/fs/cgroup/a/b/c/memory.max", "268435456\n"},
		{NULL},
	};

	assert_int_equal(total_of(files), 64 * MIB);
}

static void a_limit_above_the_machine_is_none(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "0::/a\n"},
		{"sys/fs/cgroup/a/memory.max", "1099511627776\n"},
		{NULL},
	};

	assert_int_equal(total_of(files), 1024 * MIB);
}

/* A container without a cgroup namespace sees a group whose path is not in its own tree. */
static void a_limit_at_the_trees_root_counts_when_the_group_is_not_there(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "4:memory:/docker/0123\n"},
		{"sys/fs/cgroup/memory/memory.limit_in_bytes", "33554432\n"},
		{NULL},
	};

	assert_int_equal(total_of(files), 32 * MIB);
}

static void nothing_is_known_without_proc(void **state)
{
	const struct file files[] = {{NULL}};

	assert_int_equal(total_of(files), 0);
	assert_true(memory_total("") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_cgroup_it_is_the_machines),
		cmocka_unit_test(a_limit_of_cgroup_v1_counts),
		cmocka_unit_test(a_limit_of_cgroup_v2_counts),
		cmocka_unit_test(a_limit_of_an_ancestor_counts),
		cmocka_unit_test(a_limit_above_the_machine_is_none),
		cmocka_unit_test(a_limit_at_the_trees_root_counts_when_the_group_is_not_there),
		cmocka_unit_test(nothing_is_known_without_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
