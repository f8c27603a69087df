/* The processes that hold pinned files: nothing hangs on their life, and nothing outlives the mount. */
#include "tests/mount/pin/pins.h"
#include "tests/support/pages.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[8192];

static pid_t keeper_of(const struct mount *mount)
{
	char text[64] = "";

	for (int tries = 0; tries < 100 && atoi(text) == 0; tries++) {
		if (shell(text, sizeof(text), "pgrep -P %d -x sievefs-keeper", (int)mount->daemon) != 0)
			usleep(10000);
	}
	if (atoi(text) == 0)
		fail_msg("no keeper");
	return atoi(text);
}

static bool has_ended(pid_t pid)
{
	char path[64], line[512] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return !line[0] || strstr(line, ") Z ");
}

static void await_end(pid_t pid)
{
	for (int tries = 0; !has_ended(pid); tries++) {
		assert_true(tries < 1000);
		usleep(10000);
	}
}

static void a_keeper_that_is_killed_costs_hits_and_nothing_more(void **state)
{
	struct mount mount;
	int fd;
	char byte;

	mount_start(&mount, "keeper", OPTIONS);
	pin(&mount, "f", 5 * PAGE);
	fd = open(in(&mount, "f"), O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	kill(keeper_of(&mount), SIGKILL);
	await(&mount, "keeper_deaths", 1);
	await(&mount, "objects", 0);
	assert_int_equal(pread(fd, &byte, 1, 4 * PAGE), 1);
	close(fd);
	use(in(&mount, "f"));
	assert_int_equal(mount_stat(&mount, "locked_bytes"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void nothing_stays_locked_after_the_daemon_was_killed(void **state)
{
	struct mount mount;
	pid_t keeper;

	mount_start(&mount, "killed", OPTIONS);
	pin(&mount, "f", 20 * PAGE);
	keeper = keeper_of(&mount);
	kill(mount.daemon, SIGKILL);
	await_end(keeper);
	assert_let_go(below(&mount, "f"));
	assert_int_equal(shell(output, sizeof(output), "umount -l '%s'", mount.point), 0);
	waitpid(mount.daemon, NULL, 0);
	mount.daemon = 0;
}

static void what_msync_acknowledged_is_in_the_file_when_the_daemon_is_killed(void **state)
{
	struct mount mount;
	char got[16] = "", *map;
	int fd;

	mount_start(&mount, "msync", OPTIONS);
	pin(&mount, "f", 4 * PAGE);
	fd = open(in(&mount, "f"), O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	memcpy(map + PAGE, "acknowledged", 12);
	assert_return_code(msync(map, 4 * PAGE, MS_SYNC), errno);
	kill(mount.daemon, SIGKILL);
	waitpid(mount.daemon, NULL, 0);
	mount.daemon = 0;
	munmap(map, 4 * PAGE);
	close(fd);
	fd = open(below(&mount, "f"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, got, 12, PAGE), 12);
	assert_string_equal(got, "acknowledged");
	close(fd);
	assert_int_equal(shell(output, sizeof(output), "umount -l '%s'", mount.point), 0);
}

static void everything_is_let_go_at_the_end(void **state)
{
	struct mount mount;
	char name[16];

	mount_start(&mount, "end", OPTIONS);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_return_code(put_file(below(&mount, name), PAGE, 1), errno);
		use(in(&mount, name));
	}
	await(&mount, "objects", 300);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_let_go(below(&mount, name));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_keeper_that_is_killed_costs_hits_and_nothing_more),
	cmocka_unit_test(nothing_stays_locked_after_the_daemon_was_killed),
	cmocka_unit_test(what_msync_acknowledged_is_in_the_file_when_the_daemon_is_killed),
	cmocka_unit_test(everything_is_let_go_at_the_end),
};

static const struct suite suite = {
	.name = "pin_keepers",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true,
};

SUITE_MAIN(suite)
