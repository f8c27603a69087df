/* Files that somebody has leased in SOURCE, as Samba does: requests wait for the lease, and only those. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEASED 70 /* more than the daemon has threads */
#define SOON_MS 5000

/* The path in SOURCE of a file at the top of the mount. */
static const char *below(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%s", mounted.source, name);
	return path;
}

static void leased_name(char name[32], int i)
{
	snprintf(name, 32, "leased%d", i);
}

/* A child that has leases on the first files in SOURCE until it is killed. */
static pid_t lease_all(int count)
{
	char name[32], byte = 0;
	int ready[2];
	pid_t child;

	assert_return_code(pipe(ready), errno);
	child = suite_fork();
	if (child) {
		close(ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1); /* none where a lease was refused */
		close(ready[0]);
		return child;
	}
	signal(SIGIO, SIG_IGN);
	if (setresgid(TEST_GID, TEST_GID, TEST_GID) || setresuid(TEST_UID, TEST_UID, TEST_UID))
		_exit(1);
	for (int i = 0; i < count; i++) {
		int fd;

		leased_name(name, i);
		fd = open(below(name), O_RDWR);
		if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
			_exit(1);
	}
	if (write(ready[1], &byte, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int use(const char *name, int how)
{
	char byte;
	int fd;

	if (how == 1)
		return truncate(name, 5);
	fd = open(name, how ? O_WRONLY | O_TRUNC : O_RDONLY);
	return fd < 0 || how ? fd : (int)pread(fd, &byte, 1, 0) - 1;
}

/* Opens, truncates and opens with O_TRUNC in turn, each from another CPU; a child. */
static pid_t use_leased(int i)
{
	pid_t child = suite_fork();
	char name[32];
	cpu_set_t cpus;

	if (child)
		return child;
	CPU_ZERO(&cpus);
	CPU_SET(i % sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	leased_name(name, i);
	while (use(name, i % 3) < 0) {
		if (errno != EAGAIN)
			_exit(1);
		usleep(10000);
	}
	_exit(0);
}

static bool ends_soon(pid_t child)
{
	int status;

	for (int ms = 0; ms < SOON_MS; ms += 10) {
		if (waitpid(child, &status, WNOHANG) == child)
			return status == 0;
		usleep(10000);
	}
	return false;
}

static pid_t use_others(void)
{
	pid_t child = suite_fork();

	if (child)
		return child;
	_exit(put_file("other", 100, 1) || access("unleased", R_OK) || open("unleased", O_RDONLY) < 0 ||
		truncate("unleased", 50));
}

static void leases_in_source_hold_up_nobody_else(void **state)
{
	pid_t users[LEASED], holder, other;
	char name[32];
	bool soon;

	assert_return_code(chdir(mounted.point), errno);
	assert_return_code(put_file("unleased", 100, 1), errno);
	for (int i = 0; i < LEASED; i++) {
		leased_name(name, i);
		assert_return_code(
			put_file(below(name), 100, 1) | chown(below(name), TEST_UID, TEST_GID), errno);
	}
	holder = lease_all(LEASED);
	for (int i = 0; i < LEASED; i++)
		users[i] = use_leased(i);
	usleep(500000); /* all of them wait */
	other = use_others();
	soon = ends_soon(other);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	assert_true(soon);
	for (int i = 0; i < LEASED; i++) {
		struct stat st;

		assert_true(ends_soon(users[i]));
		leased_name(name, i);
		assert_return_code(stat(name, &st), errno);
		assert_int_equal(st.st_size, i % 3 == 0 ? 100 : i % 3 == 1 ? 5 : 0);
	}
	assert_return_code(chdir("/"), errno);
}

enum { BY_LSEEK, BY_FSYNC, BY_IOCTL, BY_COPY, OPEN_USES };

static pid_t use_open(int fd, int how)
{
	pid_t child = suite_fork();
	off_t from = 0;
	int flags;

	if (child)
		return child;
	switch (how) {
	case BY_LSEEK:
		_exit(lseek(fd, 0, SEEK_HOLE) != 100);
	case BY_FSYNC:
		_exit(fsync(fd) != 0);
	case BY_IOCTL:
		_exit(ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0);
	default:
		_exit(copy_file_range(fd, &from, open("target", O_WRONLY | O_CREAT, 0600), NULL, 100, 0) !=
			100);
	}
}

/* A file of which the kernel has a copy open can be leased in SOURCE. */
static void requests_on_an_open_file_wait_for_a_lease_in_source(void **state)
{
	pid_t users[OPEN_USES], holder;
	int fds[OPEN_USES], waiting = 0;
	char name[32];

	assert_return_code(chdir(mounted.point), errno);
	for (int i = 0; i < OPEN_USES; i++) {
		leased_name(name, i);
		assert_return_code(
			put_file(below(name), 100, 1) | chown(below(name), TEST_UID, TEST_GID), errno);
		warm(name);
		fds[i] = open(name, O_RDONLY | O_CLOEXEC);
		assert_return_code(fds[i], errno);
	}
	holder = lease_all(OPEN_USES);
	for (int i = 0; i < OPEN_USES; i++)
		users[i] = use_open(fds[i], i);
	usleep(300000);
	for (int i = 0; i < OPEN_USES; i++)
		waiting += waitpid(users[i], NULL, WNOHANG) == 0;
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	assert_int_equal(waiting, OPEN_USES);
	for (int i = 0; i < OPEN_USES; i++) {
		assert_true(ends_soon(users[i]));
		close(fds[i]);
	}
	assert_return_code(chdir("/"), errno);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(leases_in_source_hold_up_nobody_else),
	cmocka_unit_test(requests_on_an_open_file_wait_for_a_lease_in_source),
};

static const struct suite suite = {.name = "leases",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "store=copy", /* a pinned file gives no lease for writing */
	.mounts = true,
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
