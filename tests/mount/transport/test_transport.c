/* transport=auto: io_uring over a local SOURCE, /dev/fuse where an answer of SOURCE may be long in coming. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 5000
/* So that each stat(2) comes to the daemon. */
#define ASK_ALWAYS "attr_timeout=0,entry_timeout=0"

static char output[16384];

static void assert_report_says(const struct mount *mount, const char *line)
{
	assert_int_equal(
		shell(output, sizeof(output), "'%s' stat '%s'", getenv("SIEVECTL"), mount->point), 0);
	if (!strstr(output, line))
		fail_msg("sievectl stat does not say '%s': %s", line, output);
}

static void assert_log_says(const struct mount *mount, const char *words)
{
	assert_int_equal(shell(output, sizeof(output), "cat '%s'", mount->log), 0);
	if (!strstr(output, words))
		fail_msg("the log does not say '%s': %s", words, output);
}

/* NAME.source becomes what is at `path`, before mount_start(). */
static void bind_source(struct mount *above, const char *name, const char *path)
{
	mount_prepare(above, name);
	assert_return_code(mount(path, above->source, NULL, MS_BIND, NULL), errno);
}

/* A mount whose SOURCE is another one, and then that other one. */
static void stop_both(struct mount *above, struct mount *below)
{
	mount_stop(above, MOUNT_END_UMOUNT);
	assert_return_code(umount2(above->source, 0), errno);
	mount_stop(below, MOUNT_END_UMOUNT);
}

static void auto_takes_io_uring_over_a_disk(void **state)
{
	struct mount disk;

	if (!suite_uring_can_be_had())
		SKIP_TEST("no FUSE over io_uring here");
	mount_prepare(&disk, "disk");
	if (shell(output, sizeof(output), "test \"$(stat -f -c %%T '%s')\" = ext2/ext3", disk.source))
		SKIP_TEST("the tests do not lie on ext4");
	mount_start(&disk, "disk", "log=debug");
	assert_report_says(&disk, "transport_used uring\n");
	assert_report_says(&disk, "transport_why  SOURCE's file system is ext4, a local one\n");
	assert_log_says(&disk, "transport: io_uring; SOURCE's file system is ext4, a local one");
	mount_stop(&disk, MOUNT_END_UMOUNT);
}

static void auto_takes_io_uring_over_memory(void **state)
{
	struct mount memory;

	if (!suite_uring_can_be_had())
		SKIP_TEST("no FUSE over io_uring here");
	mount_prepare(&memory, "memory");
	assert_return_code(mount("none", memory.source, "tmpfs", 0, "size=8M"), errno);
	mount_start(&memory, "memory", NULL);
	assert_report_says(&memory, "transport_used uring\n");
	assert_report_says(&memory, "transport_why  SOURCE's file system is tmpfs, a local one\n");
	mount_stop(&memory, MOUNT_END_UMOUNT);
}

static void auto_takes_dev_fuse_over_another_fuse_mount(void **state)
{
	struct mount below, above;

	mount_start(&below, "below", "transport=dev");
	bind_source(&above, "above", below.point);
	mount_start(&above, "above", NULL);
	assert_report_says(&above, "transport_used dev\n");
	assert_report_says(
		&above, "transport_why  SOURCE's file system is fuse, which may wait for other machines");
	assert_log_says(&above, "transport: /dev/fuse; SOURCE's file system is fuse");
	stop_both(&above, &below);
}

static void uring_is_obeyed_over_another_fuse_mount(void **state)
{
	struct mount below, above;

	if (!suite_uring_can_be_had())
		SKIP_TEST("no FUSE over io_uring here");
	mount_start(&below, "low", "transport=dev");
	bind_source(&above, "high", below.point);
	mount_start(&above, "high", "transport=uring");
	assert_report_says(&above, "transport_used uring\n");
	assert_report_says(&above, "transport_why  asked for\n");
	stop_both(&above, &below);
}

/* In a child that runs on this CPU only. */
static pid_t start_stat(const struct mount *mount, const char *name, int cpu)
{
	char path[PATH_MAX];
	struct stat st;
	cpu_set_t set;
	pid_t pid = suite_fork();

	if (pid != 0)
		return pid;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	snprintf(path, sizeof(path), "%.3000s/%s", mount->point, name);
	_exit(sched_setaffinity(0, sizeof(set), &set) || stat(path, &st));
}

static bool succeeds_in_time(pid_t pid)
{
	int status;

	for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status == 0;
		poll(NULL, 0, 10);
	}
	return false;
}

static int some_cpu(void)
{
	cpu_set_t set;
	int cpu = 0;

	assert_return_code(sched_getaffinity(0, sizeof(set), &set), errno);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	return cpu;
}

/* The daemon of a mount below SOURCE is stopped. Whoever asks for what lies there waits; from the same CPU
 * others are answered. */
static void one_hanging_lookup_holds_up_nobody_else(void **state)
{
	struct mount hanging, below, above;
	pid_t waiting, others;
	char path[PATH_MAX];
	int cpu = some_cpu();
	bool answered;

	mount_start(&hanging, "hanging", "transport=dev," ASK_ALWAYS);
	mount_prepare(&below, "shared");
	snprintf(path, sizeof(path), "%.3000s/there", below.source);
	assert_return_code(mkdir(path, 0755), errno);
	assert_return_code(mount(hanging.point, path, NULL, MS_BIND, NULL), errno);
	snprintf(path, sizeof(path), "%.3000s/here", below.source);
	assert_return_code(put_file(path, 100, 1), errno);
	snprintf(path, sizeof(path), "%.3000s/file", hanging.source);
	assert_return_code(put_file(path, 100, 2), errno);
	mount_start(&below, "shared", "transport=dev," ASK_ALWAYS);
	bind_source(&above, "user", below.point);
	mount_start(&above, "user", ASK_ALWAYS);
	assert_true(succeeds_in_time(start_stat(&above, "there", cpu)));

	kill(hanging.daemon, SIGSTOP);
	waiting = start_stat(&above, "there/file", cpu);
	poll(NULL, 0, 300);
	assert_int_equal(waitpid(waiting, NULL, WNOHANG), 0);
	others = start_stat(&above, "here", cpu);
	answered = succeeds_in_time(others);
	kill(hanging.daemon, SIGCONT);
	assert_true(answered);
	assert_true(succeeds_in_time(waiting));

	stop_both(&above, &below);
	snprintf(path, sizeof(path), "%.3000s/there", below.source);
	assert_return_code(umount2(path, 0), errno);
	mount_stop(&hanging, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(auto_takes_io_uring_over_a_disk),
	cmocka_unit_test(auto_takes_io_uring_over_memory),
	cmocka_unit_test(auto_takes_dev_fuse_over_another_fuse_mount),
	cmocka_unit_test(uring_is_obeyed_over_another_fuse_mount),
	cmocka_unit_test(one_hanging_lookup_holds_up_nobody_else),
};

static const struct suite suite = {.name = "transport",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
