/* The command line as a user or mount(8) types it. */
#include "fs/options/generic_options.h"
#include "tests/fs/options/read.h"

static void operands_and_flags_may_come_in_any_order(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(read_line(&options, "sievefs /a -fo admit=1 /b -o evict=lru", &error), 0);
	assert_string_equal(options.source, "/a");
	assert_string_equal(options.mountpoint, "/b");
	assert_true(options.foreground);
	assert_int_equal(options.admit, 1);
	options_deinit(&options);
}

static void last_word_wins(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(read_line(&options, "sievefs -o ro,admit=1,admit=7 -o rw,admit=3 /a /b", &error), 0);
	assert_int_equal(options.admit, 3);
	assert_int_equal(options.generic_flags & GENERIC_RO, 0);
	assert_string_equal(options.kernel_options->str, "ro,rw");
	options_deinit(&options);
}

static void generic_options_are_sorted_by_who_takes_them(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(
		read_list(&options,
			"rw,noauto,_netdev,x-systemd.automount,X-mount.mkdir=0755,nofail,user,user=joe,"
			"defaults,"
			",comment=a\\,b,relatime,nonempty,dev,suid,nosuid,noatime,dirsync,allow_other,"
			"default_permissions,fsname=my\\,disk\\\\x,x-systemd.requires=/srv",
			&error),
		0);
	assert_string_equal(options.kernel_options->str,
		"rw,dev,suid,nosuid,noatime,dirsync,allow_other,default_permissions,fsname=my\\,disk\\\\x");
	assert_true(options_has_generic(&options, "allow_other"));
	assert_false(options_has_generic(&options, "allow"));
	assert_int_equal(options.generic_flags & GENERIC_RO, 0);
	options_deinit(&options);
	assert_int_equal(read_list(&options, "ro", &error), 0);
	assert_int_equal(options.generic_flags, GENERIC_RO);
	options_deinit(&options);
	assert_int_equal(read_list(&options, "sync,dirsync,noatime", &error), 0);
	assert_int_equal(options.generic_flags, GENERIC_SYNC | GENERIC_DIRSYNC | GENERIC_NOATIME);
	options_deinit(&options);
	assert_int_equal(read_list(&options, "ro,dirsync,sync,nodiratime,async,rw,relatime", &error), 0);
	assert_int_equal(options.generic_flags, GENERIC_DIRSYNC | GENERIC_NODIRATIME);
	options_deinit(&options);
}

static void help_and_version_ask_for_nothing_else(void **state)
{
	static const struct {
		const char *line;
		enum options_action action;
	} cases[] = {
		{"sievefs -h", OPTIONS_HELP},
		{"sievefs --help -x", OPTIONS_HELP},
		{"sievefs -V", OPTIONS_VERSION},
		{"sievefs --version", OPTIONS_VERSION},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *error = NULL;
		struct options options;

		assert_int_equal(read_line(&options, cases[i].line, &error), 0);
		assert_int_equal(options.action, cases[i].action);
		options_deinit(&options);
	}
}

static void debug_stays_in_the_foreground_and_logs_all(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(read_line(&options, "sievefs -d -o log=error /a /b", &error), 0);
	assert_true(options.foreground);
	assert_int_equal(options.log, LOG_LEVEL_DEBUG);
	options_deinit(&options);
}

static void mount_helpers_flags_are_understood(void **state)
{
	g_autofree char *error = NULL;
	struct options options;

	assert_int_equal(
		read_line(&options,
			"/sbin/mount.fuse.sievefs /a /b -nsv -t fuse.sievefs -o rw,noexec,admit=1", &error),
		0);
	assert_int_equal(options.action, OPTIONS_MOUNT);
	assert_false(options.foreground);
	assert_int_equal(options.admit, 1);
	options_deinit(&options);
	assert_int_equal(read_line(&options, "/sbin/mount.fuse.sievefs /a /b -f", &error), 0);
	assert_int_equal(options.action, OPTIONS_CHECK);
	assert_false(options.foreground);
	options_deinit(&options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operands_and_flags_may_come_in_any_order),
		cmocka_unit_test(last_word_wins),
		cmocka_unit_test(generic_options_are_sorted_by_who_takes_them),
		cmocka_unit_test(help_and_version_ask_for_nothing_else),
		cmocka_unit_test(debug_stays_in_the_foreground_and_logs_all),
		cmocka_unit_test(mount_helpers_flags_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
