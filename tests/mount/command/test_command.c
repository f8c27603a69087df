/* The command: how it starts, refuses and ends, with nothing left mounted. */
#include "tests/mount/command/command.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void assert_refused(struct mount *mount, const char *options, const char *const *wanted)
{
	int r = command_start(mount, options);

	if (r != 1)
		fail_msg("-o %s: exit status %d, not 1: %s", options, r, command_output);
	if (command_line_count(command_output) != 1)
		fail_msg("-o %s: not one line: %s", options, command_output);
	for (; wanted && *wanted; wanted++)
		if (!strstr(command_output, *wanted))
			fail_msg("-o %s: the line does not have '%s': %s", options, *wanted, command_output);
	if (mount_is_on(mount->point))
		fail_msg("-o %s: mounted all the same", options);
}

static void bad_options_are_refused_in_one_line(void **state)
{
	static const struct {
		const char *options;
		const char *wanted[5];
	} table[] = {
		{"cache_size=lots", {"cache_size", "lots"}},
		{"cache_size=-1", {"cache_size", "-1"}},
		{"cache_size=200%", {"cache_size", "200%"}},
		{"cache_size=", {"cache_size"}},
		{"cache_size", {"cache_size"}},
		{"small_max=1Q", {"small_max", "1Q"}},
		{"small_max=64M,large_min=1M", {"small_max", "large_min"}},
		{"cache_size=1M,small_max=16M", {"cache_size", "small_max"}},
		{"admit=many", {"admit", "many"}},
		{"admit=-3", {"admit", "-3"}},
		{"settle=soon", {"settle", "soon"}},
		{"evict=fifo9", {"evict", "fifo9", "lru", "sieve"}},
		{"mid=fast", {"mid", "fast", "plain", "direct"}},
		{"large=huge", {"large", "huge", "plain", "direct"}},
		{"write=back9", {"write", "back9"}},
		{"coherence=none", {"coherence", "none", "open", "exclusive"}},
		{"attr_timeout=x", {"attr_timeout", "x"}},
		{"transport=pigeon", {"transport", "pigeon", "uring", "dev"}},
		{"passthrough=maybe", {"passthrough", "maybe"}},
		{"cach_size=1G", {"cach_size", "cache_size"}},
		{"smal_max=1K", {"smal_max", "small_max"}},
		{"completely_unknown=1", {"completely_unknown"}},
		{"direct_depth=0", {"direct_depth", "0"}},
		{"log=loud", {"log", "loud"}},
	};
	struct mount mount;

	mount_prepare(&mount, "options");
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_refused(&mount, table[i].options, table[i].wanted);
}

static void bad_places_are_refused_in_one_line(void **state)
{
	struct mount good, mount;

	mount_prepare(&good, "places");
	mount = good;
	snprintf(mount.source, sizeof(mount.source), "%.3000s/missing-source", config.base);
	assert_refused(&mount, "admit=0", (const char *const[]){"missing-source", NULL});
	mount = good;
	snprintf(mount.point, sizeof(mount.point), "%.3000s/missing-point", config.base);
	assert_refused(&mount, "admit=0", (const char *const[]){"missing-point", NULL});
	mount = good;
	snprintf(mount.source, sizeof(mount.source), "%.3000s/file-source", config.base);
	assert_return_code(put_file(mount.source, 10, 1), errno);
	assert_refused(&mount, "admit=0", (const char *const[]){"file-source", NULL});
	mount = good;
	snprintf(mount.point, sizeof(mount.point), "%.3000s/file-source", config.base);
	assert_refused(&mount, "admit=0", (const char *const[]){"file-source", NULL});
	assert_int_not_equal(shell(command_output, sizeof(command_output), "'%s'", getenv("SIEVEFS")), 0);
	assert_int_equal(
		shell(command_output, sizeof(command_output), "'%s' '%s'", getenv("SIEVEFS"), good.source),
		1);
	assert_int_equal(shell(command_output, sizeof(command_output), "'%s' '%s' '%s' more",
				 getenv("SIEVEFS"), good.source, good.point),
		1);
}

static void help_and_version_answer(void **state)
{
	assert_int_equal(shell(command_output, sizeof(command_output), "'%s' -h", getenv("SIEVEFS")), 0);
	assert_non_null(strstr(command_output, "cache_size"));
	assert_non_null(strstr(command_output, "passthrough"));
	assert_int_equal(shell(command_output, sizeof(command_output), "'%s' -V", getenv("SIEVEFS")), 0);
	assert_non_null(strstr(command_output, "sievefs"));
}

static void in_the_background_it_returns_once_the_mount_answers(void **state)
{
	struct mount mount;

	command_prepare(&mount, "background");
	for (int i = 0; i < 5; i++) {
		if (command_start(&mount, i ? "admit=0" : NULL))
			fail_msg("did not start: %s", command_output);
		command_assert_answers(&mount);
		assert_int_equal(mount_umount(mount.point), 0);
		command_assert_gone(&mount);
	}
}

static void a_busy_mount_refuses_umount_and_goes_on(void **state)
{
	struct mount mount;
	char path[PATH_MAX];
	int fd;

	command_prepare(&mount, "busy");
	assert_int_equal(command_start(&mount, "admit=1,settle=0"), 0);
	snprintf(path, sizeof(path), "%.3000s/hello", mount.point);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_not_equal(mount_umount(mount.point), 0);
	command_assert_answers(&mount);
	assert_int_equal(put(fd, 50, 0, 2), 50);
	assert_int_equal(fsync(fd), 0);
	close(fd);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
}

static void mounting_over_source_itself_works(void **state)
{
	struct mount mount;
	char path[PATH_MAX];

	command_prepare(&mount, "over");
	snprintf(mount.point, sizeof(mount.point), "%s", mount.source);
	if (command_start(&mount, "admit=1,settle=0"))
		fail_msg("did not start: %s", command_output);
	command_assert_answers(&mount);
	snprintf(path, sizeof(path), "%.3000s/new", mount.point);
	assert_return_code(put_file(path, 5000, 1), errno);
	warm(path);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
	assert_int_equal(shell(NULL, 0, "test $(stat -c %%s '%s') = 5000", path), 0);
}

/* mount(8) runs mount.fuse3, which finds the program by its name in PATH, here in a directory that only this
 * namespace has. */
static void mount_with_a_type_passes_generic_options(void **state)
{
	struct mount mount;

	if (geteuid())
		SKIP_TEST("needs root");
	if (shell(NULL, 0, "test -x /sbin/mount.fuse3"))
		SKIP_TEST("mount.fuse3 is not installed");
	command_prepare(&mount, "typed");
	assert_int_equal(shell(command_output, sizeof(command_output),
				 "mount -t tmpfs none /usr/local/bin && ln -s '%s' /usr/local/bin/sievefs",
				 getenv("SIEVEFS")),
		0);
	if (shell(command_output, sizeof(command_output),
		    "mount -t fuse.sievefs '%s' '%s' -o "
		    "noauto,_netdev,x-systemd.automount,nofail,noatime,nosuid,nodev,"
		    "cache_size=64M,admit=1",
		    mount.source, mount.point))
		fail_msg("mount -t fuse.sievefs: %s", command_output);
	command_assert_answers(&mount);
	assert_int_equal(shell(command_output, sizeof(command_output), "findmnt -n -o FSTYPE,OPTIONS '%s'",
				 mount.point),
		0);
	assert_non_null(strstr(command_output, "fuse.sievefs"));
	assert_non_null(strstr(command_output, "nosuid"));
	assert_non_null(strstr(command_output, "nodev"));
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
	assert_int_equal(shell(command_output, sizeof(command_output), "umount /usr/local/bin"), 0);
}

static void read_only_mounts_refuse_writing(void **state)
{
	struct mount mount;
	char path[PATH_MAX];

	command_prepare(&mount, "readonly");
	assert_int_equal(command_start(&mount, "ro,admit=1,settle=0"), 0);
	command_assert_answers(&mount);
	snprintf(path, sizeof(path), "%.3000s/hello", mount.point);
	assert_int_equal(open(path, O_RDWR), -1);
	assert_int_equal(errno, EROFS);
	warm(path);
	assert_int_equal(unlink(path), -1);
	assert_int_equal(errno, EROFS);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
}

static void the_statistics_are_read_from_the_mount(void **state)
{
	struct mount mount;
	char path[PATH_MAX];

	command_prepare(&mount, "statistics");
	assert_int_equal(command_start(&mount, "admit=1,settle=0"), 0);
	snprintf(path, sizeof(path), "%.3000s/hello", mount.point);
	warm(path);
	assert_int_equal(shell(command_output, sizeof(command_output), "'%s' stat '%s'", getenv("SIEVECTL"),
				 mount.point),
		0);
	assert_int_equal(
		shell(command_output, sizeof(command_output), "'%s' stat '%s' --json | python3 -m json.tool",
			getenv("SIEVECTL"), mount.point),
		0);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
	assert_int_not_equal(shell(command_output, sizeof(command_output), "'%s' stat '%s'",
				     getenv("SIEVECTL"), mount.point),
		0);
}

static unsigned count_lines_with(const char *path, const char *words)
{
	assert_int_equal(
		shell(command_output, sizeof(command_output), "grep -c '%s' '%s' || true", words, path), 0);
	return (unsigned)atoi(command_output);
}

static void start_choice_and_end_are_logged(void **state)
{
	static const char *const levels[] = {"info", "warning"};
	char line[2 * PATH_MAX + 100], option[32];
	struct mount mount;

	for (size_t i = 0; i < 2; i++) {
		snprintf(option, sizeof(option), "cache_size=64M,log=%s", levels[i]);
		mount_start(&mount, i ? "quiet" : "logged", option);
		snprintf(line, sizeof(line), "sievefs [0-9.]*: %.3000s is mounted at %.3000s, pid %d$",
			mount.source, mount.point, mount.daemon);
		for (int j = 0; j < 500 && i == 0 && !count_lines_with(mount.log, "chosen: "); j++)
			poll(NULL, 0, 10);
		assert_int_equal(count_lines_with(mount.log, line), i == 0);
		mount_stop(&mount, i ? MOUNT_END_UMOUNT : MOUNT_END_SIGTERM);
		assert_int_equal(count_lines_with(mount.log, "chosen: transport [a-z]*, passthrough [a-z]*, "
							     "store [a-z]* in [a-z ]*, cache_size 64M"),
			i == 0);
		assert_int_equal(
			count_lines_with(mount.log, "the mount ended by signal: Terminated"), i == 0);
	}
}

static void the_report_names_the_daemon_and_its_start(void **state)
{
	struct mount mount;
	char *text, *end;
	struct tm tm = {0};
	time_t before = time(NULL), started;

	mount_start(&mount, "named", NULL);
	assert_int_equal(mount_stat(&mount, "pid"), mount.daemon);
	assert_in_range(mount_stat(&mount, "uptime"), 0, 60);
	assert_int_equal(shell(command_output, sizeof(command_output), "'%s' stat '%s'", getenv("SIEVECTL"),
				 mount.point),
		0);
	text = strstr(command_output, "start_time");
	assert_non_null(text);
	end = strptime(text + strlen("start_time") + strspn(text + strlen("start_time"), " "),
		"%Y-%m-%dT%H:%M:%SZ", &tm);
	assert_non_null(end);
	assert_int_equal(*end, '\n');
	started = timegm(&tm);
	assert_in_range(started, before, time(NULL));
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void passthrough_without_the_right_is_refused(void **state)
{
	struct mount mount;

	if (geteuid() == 0)
		SKIP_TEST("root has the right");
	mount_prepare(&mount, "right");
	assert_refused(&mount, "passthrough=on", (const char *const[]){"passthrough", NULL});
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(bad_options_are_refused_in_one_line),
	cmocka_unit_test(bad_places_are_refused_in_one_line),
	cmocka_unit_test(help_and_version_answer),
	cmocka_unit_test(in_the_background_it_returns_once_the_mount_answers),
	cmocka_unit_test(a_busy_mount_refuses_umount_and_goes_on),
	cmocka_unit_test(mounting_over_source_itself_works),
	cmocka_unit_test(mount_with_a_type_passes_generic_options),
	cmocka_unit_test(read_only_mounts_refuse_writing),
	cmocka_unit_test(the_statistics_are_read_from_the_mount),
	cmocka_unit_test(start_choice_and_end_are_logged),
	cmocka_unit_test(the_report_names_the_daemon_and_its_start),
	cmocka_unit_test(passthrough_without_the_right_is_refused),
};

static const struct suite suite = {.name = "command",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_daemon = true};

SUITE_MAIN(suite)
