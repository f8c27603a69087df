/* The list of the hottest files, of the parts that a mount gives. */
#include "tools/sievectl/hottest.h"

#include <errno.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_file(const struct hottest *hottest, unsigned i, uint64_t opens, const char *path)
{
	assert_true(i < hottest->count);
	assert_int_equal(hottest->files[i].opens, opens);
	assert_string_equal(hottest->files[i].path, path);
}

static void parts_of_the_hottest_are_merged(void **state)
{
	static const char *const wrong[] = {
		"", "\n", "END\n", "end\n5\n", "end\n5 6\n", "end\n5 6 path\n", "end\nx 6 /path\n"};
	struct hottest hottest = {0};
	int next = 0;

	assert_int_equal(hottest_add(&hottest, "7\n9 100 /a\n3 200 /b\\tc\n", &next), 0);
	assert_int_equal(next, 7);
	assert_int_equal(hottest_add(&hottest, "end\n12 1 /d\n3 2 /e\n1 3 /f\n", &next), 0);
	assert_int_equal(next, HOTTEST_END);
	assert_int_equal(hottest.count, 5);
	assert_file(&hottest, 0, 12, "/d");
	assert_file(&hottest, 1, 9, "/a");
	assert_file(&hottest, 2, 3, "/b\tc");
	assert_file(&hottest, 3, 3, "/e");
	assert_file(&hottest, 4, 1, "/f");
	assert_int_equal(hottest.files[1].bytes, 100);
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		assert_int_equal(hottest_add(&hottest, wrong[i], &next), -EPROTO);
}

static void only_the_hottest_are_kept_and_long_paths_lose_their_beginning(void **state)
{
	g_autofree char *name = g_strnfill(300, 'x'), *line = g_strdup_printf("end\n1000 1 /%send\n", name);
	struct hottest hottest = {0};
	int next;

	for (int i = 0; i < HOTTEST_MAX + 20; i++) {
		g_autofree char *reply = g_strdup_printf("1\n%d 1 /%d\n", i, i);

		assert_int_equal(hottest_add(&hottest, reply, &next), 0);
	}
	assert_int_equal(hottest.count, HOTTEST_MAX);
	assert_file(&hottest, 0, HOTTEST_MAX + 19, "/59");
	assert_file(&hottest, HOTTEST_MAX - 1, 20, "/20");
	assert_int_equal(hottest_add(&hottest, "end\n19 1 /colder\n", &next), 0);
	assert_file(&hottest, HOTTEST_MAX - 1, 20, "/20");
	assert_int_equal(hottest_add(&hottest, line, &next), 0);
	assert_int_equal(strlen(hottest.files[0].path), HOTTEST_PATH - 1);
	assert_true(g_str_has_suffix(hottest.files[0].path, "xend"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_of_the_hottest_are_merged),
		cmocka_unit_test(only_the_hottest_are_kept_and_long_paths_lose_their_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
