/* What a service manager is told of a mount, by sd_notify(3)'s protocol. */
#include "tests/mount/command/command.h"
#include "tests/support/suite.h"
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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
		shell(NULL, 0, "grep -q 'cannot be told STOPPING=1: No such file' '%s'", mount.log), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(says_ready_once_it_answers_and_stopping_at_its_end),
	cmocka_unit_test(says_nothing_where_it_does_not_mount),
	cmocka_unit_test(says_nothing_from_the_background),
	cmocka_unit_test(mounts_though_nobody_can_be_told),
};

static const struct suite suite = {
	.name = "notify", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .needs_daemon = true};

SUITE_MAIN(suite)
