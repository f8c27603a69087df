/* A disk that hangs: its readers can be killed, other files go on, and what it brings late harms nobody. */
#include "tests/support/suite.h"

#include <errno.h>
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

#define PLACE (4 << 20) /* from here on the disk of the large file hangs */
#define LARGE (6 << 20)
#define OTHER (2 << 20)
#define STEP (1 << 20)
#define LIMIT_MS 30000

static char large[PATH_MAX], other[PATH_MAX];

static void make(const char *root, const char *name, char byte, size_t size)
{
	char path[PATH_MAX], *bytes = malloc(size);
	int fd;

	snprintf(path, PATH_MAX, "%.3000s/%s", root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	memset(bytes, byte, size);
	assert_int_equal(write(fd, bytes, size), size);
	assert_return_code(fsync(fd), errno);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	free(bytes);
}

static void start(struct mount *mount, const char *faults, const char *options)
{
	char all[256];

	snprintf(all, sizeof(all), "small_max=4K,large_min=4K,large=direct,mid=direct%s", options);
	setenv("SIEVEFS_FAULT", faults, 1);
	mount_start(mount, "hang", all);
	unsetenv("SIEVEFS_FAULT");
	make(mount->source, "large", 'l', LARGE);
	make(mount->source, "other", 'o', OTHER);
	snprintf(large, PATH_MAX, "%.3000s/large", mount->point);
	snprintf(other, PATH_MAX, "%.3000s/other", mount->point);
}

/* Returns at the first error. */
static int read_all(const char *path, char byte, off_t from)
{
	char *bytes = aligned_alloc(4096, STEP);
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = fd < 0 ? -errno : 0;
	ssize_t n = 1;

	for (off_t offset = from; r == 0 && n > 0; offset += n) {
		n = pread(fd, bytes, STEP, offset);
		if (n < 0)
			r = -errno;
		for (ssize_t i = 0; i < n && r == 0; i++)
			r = bytes[i] == byte ? 0 : -EBADMSG;
	}
	if (fd >= 0)
		close(fd);
	free(bytes);
	return r;
}

static char state_of(pid_t pid)
{
	char path[64], text[512], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f && fgets(text, sizeof(text), f) && strrchr(text, ')'))
		state = strrchr(text, ')')[2];
	if (f)
		fclose(f);
	return state;
}

/* A process that waits for the disk: asleep each time that it is looked at, for a while. */
static pid_t start_reader(void)
{
	pid_t pid = suite_fork();

	assert_return_code(pid, errno);
	if (!pid) {
		signal(SIGINT, SIG_DFL); /* a shell's background job would ignore it */
		_exit(-read_all(large, 'l', PLACE));
	}
	for (int waited = 0, asleep = 0; asleep < 300; waited += 10) {
		char state = state_of(pid);

		asleep = state == 'S' || state == 'D' ? asleep + 10 : 0;
		assert_true(waited < LIMIT_MS);
		poll(NULL, 0, 10);
	}
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	for (int waited = 0; waited < LIMIT_MS; waited += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		poll(NULL, 0, 10);
	}
	fail_msg("process %d does not end", pid);
	return 0;
}

static void readers_of_a_hanging_disk_can_be_killed(const char *faults)
{
	struct mount mount;
	pid_t reader, second;

	start(&mount, faults, "");
	reader = start_reader();
	second = start_reader();
	assert_int_equal(read_all(other, 'o', 0), 0);
	kill(reader, SIGKILL);
	kill(second, SIGINT); /* ^C is as good */
	assert_true(WIFSIGNALED(end_of(reader)));
	assert_true(WIFSIGNALED(end_of(second)));
	assert_int_equal(read_all(other, 'o', 0), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_reader_that_waits_for_the_disk_can_be_killed(void **state)
{
	readers_of_a_hanging_disk_can_be_killed("device-read:hang@4M");
}

static void a_reader_whose_request_hangs_can_be_killed(void **state)
{
	readers_of_a_hanging_disk_can_be_killed("read:hang@4M");
}

static void a_signal_that_kills_nobody_ends_no_read(void **state)
{
	struct mount mount;
	pid_t reader;

	start(&mount, "read:delay=3s@4M#1", "");
	reader = start_reader();
	kill(reader, SIGCHLD);
	kill(reader, SIGSTOP);
	kill(reader, SIGCONT);
	assert_int_equal(end_of(reader), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void write_all(const char *path, char byte, size_t size)
{
	char *bytes = aligned_alloc(4096, size);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	memset(bytes, byte, size);
	assert_int_equal(write(fd, bytes, size), size);
	assert_return_code(close(fd), errno);
	free(bytes);
}

/*
 * One request at a time on one CPU: the next one, a write that is held up with its bytes, has the buffer of
 * the read that was given up and that the disk answers meanwhile.
 */
static void what_comes_late_reaches_no_other_request(void **state)
{
	struct mount mount;
	cpu_set_t all, one;
	pid_t reader;

	assert_return_code(sched_getaffinity(0, sizeof(all), &all), errno);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	start(&mount, "read:delay=3s@4M#1,write:delay=3s", ",uring_depth=1,locks=local");
	assert_return_code(sched_setaffinity(0, sizeof(one), &one), errno);
	reader = start_reader();
	kill(reader, SIGKILL);
	end_of(reader);
	write_all(other, 'w', STEP);
	assert_return_code(truncate(other, STEP), errno);
	assert_int_equal(read_all(other, 'w', 0), 0);
	assert_int_equal(read_all(large, 'l', 0), 0);
	assert_return_code(sched_setaffinity(0, sizeof(all), &all), errno);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_mount_that_is_aborted_waits_for_its_disk(void **state)
{
	struct mount mount;
	pid_t reader;
	int keeps;

	start(&mount, "read:delay=1s@4M", "");
	keeps = open(mount.point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(keeps, errno);
	reader = start_reader();
	assert_int_equal(umount2(mount.point, MNT_FORCE), -1); /* aborts the connection; it is busy */
	assert_true(WEXITSTATUS(end_of(reader)) != 0);
	close(keeps);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* Its number among the kernel's connections. */
static int connection_of(const char *point)
{
	char output[64];

	if (shell(output, sizeof(output),
		    "awk -v p='%s' '$5 == p { sub(\".*:\", \"\", $3); print $3 }' "
		    "/proc/self/mountinfo",
		    point))
		return -1;
	return atoi(output);
}

/* The daemon that asks its own mount for statfs(2), and answers only after so many seconds. */
static pid_t start_slow(const struct mount *mount, const char *seconds, const char *mark)
{
	char options[256];
	pid_t pid = suite_fork();

	assert_return_code(pid, errno);
	if (pid)
		return pid;
	mount_config_options(options, sizeof(options));
	setenv("SLOW_STATFS_SECONDS", seconds, 1);
	setenv("SLOW_STATFS_MARK", mark, 1); /* none: "" */
	setenv("LD_PRELOAD", getenv("SIEVEFS_SLOW_STATFS"), 1);
	execl(getenv("SIEVEFS"), "sievefs", "-f", "-o", options, mount->source, mount->point, NULL);
	_exit(127);
}

/* Until the daemon has the request for statfs(2), without a request of this process's behind it. */
static void await_statfs(const struct mount *mount)
{
	for (int waited = 0; !mount_is_on(mount->point); waited += 10) {
		assert_true(waited < LIMIT_MS);
		poll(NULL, 0, 10);
	}
	poll(NULL, 0, 500);
}

static void skip_without_slow_statfs(void)
{
	if (SUITE_IS_SANITIZED)
		SKIP_TEST("a sanitizer's library has to be the first that is loaded");
	if (!getenv("SIEVEFS_SLOW_STATFS"))
		SKIP_TEST("SIEVEFS_SLOW_STATFS names no library to load before");
}

/* Its thread may hold locks and memory that would be lost with it. */
static void an_operation_is_completed_when_the_mount_ends_meanwhile(void **state)
{
	struct mount mount;
	char mark[PATH_MAX];
	pid_t pid;

	skip_without_slow_statfs();
	mount_prepare(&mount, "ending");
	snprintf(mark, sizeof(mark), "%.3000s/ending.mark", config.base);
	pid = start_slow(&mount, "2", mark);
	await_statfs(&mount);
	assert_int_equal(access(mark, F_OK), -1);
	kill(pid, SIGTERM);
	assert_true(WIFEXITED(end_of(pid)));
	assert_return_code(access(mark, F_OK), errno);
}

/* Who asks the mount waits for an answer that comes only when the connection ends: not a thread of the
 * daemon, which would keep it open. */
static void a_daemon_that_is_killed_while_it_asks_its_own_mount_ends(void **state)
{
	struct mount mount;
	char path[64], output[64];
	int connection, status, waited = 0, fd;
	pid_t pid;

	skip_without_slow_statfs();
	mount_prepare(&mount, "asking");
	pid = start_slow(&mount, "60", "");
	await_statfs(&mount);
	connection = connection_of(mount.point);
	assert_int_equal(shell(output, sizeof(output), "pgrep -P %d -x sieve-asker", (int)pid), 0);
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, WNOHANG) == 0 && waited < LIMIT_MS / 3) {
		poll(NULL, 0, 10);
		waited += 10;
	}
	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%d/abort", connection);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		assert_int_equal(write(fd, "1", 1), 1);
		close(fd);
	}
	assert_return_code(umount2(mount.point, MNT_DETACH), errno);
	assert_in_range(waited, 0, LIMIT_MS / 3 - 1);
	/* nor does it outlive the daemon */
	for (waited = 0; state_of(atoi(output)) && state_of(atoi(output)) != 'Z'; waited += 10) {
		assert_true(waited < LIMIT_MS);
		poll(NULL, 0, 10);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_that_waits_for_the_disk_can_be_killed),
		cmocka_unit_test(a_reader_whose_request_hangs_can_be_killed),
		cmocka_unit_test(a_signal_that_kills_nobody_ends_no_read),
		cmocka_unit_test(what_comes_late_reaches_no_other_request),
		cmocka_unit_test(a_mount_that_is_aborted_waits_for_its_disk),
		cmocka_unit_test(an_operation_is_completed_when_the_mount_ends_meanwhile),
		cmocka_unit_test(a_daemon_that_is_killed_while_it_asks_its_own_mount_ends),
	};
	const struct suite suite = {
		.name = "killed",
		.tests = tests,
		.test_count = sizeof(tests) / sizeof(*tests),
		.needs_root = true,
		.needs_daemon = true,
	};

	return suite_run(&suite, argc, argv);
}
