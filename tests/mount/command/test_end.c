/* How a mount ends, by signals and by the death of its daemon, and what does not end it. */
#include "tests/mount/command/command.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static void signals_end_it_cleanly(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGQUIT};
	struct mount mount;

	command_prepare(&mount, "signals");
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		char path[PATH_MAX];
		pid_t daemon;

		assert_int_equal(command_start(&mount, "admit=0"), 0);
		snprintf(path, sizeof(path), "%.3000s/written", mount.point);
		assert_return_code(put_file(path, 100000, (unsigned)i), errno);
		daemon = command_find_daemon(mount.point);
		assert_int_not_equal(daemon, 0);
		kill(daemon, signals[i]);
		command_assert_gone(&mount);
		snprintf(path, sizeof(path), "%.3000s/written", mount.source);
		assert_int_equal(shell(NULL, 0, "test $(stat -c %%s '%s') = 100000", path), 0);
	}
}

/* As a shell starts its background jobs, and nohup(1) what it is given. */
static void signals_end_it_that_were_ignored_where_it_was_started(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGQUIT};
	struct mount mount;

	command_prepare(&mount, "ignored");
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		void (*before)(int) = signal(signals[i], SIG_IGN);
		int r = command_start(&mount, NULL);

		signal(signals[i], before);
		assert_int_equal(r, 0);
		kill(command_find_daemon(mount.point), signals[i]);
		command_assert_gone(&mount);
	}
}

/* The other process of the mount, sieve-guard, watches. It has that name from a moment after its start on. */
static void kill_daemon(const struct mount *mount)
{
	assert_int_equal(
		shell(command_output, sizeof(command_output),
			"called() { for f in $(grep -laF '%s' /proc/[0-9]*/cmdline 2>/dev/null); do "
			"d=${f%%/cmdline}; [ \"$(cat $d/comm 2>/dev/null)\" = $1 ] && echo ${d#/proc/}; "
			"done; }; "
			"i=0; while [ -z \"$(called sieve-guard)\" ] && [ $i -lt 500 ]; do sleep 0.01; "
			"i=$((i + 1)); done; kill -9 $(called sievefs)",
			mount->point),
		0);
}

static int mount_tmpfs(const char *point)
{
	return mount("none", point, "tmpfs", 0, NULL);
}

static void other_signals_leave_the_mount_alone(void **state)
{
	const int signals[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE, SIGVTALRM, SIGPROF, SIGIO, SIGPWR,
		SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGRTMIN, SIGRTMAX};
	struct mount mount;
	pid_t daemon;

	command_prepare(&mount, "others");
	assert_int_equal(command_start(&mount, "admit=0"), 0);
	daemon = command_find_daemon(mount.point);
	assert_int_not_equal(daemon, 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		assert_return_code(kill(daemon, signals[i]), errno);
	poll(NULL, 0, 50);
	command_assert_answers(&mount);
	assert_int_equal(command_find_daemon(mount.point), daemon);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
}

static void write_rule(const char *path, const char *lane)
{
	assert_int_equal(shell(NULL, 0, "printf '[all]\\nlane = %s\\n' >'%s'", lane, path), 0);
}

static void sighup_reads_the_rules_again(void **state)
{
	char rules[PATH_MAX], options[PATH_MAX + 64], path[PATH_MAX];
	struct mount mount;
	long long before;

	if (geteuid())
		SKIP_TEST("an ordinary user's mount has one lane");
	command_prepare(&mount, "hangup");
	snprintf(path, sizeof(path), "%.3000s/hello", mount.point);
	snprintf(rules, sizeof(rules), "%.3000s/hangup.rules", config.base);
	snprintf(options, sizeof(options), "admit=0,rules=%.3000s", rules);
	write_rule(rules, "plain");
	assert_int_equal(command_start(&mount, options), 0);
	warm(path);
	assert_int_equal(mount_stat(&mount, "direct/opens"), 0);
	write_rule(rules, "direct");
	before = mount_stat(&mount, "direct/opens");
	assert_return_code(kill(command_find_daemon(mount.point), SIGHUP), errno);
	for (int i = 0; i < 500 && mount_stat(&mount, "direct/opens") == before; i++) {
		poll(NULL, 0, 10);
		warm(path);
	}
	assert_true(mount_stat(&mount, "direct/opens") > before);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
}

static void a_killed_daemon_is_unmounted_with_auto_unmount(void **state)
{
	char path[PATH_MAX];
	struct mount mount;
	int fd;

	command_prepare(&mount, "auto");
	for (int busy = 0; busy < 2; busy++) {
		if (command_start(&mount, "admit=1,settle=0,auto_unmount"))
			fail_msg("did not start: %s", command_output);
		command_assert_answers(&mount);
		snprintf(path, sizeof(path), "%.3000s/hello", mount.point);
		fd = busy ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		kill_daemon(&mount);
		command_assert_gone(&mount);
		close(fd);
	}
	assert_int_equal(command_start(&mount, "admit=0,auto_unmount"), 0);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
}

/* What was mounted there since is somebody else's. */
static void auto_unmount_leaves_other_mounts_alone(void **state)
{
	struct mount mount;

	if (geteuid())
		SKIP_TEST("needs root");
	command_prepare(&mount, "over");
	assert_int_equal(command_start(&mount, "admit=0,auto_unmount"), 0);
	assert_return_code(mount_tmpfs(mount.point), errno);
	kill_daemon(&mount);
	for (int i = 0; i < 1000 && command_find_daemon(mount.point); i++)
		poll(NULL, 0, 10);
	assert_int_equal(command_find_daemon(mount.point), 0);
	assert_true(mount_is_on(mount.point));
	assert_return_code(umount2(mount.point, MNT_DETACH), errno);
	assert_return_code(umount2(mount.point, MNT_DETACH), errno);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(signals_end_it_cleanly),
	cmocka_unit_test(signals_end_it_that_were_ignored_where_it_was_started),
	cmocka_unit_test(other_signals_leave_the_mount_alone),
	cmocka_unit_test(sighup_reads_the_rules_again),
	cmocka_unit_test(a_killed_daemon_is_unmounted_with_auto_unmount),
	cmocka_unit_test(auto_unmount_leaves_other_mounts_alone),
};

static const struct suite suite = {
	.name = "end", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .needs_daemon = true};

SUITE_MAIN(suite)
