/* Options of a live mount: those that may change do so together, or none does. */
#include "fs/options/options_change.h"
#include "tests/fs/options/read.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MIB (1ull << 20)

/* Changes a mount with @before by @list; what is in force then, freed by the caller. */
static char *change(const char *before, const char *list, char **error)
{
	struct options now, asked;
	char *after;
	int r;

	assert_int_equal(read_list(&now, before, error), 0);
	options_init(&asked);
	assert_int_equal(options_read_list(&asked, list, 64 * MIB, error), 0);
	r = options_change(&now, &asked, error);
	assert_int_equal(r, *error ? -EINVAL : 0);
	after = options_to_string(&now);
	options_deinit(&asked);
	options_deinit(&now);
	return after;
}

static void what_may_change_is_changed(void **state)
{
	g_autofree char *error = NULL, *after = change("cache_size=64M",
					       "cache_size=50%,settle=3s,log=debug,admit=2", &error);

	assert_null(error);
	assert_non_null(strstr(after, "cache_size=32M,"));
	assert_non_null(strstr(after, "settle=3s,"));
	assert_non_null(strstr(after, "log=debug"));
}

static void a_refused_change_changes_nothing(void **state)
{
	static const char *const calls[][2] = {
		{"log=debug,max_read=64K",
			"max_read=64K: the mount has 256K; to change it, unmount and mount again"},
		{"log=debug,rules=/a", "rules=/a: the mount has none; to change it, unmount and mount again"},
		{"log=debug,cache_min=65M",
			"cache_min=65M and cache_size=64M: cache_min takes at most cache_size"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		g_autofree char *none = NULL, *error = NULL;
		g_autofree char *before = change("cache_size=64M", "", &none);
		g_autofree char *after = change("cache_size=64M", calls[i][0], &error);

		assert_string_equal(error, calls[i][1]);
		assert_string_equal(after, before);
	}
}

static void paths_never_change_live(void **state)
{
	const struct option_table *table = options_table();

	for (size_t i = 0; i < table->row_count; i++)
		assert_false(table->rows[i].live && table->rows[i].type == OPTION_PATH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_change_is_changed),
		cmocka_unit_test(a_refused_change_changes_nothing),
		cmocka_unit_test(paths_never_change_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
