/* What a service manager is told of a mount, by sd_notify(3)'s protocol. */
#include "tests/mount/command/command.h"
#include "tests/support/suite.h"
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A socket as NOTIFY_SOCKET names it; "@" begins an abstract name. */
static int manager_begin(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_return_code(fd, errno);
	assert_true(strlen(name) < sizeof(address.sun_path));
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = 0;
	assert_return_code(bind(fd, (struct sockaddr *)&address,
				   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		errno);
	assert_return_code(setenv("NOTIFY_SOCKET", name, 1), errno);
	return fd;
}

static void manager_end(int fd)
{
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

static void expect_message(int fd, const char *wanted)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	char text[256];
	ssize_t length;

	if (poll(&readable, 1, 10000) != 1)
		fail_msg("%s did not come", wanted);
	length = recv(fd, text, sizeof(text) - 1, 0);
	assert_return_code(length, errno);
	text[length] = 0;
	assert_string_equal(text, wanted);
}

static void expect_silence(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void says_ready_once_it_answers_and_stopping_at_its_end(void **state)
{
	static const enum mount_end ends[] = {MOUNT_END_SIGTERM, MOUNT_END_UMOUNT};
	char path[PATH_MAX], name[64];
	struct mount mount;
	int manager;

	path_below(path, config.base, "manager");
	snprintf(name, sizeof(name), "@sievefs-test-%d", getpid());
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		manager = manager_begin(i == 0 ? path : name);
		mount_start(&mount, "notify", "cache_size=16M");
		expect_message(manager, "READY=1");
		assert_true(mount_is_on(mount.point));
		expect_silence(manager);
		mount_stop(&mount, ends[i]);
		expect_message(manager, "STOPPING=1");
		expect_silence(manager);
		manager_end(manager);
	}
}

static void says_nothing_where_it_does_not_mount(void **state)
{
	char path[PATH_MAX];
	struct mount mount;
	int manager;

	path_below(path, config.base, "manager.refused");
	command_prepare(&mount, "refused");
	manager = manager_begin(path);
	assert_int_equal(command_start(&mount, "cache_size=1"), 1);
	assert_int_equal(
		shell(NULL, 0, "'%s' -f '%s.none' '%s'", getenv("SIEVEFS"), mount.source, mount.point), 1);
	expect_silence(manager);
	manager_end(manager);
}

/* Somebody else's service may mount: its manager waits for that service. */
static void says_nothing_from_the_background(void **state)
{
	char path[PATH_MAX];
	struct mount mount;
	int manager;

	path_below(path, config.base, "manager.background");
	command_prepare(&mount, "background");
	manager = manager_begin(path);
	assert_int_equal(command_start(&mount, "cache_size=16M"), 0);
	command_assert_answers(&mount);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
	expect_silence(manager);
	manager_end(manager);
}

static void mounts_though_nobody_can_be_told(void **state)
{
	struct mount mount;

	assert_return_code(setenv("NOTIFY_SOCKET", "/no/such/socket", 1), errno);
	mount_start(&mount, "untold", "cache_size=16M");
	unsetenv("NOTIFY_SOCKET");
	mount_stop(&mount, MOUNT_END_SIGTERM);
	assert_int_equal(
		shell(NULL, 0, "grep -q 'cannot send STOPPING=1 to the service manager: No such file' '%s'",
			mount.log),
		0);
}

/* --- the watchdog ------------------------------------------------------------------------------- */

#define PERIOD "1200000" /* microseconds; a message every quarter */
#define LATE_MS 2000     /* the daemon's own limit */
#define THREADS_MAX 128

static void start_watched(struct mount *mount, const char *name)
{
	setenv("WATCHDOG_USEC", PERIOD, 1);
	mount_start(mount, name, "cache_size=16M,transport=dev");
	unsetenv("WATCHDOG_USEC");
}

/* What is there already, and what comes within the time; returns how many there were. */
static unsigned drain(int fd, int for_ms)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	char text[256];
	unsigned count = 0;

	for (int waited_ms = 0; waited_ms < for_ms; waited_ms += 50) {
		poll(NULL, 0, 50);
		while (poll(&readable, 1, 0) == 1) {
			ssize_t length = recv(fd, text, sizeof(text) - 1, 0);

			assert_return_code(length, errno);
			text[length] = 0;
			assert_string_equal(text, "WATCHDOG=1");
			count++;
		}
	}
	return count;
}

/* The threads of libfuse that take requests, stopped: the daemon lives, and does not answer. */
static unsigned stop_answering(pid_t daemon, pid_t stopped[THREADS_MAX])
{
	char path[64], name[64], output[64] = "";
	struct dirent *entry;
	unsigned count = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)daemon);
	tasks = opendir(path);
	assert_non_null(tasks);
	while (count < THREADS_MAX && (entry = readdir(tasks))) {
		pid_t thread = atoi(entry->d_name);

		snprintf(name, sizeof(name), "%.40s/%d/comm", path, (int)thread);
		if (thread == 0 || shell(output, sizeof(output), "cat %s", name) != 0 ||
			strncmp(output, "fuse_worker", strlen("fuse_worker")) != 0)
			continue;
		if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0) {
			closedir(tasks);
			return 0;
		}
		assert_return_code(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), errno);
		assert_int_equal(waitpid(thread, NULL, __WALL), thread);
		stopped[count++] = thread;
	}
	closedir(tasks);
	assert_true(count > 0);
	return count;
}

static void the_watchdog_hears_of_a_mount_that_answers(void **state)
{
	char path[PATH_MAX];
	struct mount mount;
	int manager;

	path_below(path, config.base, "manager.watchdog");
	manager = manager_begin(path);
	start_watched(&mount, "watched");
	expect_message(manager, "READY=1");
	assert_in_range(drain(manager, 3000), 5, 11);
	kill(mount.daemon, SIGSTOP);
	drain(manager, 100);
	expect_silence(manager);
	kill(mount.daemon, SIGCONT);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	manager_end(manager);
}

static void the_watchdog_hears_nothing_while_requests_are_not_answered(void **state)
{
	pid_t stopped[THREADS_MAX];
	char path[PATH_MAX];
	struct mount mount;
	unsigned count;
	int manager;

	path_below(path, config.base, "manager.silent");
	manager = manager_begin(path);
	start_watched(&mount, "silent");
	expect_message(manager, "READY=1");
	count = stop_answering(mount.daemon, stopped);
	if (count) {
		drain(manager, LATE_MS + 1000);
		assert_int_equal(drain(manager, 1500), 0);
		for (unsigned i = 0; i < count; i++)
			assert_return_code(ptrace(PTRACE_DETACH, stopped[i], NULL, NULL), errno);
		assert_true(drain(manager, 1500) > 1);
	}
	mount_stop(&mount, MOUNT_END_SIGTERM);
	manager_end(manager);
	if (!count)
		skip(); /* nobody may trace here */
}

/* Nothing tells then whether the mount answers; that is no reason to end it. */
static void the_watchdog_goes_on_when_the_asker_is_killed(void **state)
{
	char path[PATH_MAX], output[64] = "";
	struct mount mount;
	int manager;

	path_below(path, config.base, "manager.alone");
	manager = manager_begin(path);
	start_watched(&mount, "alone");
	expect_message(manager, "READY=1");
	shell(output, sizeof(output), "pgrep -P %d -x sieve-asker", (int)mount.daemon);
	assert_true(atoi(output) > 0);
	assert_return_code(kill(atoi(output), SIGKILL), errno);
	drain(manager, LATE_MS + 1000);
	assert_true(drain(manager, 1500) > 1);
	assert_int_equal(shell(NULL, 0, "grep -q 'the process that asks .* is gone' '%s'", mount.log), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	manager_end(manager);
}

static void a_daemon_in_the_background_ignores_the_watchdog(void **state)
{
	char path[PATH_MAX];
	struct mount mount;
	int manager;

	path_below(path, config.base, "manager.unwatched");
	command_prepare(&mount, "unwatched");
	manager = manager_begin(path);
	setenv("WATCHDOG_USEC", PERIOD, 1);
	assert_int_equal(command_start(&mount, "cache_size=16M"), 0);
	unsetenv("WATCHDOG_USEC");
	command_assert_answers(&mount);
	assert_int_equal(drain(manager, 1500), 0);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
	manager_end(manager);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(says_ready_once_it_answers_and_stopping_at_its_end),
	cmocka_unit_test(says_nothing_where_it_does_not_mount),
	cmocka_unit_test(says_nothing_from_the_background),
	cmocka_unit_test(mounts_though_nobody_can_be_told),
	cmocka_unit_test(the_watchdog_hears_of_a_mount_that_answers),
	cmocka_unit_test(the_watchdog_hears_nothing_while_requests_are_not_answered),
	cmocka_unit_test(the_watchdog_goes_on_when_the_asker_is_killed),
	cmocka_unit_test(a_daemon_in_the_background_ignores_the_watchdog),
};

static const struct suite suite = {
	.name = "notify", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .needs_daemon = true};

SUITE_MAIN(suite)
