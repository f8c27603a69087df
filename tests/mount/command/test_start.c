/* How a mount starts in surroundings that are not a shell's: closed descriptors, an automounter. */
#include "tests/mount/command/command.h"
#include "tests/support/group.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void with_standard_descriptors_closed_it_mounts_and_serves(void **state)
{
	static const char *const closed[] = {"<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"};
	struct mount mount;

	command_prepare(&mount, "closed");
	for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++) {
		assert_int_equal(shell(command_output, sizeof(command_output),
					 "timeout -k 1 20 '%s' -o admit=1,settle=0 '%s' '%s' %s",
					 getenv("SIEVEFS"), mount.source, mount.point, closed[i]),
			0);
		command_assert_answers(&mount);
		assert_int_equal(shell(command_output, sizeof(command_output),
					 "cd '%s' && for n in 1 2 3; do timeout 20 cmp hello '%s/hello' || "
					 "exit 1; done && "
					 "timeout 20 cp hello copy%zu && cmp hello '%s/copy%zu'",
					 mount.point, mount.source, i, mount.source, i),
			0);
		assert_int_equal(mount_umount(mount.point), 0);
		command_assert_gone(&mount);
	}
}

static void every_program_takes_closed_descriptors(void **state)
{
	struct mount mount;

	command_prepare(&mount, "programs");
	assert_int_equal(command_start(&mount, "admit=0"), 0);
	/* its own messages must not end up in the request to the mount, and lost output is an error */
	assert_int_equal(shell(NULL, 0, "timeout 20 '%s' stat '%s' <&- 2>&- | grep -q '^version '",
				 getenv("SIEVECTL"), mount.point),
		0);
	assert_int_equal(
		shell(NULL, 0, "timeout 20 '%s' stat '%s' <&- >&-", getenv("SIEVECTL"), mount.point), 1);
	assert_int_equal(
		shell(NULL, 0, "timeout 20 '%s' -h <&- 2>&- | grep -q cache_size", getenv("SIEVEFS")), 0);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
}

/* --- an automount point, as systemd and autofs(5) make it --------------------------------------- */

struct automount {
	int pipe; /* the kernel's requests */
	int root; /* the automount point itself */
};

/* A direct mount of autofs whose automounter is this process's group. */
static void automount_begin(struct automount *automount, const char *point)
{
	char options[128];
	int ends[2];

	assert_return_code(setpgid(0, 0), errno);
	assert_return_code(pipe2(ends, O_CLOEXEC), errno);
	snprintf(options, sizeof(options), "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", ends[1], getpgrp());
	if (mount("automount", point, "autofs", 0, options))
		SKIP_TEST("no autofs in this kernel: %s", strerror(errno));
	close(ends[1]);
	automount->pipe = ends[0];
	automount->root = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(automount->root, errno);
}

/* Waits for somebody to step on the point, and has the program mount there. Its exit status. */
static int automount_serve_one(struct automount *automount, const char *source, const char *point)
{
	union autofs_v5_packet_union packet;
	struct pollfd ready = {.fd = automount->pipe, .events = POLLIN};
	int r;

	assert_int_equal(poll(&ready, 1, 20000), 1);
	assert_int_equal(read(automount->pipe, &packet, sizeof(packet)), sizeof(packet));
	assert_int_equal(packet.hdr.type, autofs_ptype_missing_direct);
	r = shell(command_output, sizeof(command_output),
		"timeout --foreground -k 1 20 '%s' -o admit=0 '%s' '%s'", getenv("SIEVEFS"), source, point);
	assert_return_code(ioctl(automount->root, r ? AUTOFS_IOC_FAIL : AUTOFS_IOC_READY,
				   packet.v5_packet.wait_queue_token),
		errno);
	return r;
}

/* A program of another process group, that steps on the automount point. */
static pid_t visitor_begin(const char *point)
{
	char path[PATH_MAX];
	pid_t visitor;

	snprintf(path, sizeof(path), "%.3000s/hello", point);
	visitor = suite_fork();
	assert_return_code(visitor, errno);
	if (!visitor) {
		int fd;

		setpgid(0, 0);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		_exit(fd < 0 ? errno : read(fd, path, 100) != 100);
	}
	return visitor;
}

static int visitor_end(pid_t visitor)
{
	int status = -1;

	for (int i = 0; i < 2000 && waitpid(visitor, &status, WNOHANG) == 0; i++)
		poll(NULL, 0, 10);
	if (status == -1)
		kill(visitor, SIGKILL);
	return status;
}

static void an_automount_point_is_mounted_when_it_is_stepped_on(void **state)
{
	struct automount automount;
	struct mount mount;
	pid_t visitor;

	if (geteuid())
		SKIP_TEST("needs root");
	command_prepare(&mount, "automount");
	automount_begin(&automount, mount.point);
	visitor = visitor_begin(mount.point);
	if (automount_serve_one(&automount, mount.source, mount.point))
		fail_msg("the mount failed: %s", command_output);
	assert_int_equal(visitor_end(visitor), 0);
	command_assert_answers(&mount);
	assert_int_equal(mount_umount(mount.point), 0);
	for (int i = 0; i < 1000 && command_find_daemon(mount.point); i++)
		poll(NULL, 0, 10);
	assert_int_equal(command_find_daemon(mount.point), 0);
	close(automount.root);
	close(automount.pipe);
	assert_return_code(umount2(mount.point, MNT_DETACH), errno);
}

static void an_automount_point_that_is_its_own_source_is_refused(void **state)
{
	struct automount automount;
	struct mount mount;
	pid_t visitor;

	if (geteuid())
		SKIP_TEST("needs root");
	command_prepare(&mount, "selfmount");
	automount_begin(&automount, mount.point);
	visitor = visitor_begin(mount.point);
	assert_int_equal(automount_serve_one(&automount, mount.point, mount.point), 1);
	assert_int_equal(command_line_count(command_output), 1);
	assert_non_null(strstr(command_output, "automount point"));
	assert_int_equal(WEXITSTATUS(visitor_end(visitor)), ENOENT);
	close(automount.root);
	close(automount.pipe);
	assert_return_code(umount2(mount.point, MNT_DETACH), errno);
}

/* --- few tasks allowed --------------------------------------------------------------------------- */

/* Reads, writes, syncs and fills: each has to return. The exit status, 124 where one did not. */
static int use_the_mount(const struct mount *mount)
{
	return shell(command_output, sizeof(command_output),
		"timeout -k 1 20 sh -ec 'cd \"%s\"; cat many/* many/* many/* >/dev/null; cmp big \"%s/big\"; "
		"dd if=big of=out bs=1M conv=fsync status=none; cmp out big; echo x >>hello; "
		"dd if=big of=small bs=4k count=5 oflag=dsync status=none; rm out small'",
		mount->point, mount->source);
}

/* True if it was mounted, and all went well. */
static bool try_with_tasks(struct mount *mount, int limit)
{
	char word[16];
	int r;

	snprintf(word, sizeof(word), "%d", limit);
	group_set("pids.max", "pids.max", word);
	r = shell(command_output, sizeof(command_output),
		"echo $$ >'%s'; exec '%s' -o admit=1,settle=0%s%s '%s' '%s'", group_procs(),
		getenv("SIEVEFS"), config.transport ? ",transport=" : "",
		config.transport ? config.transport : "", mount->source, mount->point);
	if (r) {
		if (r != 1 || command_line_count(command_output) != 1 || mount_is_on(mount->point))
			fail_msg("with %d tasks: exit status %d, %s", limit, r, command_output);
		return false;
	}
	r = use_the_mount(mount);
	if (r)
		fail_msg("with %d tasks: status %d of %s", limit, r, command_output);
	assert_int_equal(mount_umount(mount->point), 0);
	command_assert_gone(mount);
	return true;
}

static void with_few_tasks_it_is_refused_in_one_line_or_serves(void **state)
{
	struct mount mount;
	int limit = 1, served = 0;

	if (geteuid())
		SKIP_TEST("needs root");
	if (SUITE_IS_SANITIZED)
		SKIP_TEST("sanitizers take what is limited here");
	if (!group_begin("pids"))
		SKIP_TEST("no pids controller");
	command_prepare(&mount, "tasks");
	assert_int_equal(shell(NULL, 0,
				 "cd '%s' && head -c 20M /dev/urandom >big && mkdir many && cd many && "
				 "for i in $(seq 20); do echo $i >$i; done",
				 mount.source),
		0);
	for (; served < 4 && limit < 200; limit++)
		served += try_with_tasks(&mount, limit);
	assert_int_equal(served, 4);
	assert_true(try_with_tasks(&mount, limit + 6));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(with_standard_descriptors_closed_it_mounts_and_serves),
	cmocka_unit_test(every_program_takes_closed_descriptors),
	cmocka_unit_test(an_automount_point_is_mounted_when_it_is_stepped_on),
	cmocka_unit_test(an_automount_point_that_is_its_own_source_is_refused),
	cmocka_unit_test_teardown(with_few_tasks_it_is_refused_in_one_line_or_serves, group_end),
};

static const struct suite suite = {
	.name = "start", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .needs_daemon = true};

SUITE_MAIN(suite)
