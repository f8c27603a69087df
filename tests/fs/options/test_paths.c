/* Paths on the command line, looked up: SOURCE, MOUNTPOINT and the rules. */
#include "fs/options/options.h"
#include "tests/support/check.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs options_parse() on a command line and gives its error line, NULL where there was none. */
static char *parse_words(struct options *options, const char *const *words)
{
	g_auto(GStrv) argv = g_strdupv((char **)words);
	/* getopt reorders the array, so that the strings are freed through a copy of it. */
	g_autofree char **view = g_memdup2(argv, sizeof(*argv) * (g_strv_length(argv) + 1));
	char *error = NULL;
	int r;

	options_init(options);
	r = options_parse(options, g_strv_length(argv), view, &error);
	assert_int_equal(r, error ? -EINVAL : 0);
	return error;
}

static char *parse_operands(struct options *options, const char *source, const char *mountpoint)
{
	const char *const words[] = {"sievefs", source, mountpoint, NULL};

	return parse_words(options, words);
}

static char *parse_rules(struct options *options, const char *directory, const char *rules)
{
	g_autofree char *list = g_strconcat("rules=", rules, NULL);
	const char *const words[] = {"sievefs", "-o", list, "/", directory, NULL};

	return parse_words(options, words);
}

/* Frees all three. */
static void assert_line(struct options *options, char *line, char *expected)
{
	assert_string_equal(line, expected);
	options_deinit(options);
	g_free(line);
	g_free(expected);
}

static void operands_must_be_directories(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(dir, "file", NULL);
	g_autofree char *none = g_build_filename(dir, "none", NULL);
	g_autofree char *link = g_build_filename(dir, "link", NULL);
	const char *const pairs[][2] = {{none, dir}, {file, dir}, {dir, none}, {dir, file}};
	char *expected[] = {
		g_strdup_printf("SOURCE %s: No such file or directory", none),
		g_strdup_printf("SOURCE %s: takes a directory", file),
		g_strdup_printf("MOUNTPOINT %s: No such file or directory", none),
		g_strdup_printf("MOUNTPOINT %s: takes a directory", file),
	};
	struct options options;

	assert_true(g_file_set_contents(file, "", 0, NULL));
	assert_int_equal(symlink(".", link), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
		assert_line(&options, parse_operands(&options, pairs[i][0], pairs[i][1]), expected[i]);
	assert_null(parse_operands(&options, link, dir));
	assert_string_equal(options.source, options.mountpoint);
	options_deinit(&options);
	g_unlink(file);
	g_unlink(link);
	g_rmdir(dir);
}

static void rules_must_be_a_file_outside_the_mount(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *none = g_build_filename(dir, "none", NULL);
	g_autofree char *inside = g_build_filename(dir, "inside", NULL);
	const char *const rules[] = {none, dir, "/dev/null", inside};
	char *expected[] = {
		g_strdup_printf("rules=%s: No such file or directory", none),
		g_strdup_printf("rules=%s: takes a regular file", dir),
		g_strdup("rules=/dev/null: takes a regular file"),
		g_strdup_printf("rules=%s: takes a file outside MOUNTPOINT %s", inside, dir),
	};
	struct options options;

	assert_true(g_file_set_contents(inside, "", 0, NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
		assert_line(&options, parse_rules(&options, dir, rules[i]), expected[i]);
	g_unlink(inside);
	g_rmdir(dir);
}

/* DIR/a.rules lies beside MOUNTPOINT DIR/a, not in it. */
static void rules_may_lie_beside_a_mount_point_of_a_like_name(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *mountpoint = g_build_filename(dir, "a", NULL);
	g_autofree char *beside = g_build_filename(dir, "a.rules", NULL);
	g_autofree char *inside = g_build_filename(mountpoint, "rules", NULL);
	char *refused = g_strdup_printf("rules=%s: takes a file outside MOUNTPOINT %s", inside, mountpoint);
	struct options options;

	assert_int_equal(g_mkdir(mountpoint, 0700), 0);
	assert_true(g_file_set_contents(beside, "", 0, NULL));
	assert_true(g_file_set_contents(inside, "", 0, NULL));
	assert_null(parse_rules(&options, mountpoint, beside));
	options_deinit(&options);
	assert_line(&options, parse_rules(&options, mountpoint, inside), refused);
	g_unlink(inside);
	g_unlink(beside);
	g_rmdir(mountpoint);
	g_rmdir(dir);
}

/* The daemon leaves its working directory; a link stays one, for it may be switched before a reload. */
static void rules_become_an_absolute_path(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *mountpoint = g_build_filename(dir, "mnt", NULL);
	g_autofree char *link = g_build_filename(dir, "link", NULL);
	g_autofree char *file = g_build_filename(dir, "file", NULL);
	g_autofree char *old = g_get_current_dir();
	struct options options;

	assert_int_equal(g_mkdir(mountpoint, 0700), 0);
	assert_true(g_file_set_contents(file, "", 0, NULL));
	assert_int_equal(symlink("file", link), 0);
	assert_int_equal(chdir(dir), 0);
	assert_null(parse_rules(&options, mountpoint, "link"));
	assert_string_equal(options.rules, link);
	options_deinit(&options);
	assert_null(parse_rules(&options, mountpoint, file));
	assert_string_equal(options.rules, file);
	options_deinit(&options);
	assert_int_equal(chdir(old), 0);
	g_unlink(link);
	g_unlink(file);
	g_rmdir(mountpoint);
	g_rmdir(dir);
}

static char *parse_metrics(struct options *options, const char *mountpoint, const char *address)
{
	g_autofree char *list = g_strconcat("metrics=", address, NULL);
	const char *const words[] = {"sievefs", "-o", list, "/", mountpoint, NULL};

	return parse_words(options, words);
}

static void metrics_are_served_to_this_machine_only(void **state)
{
	static const char *const taken[] = {"127.0.0.1:9100", "127.9.8.7:1", "[::1]:65535"};
	static const char *const none[] = {"", "9100", ":9100", "localhost:9100", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+1", "127.1:9100", "::1:9100",
		"[::1]", "[::1:9100", "unix:", "unix", "/run/metrics"};
	static const char *const foreign[] = {
		"0.0.0.0:9100", "[::]:9100", "10.0.0.1:9100", "[2001:db8::1]:80"};
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	struct options options;

	for (size_t i = 0; i < G_N_ELEMENTS(taken); i++) {
		assert_null(parse_metrics(&options, dir, taken[i]));
		assert_string_equal(options.metrics, taken[i]);
		options_deinit(&options);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
		assert_line(&options, parse_metrics(&options, dir, none[i]),
			g_strdup_printf(
				"metrics=%s: takes unix:PATH, 127.0.0.1:PORT or [::1]:PORT", none[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++)
		assert_line(&options, parse_metrics(&options, dir, foreign[i]),
			g_strdup_printf(
				"metrics=%s: takes a loopback address, since all who reach it can read "
				"the metrics",
				foreign[i]));
	g_rmdir(dir);
}

static void a_socket_for_metrics_gets_an_absolute_path_outside_the_mount(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *mountpoint = g_build_filename(dir, "mnt", NULL);
	g_autofree char *beside = g_strdup_printf("unix:%s/mnt.sock", dir);
	g_autofree char *inside = g_strdup_printf("unix:%s/sock", mountpoint);
	g_autofree char *nowhere = g_strdup_printf("unix:%s/none/sock", dir);
	g_autofree char *longest = g_strnfill(107 - strlen(dir) - 1, 'x');
	g_autofree char *fits = g_strdup_printf("unix:%s/%s", dir, longest);
	g_autofree char *too_long = g_strconcat(fits, "x", NULL);
	g_autofree char *old = g_get_current_dir();
	struct options options;

	assert_int_equal(g_mkdir(mountpoint, 0700), 0);
	assert_int_equal(chdir(dir), 0);
	assert_null(parse_metrics(&options, mountpoint, "unix:mnt.sock"));
	assert_string_equal(options.metrics, beside);
	options_deinit(&options);
	assert_null(parse_metrics(&options, mountpoint, fits));
	options_deinit(&options);
	assert_line(&options, parse_metrics(&options, mountpoint, too_long),
		g_strdup_printf("metrics=%s: takes a path of at most 107 bytes", too_long));
	assert_line(&options, parse_metrics(&options, mountpoint, inside),
		g_strdup_printf("metrics=%s: takes a path outside MOUNTPOINT %s", inside, mountpoint));
	assert_line(&options, parse_metrics(&options, mountpoint, nowhere),
		g_strdup_printf("metrics=%s: No such file or directory", nowhere));
	assert_int_equal(chdir(old), 0);
	g_rmdir(mountpoint);
	g_rmdir(dir);
}

/* root may enter any directory: so another user tries. */
static void a_source_that_may_not_be_entered_is_refused(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("sievefs-options-XXXXXX", NULL);
	g_autofree char *expected = g_strdup_printf("SOURCE %s: Permission denied", dir);
	int status;
	pid_t child;

	assert_int_equal(g_chmod(dir, geteuid() ? 0400 : 0700), 0);
	child = fork();
	if (child == 0) {
		struct options options;
		char *error;

		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		error = parse_operands(&options, dir, "/");
		_exit(g_strcmp0(error, expected) ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	g_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operands_must_be_directories),
		cmocka_unit_test(rules_must_be_a_file_outside_the_mount),
		cmocka_unit_test(rules_may_lie_beside_a_mount_point_of_a_like_name),
		cmocka_unit_test(rules_become_an_absolute_path),
		cmocka_unit_test(metrics_are_served_to_this_machine_only),
		cmocka_unit_test(a_socket_for_metrics_gets_an_absolute_path_outside_the_mount),
		cmocka_unit_test(a_source_that_may_not_be_entered_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
