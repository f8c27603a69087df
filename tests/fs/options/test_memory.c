/* The memory limit and what is left of it, on made-up /proc and /sys trees. */
#include "fs/options/memory.h"

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

static const struct file meminfo = {"proc/meminfo", "MemTotal:         1048576 kB\nMemFree:  5 kB\n"
						    "MemAvailable:      921600 kB\nBuffers: 7 kB\n"};

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
	return remove(path);
}

/* What @measure says of a tree that holds @files, ended by one without a path. */
static uint64_t measure_tree(uint64_t (*measure)(const char *root), const struct file *files)
{
	g_autofree char *root = g_dir_make_tmp("sievefs-memory-XXXXXX", NULL);
	uint64_t bytes;

	assert_non_null(root);
	for (; files->path; files++) {
		g_autofree char *path = g_build_filename(root, files->path, NULL);
		g_autofree char *folder = g_path_get_dirname(path);

		assert_int_equal(g_mkdir_with_parents(folder, 0700), 0);
		assert_true(g_file_set_contents(path, files->text, -1, NULL));
	}
	bytes = measure(root);
	nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return bytes;
}

static uint64_t total_of(const struct file *files)
{
	return measure_tree(memory_total, files);
}

static uint64_t available_of(const struct file *files)
{
	return measure_tree(memory_available, files);
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

static uint64_t limit_of_seven(const char *root)
{
	return memory_limit_of(root, 7);
}

static void the_limit_of_another_process_is_its_groups(void **state)
{
	const struct file v2[] = {
		{"proc/7/cgroup", "0::/job/part\n"},
		{"sys/fs/cgroup/job/memory.max", "134217728\n"},
		{"sys/fs/cgroup/job/part/memory.max", "max\n"},
		{NULL},
	};
	const struct file v1[] = {
		{"proc/7/cgroup", "4:memory:/a\n0::/\n"},
		{"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "67108864\n"},
		{NULL},
	};
	const struct file gone[] = {meminfo, {NULL}};

	assert_int_equal(measure_tree(limit_of_seven, v2), 128 * MIB);
	assert_int_equal(measure_tree(limit_of_seven, v1), 64 * MIB);
	assert_true(measure_tree(limit_of_seven, gone) == UINT64_MAX);
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

/* Nothing fails beyond memory.high, but all of the group is slowed down. */
static void the_lesser_of_memory_max_and_memory_high_counts(void **state)
{
	const struct file high[] = {
		meminfo,
		{"proc/self/cgroup", "0::/job\n"},
		{"sys/fs/cgroup/job/memory.max", "max\n"},
		{"sys/fs/cgroup/job/memory.high", "134217728\n"},
		{"sys/fs/cgroup/job/memory.current", "100663296\n"},
		{NULL},
	};
	const struct file max[] = {
		meminfo,
		{"proc/self/cgroup", "0::/job\n"},
		{"sys/fs/cgroup/job/memory.max", "67108864\n"},
		{"sys/fs/cgroup/job/memory.high", "max\n"},
		{NULL},
	};

	assert_int_equal(total_of(high), 128 * MIB);
	assert_int_equal(available_of(high), 32 * MIB);
	assert_int_equal(total_of(max), 64 * MIB);
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

/* Where v1 is mounted too but has left memory to v2. */
static void a_limit_of_cgroup_v2_beside_v1_counts(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "5:cpu,cpuacct:/x\n1:name=systemd:/a\n0::/a/b\n"},
		{"sys/fs/cgroup/unified/a/memory.max", "134217728\n"},
		{"sys/fs/cgroup/unified/a/memory.current", "100663296\n"},
		{"sys/fs/cgroup/unified/a/memory.stat", "inactive_file 1048576\nactive_file 0\n"},
		{"sys/fs/cgroup/unified/a/b/memory.max", "max\n"},
		{NULL},
	};

	assert_int_equal(total_of(files), 128 * MIB);
	assert_int_equal(available_of(files), 33 * MIB);
}

/* A group below one that does not hand the memory controller down has no files of it. */
static void a_group_without_the_controller_has_its_parents_limit(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "0::/a/b\n"},
		{"sys/fs/cgroup/a/memory.max", "max\n"},
		{"sys/fs/cgroup/a/memory.high", "67108864\n"},
		{"sys/fs/cgroup/a/memory.current", "1048576\n"},
		{"sys/fs/cgroup/a/b/cgroup.procs", "1\n"},
		{NULL},
	};

	assert_int_equal(total_of(files), 64 * MIB);
	assert_int_equal(available_of(files), 63 * MIB);
}

static void the_limits_above_a_removed_group_count(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "0::/a/b (deleted)\n"},
		{"sys/fs/cgroup/a/memory.max", "67108864\n"},
		{NULL},
	};

	assert_int_equal(total_of(files), 64 * MIB);
}

/* As a cgroup namespace shows a group that is not below its own root. */
static void a_group_outside_of_the_namespace_has_the_limit_of_its_root(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "0::/../other\n"},
		{"sys/fs/cgroup/memory.max", "67108864\n"},
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

static void without_a_limit_what_the_machine_has_is_available(void **state)
{
	const struct file bare[] = {meminfo, {NULL}};
	const struct file unlimited[] = {
		meminfo,
		{"proc/self/cgroup", "4:memory:/a\n0::/b\n"},
		{"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n"},
		{"sys/fs/cgroup/memory/a/memory.usage_in_bytes", "9223372036854771712\n"},
		{"sys/fs/cgroup/b/memory.max", "max\n"},
		{"sys/fs/cgroup/b/memory.current", "1073741824\n"},
		{NULL},
	};

	assert_int_equal(available_of(bare), 900 * MIB);
	assert_int_equal(available_of(unlimited), 900 * MIB);
}

/* Of 512M are 400M in use, of these 48M and 16M page cache: 176M are left. The other lines are there to be
 * passed over. */
static void page_cache_of_cgroup_v1_is_available(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/a\n"},
		{"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "536870912\n"},
		{"sys/fs/cgroup/memory/a/memory.usage_in_bytes", "419430400\n"},
		{"sys/fs/cgroup/memory/a/memory.stat",
			"cache 1\ninactive_file 2\nactive_file 3\ntotal_inactive_anon 1048576\n"
			"total_inactive_file 50331648\ntotal_active_file 16777216\ntotal_unevictable 0\n"},
		{NULL},
	};

	assert_int_equal(available_of(files), 176 * MIB);
}

static void page_cache_of_cgroup_v2_is_available(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "0::/job\n"},
		{"sys/fs/cgroup/job/memory.max", "268435456\n"},
		{"sys/fs/cgroup/job/memory.current", "209715200\n"},
		{"sys/fs/cgroup/job/memory.stat", "anon 5\nfile 109051904\nshmem 6\ninactive_file_pages "
						  "7\ninactive_file 8388608\nactive_file 4194304\n"},
		{NULL},
	};

	assert_int_equal(available_of(files), (256 - 200 + 12) * MIB);
}

static void the_ancestor_with_least_left_counts(void **state)
{
	const struct file files[] = {
		meminfo,
		{"proc/self/cgroup", "0::/a/b\n"},
		{"sys/fs/cgroup/a/memory.max", "536870912\n"},
		{"sys/fs/cgroup/a/memory.current", "503316480\n"},
		{"sys/fs/cgroup/a/memory.stat", "inactive_file 0\nactive_file 0\n"},
		{"sys/fs/cgroup/a/b/memory.max", "268435456\n"},
		{"sys/fs/cgroup/a/b/memory.current", "67108864\n"},
		{NULL},
	};

	assert_int_equal(available_of(files), 32 * MIB);
}

static void the_machine_counts_where_it_has_less_than_the_group(void **state)
{
	const struct file files[] = {
		{"proc/meminfo", "MemTotal: 1048576 kB\nMemAvailable: 10240 kB\n"},
		{"proc/self/cgroup", "0::/\n"},
		{"sys/fs/cgroup/memory.max", "536870912\n"},
		{"sys/fs/cgroup/memory.current", "0\n"},
		{NULL},
	};

	assert_int_equal(available_of(files), 10 * MIB);
}

/* A limit that was lowered under what is used, and counters that were not read at one moment. */
static void nothing_is_available_above_the_limit(void **state)
{
	const struct file over[] = {
		meminfo,
		{"proc/self/cgroup", "0::/a\n"},
		{"sys/fs/cgroup/a/memory.max", "67108864\n"},
		{"sys/fs/cgroup/a/memory.current", "134217728\n"},
		{"sys/fs/cgroup/a/memory.stat", "inactive_file 1048576\n"},
		{NULL},
	};
	const struct file torn[] = {
		meminfo,
		{"proc/self/cgroup", "0::/a\n"},
		{"sys/fs/cgroup/a/memory.max", "67108864\n"},
		{"sys/fs/cgroup/a/memory.current", "1048576\n"},
		{"sys/fs/cgroup/a/memory.stat", "inactive_file 2097152\n"},
		{NULL},
	};

	assert_int_equal(available_of(over), 0);
	assert_int_equal(available_of(torn), 64 * MIB);
}

static void missing_files_are_no_shortage(void **state)
{
	const struct file nothing[] = {{NULL}};
	const struct file no_usage[] = {
		meminfo,
		{"proc/self/cgroup", "4:memory:/a\n0::/b\n"},
		{"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n"},
		{NULL},
	};
	const struct file no_meminfo[] = {
		{"proc/self/cgroup", "0::/a\n"},
		{"sys/fs/cgroup/a/memory.max", "67108864\n"},
		{"sys/fs/cgroup/a/memory.current", "1048576\n"},
		{NULL},
	};

	assert_true(available_of(nothing) == UINT64_MAX);
	assert_int_equal(available_of(no_usage), 900 * MIB);
	assert_int_equal(available_of(no_meminfo), 63 * MIB);
}

static void this_machine_has_less_available_than_in_all(void **state)
{
	assert_true(memory_available("") > 0);
	assert_true(memory_available("") <= memory_total(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_cgroup_it_is_the_machines),
		cmocka_unit_test(a_limit_of_cgroup_v1_counts),
		cmocka_unit_test(the_limit_of_another_process_is_its_groups),
		cmocka_unit_test(a_limit_of_cgroup_v2_counts),
		cmocka_unit_test(the_lesser_of_memory_max_and_memory_high_counts),
		cmocka_unit_test(a_limit_of_an_ancestor_counts),
		cmocka_unit_test(a_limit_of_cgroup_v2_beside_v1_counts),
		cmocka_unit_test(a_group_without_the_controller_has_its_parents_limit),
		cmocka_unit_test(the_limits_above_a_removed_group_count),
		cmocka_unit_test(a_group_outside_of_the_namespace_has_the_limit_of_its_root),
		cmocka_unit_test(a_limit_above_the_machine_is_none),
		cmocka_unit_test(a_limit_at_the_trees_root_counts_when_the_group_is_not_there),
		cmocka_unit_test(nothing_is_known_without_proc),
		cmocka_unit_test(without_a_limit_what_the_machine_has_is_available),
		cmocka_unit_test(page_cache_of_cgroup_v1_is_available),
		cmocka_unit_test(page_cache_of_cgroup_v2_is_available),
		cmocka_unit_test(the_ancestor_with_least_left_counts),
		cmocka_unit_test(the_machine_counts_where_it_has_less_than_the_group),
		cmocka_unit_test(nothing_is_available_above_the_limit),
		cmocka_unit_test(missing_files_are_no_shortage),
		cmocka_unit_test(this_machine_has_less_available_than_in_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
