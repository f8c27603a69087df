/* A file system that lets no write through for a while: one thread may wait for it, the mount goes on. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAD 300000 /* written before, and as much while it is frozen */
#define OTHER (2 << 20)
#define LIMIT_MS 30000

static struct mount mount;

static void path_of(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%.3000s/%s", mount.point, name);
}

/* The machine's n-th CPU that the test may use; false when it has not so many. */
static bool pin_to_cpu(int n)
{
	cpu_set_t all, one;

	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || n-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return sched_setaffinity(0, sizeof(one), &one) == 0;
	}
	return false;
}

struct writer {
	pid_t pid;
	int go[2];
};

/* Writes the first half of a new file, and the second when it is told to; exits with 0 if both went well. */
static void start_writer(struct writer *writer, const char *name, int cpu)
{
	static char bytes[HEAD];
	char path[PATH_MAX], byte;
	int ready[2], fd;

	assert_return_code(pipe(writer->go), errno);
	assert_return_code(pipe(ready), errno);
	writer->pid = suite_fork();
	assert_return_code(writer->pid, errno);
	if (writer->pid == 0) {
		memset(bytes, name[0], HEAD);
		path_of(path, name);
		pin_to_cpu(cpu);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0 || write(fd, bytes, HEAD) != HEAD || write(ready[1], "r", 1) != 1)
			_exit(1);
		if (read(writer->go[0], &byte, 1) != 1 || write(fd, bytes, HEAD) != HEAD)
			_exit(2);
		_exit(close(fd) == 0 ? 0 : 3);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
}

static bool go_on(struct writer *writer)
{
	bool told = write(writer->go[1], "g", 1) == 1;

	poll(NULL, 0, 200); /* it waits in its write */
	return told;
}

/* Opens and reads a file there; exits with 0. */
static pid_t start_reader(int cpu)
{
	static char bytes[OTHER];
	pid_t pid = suite_fork();
	char path[PATH_MAX];
	int fd;

	if (pid != 0)
		return pid;
	pin_to_cpu(cpu);
	path_of(path, "other");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	_exit(fd >= 0 && read(fd, bytes, OTHER) == OTHER ? 0 : 1);
}

/* The exit status, or -1 when it is not there in time. */
static int status_of(pid_t pid, int limit_ms)
{
	int status;

	for (int waited = 0; waited < limit_ms; waited += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
		poll(NULL, 0, 10);
	}
	return -1;
}

static void check(const char *name)
{
	static char bytes[2 * HEAD];
	char path[PATH_MAX];
	int fd;

	snprintf(path, PATH_MAX, "%.3000s/%s", mount.source, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], name[0]);
	close(fd);
}

/* Each writer's requests, and the reader's, are answered by the thread of their CPU where there is one. */
static void one_write_that_waits_makes_the_others_wait_elsewhere(void **state)
{
	int frozen, thawed, while_frozen, root;
	struct writer first, second;
	char dir[PATH_MAX], path[PATH_MAX];
	cpu_set_t cpus;
	pid_t reader;
	bool told;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	if (CPU_COUNT(&cpus) < 2)
		SKIP_TEST("one CPU only");
	mount_prepare(&mount, "frozen");
	snprintf(dir, PATH_MAX, "%.3000s/frozen.disk", config.base);
	volume_make(dir, mount.source, "ext4", "64M");
	mount_start(&mount, "frozen", "large_min=100K,small_max=4K");
	path_of(path, "other");
	assert_return_code(put_file(path, OTHER, 1), errno);
	start_writer(&first, "a", 0);
	start_writer(&second, "b", 1);
	root = open(mount.source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(root, errno);

	/* nothing may fail the test before the file system is thawed */
	frozen = ioctl(root, FIFREEZE, 0);
	told = go_on(&first) && go_on(&second);
	reader = start_reader(1);
	while_frozen = status_of(reader, 4000);
	thawed = ioctl(root, FITHAW, 0);

	assert_return_code(frozen, errno);
	assert_return_code(thawed, errno);
	assert_true(told);
	close(root);
	assert_int_equal(status_of(first.pid, LIMIT_MS), 0);
	assert_int_equal(status_of(second.pid, LIMIT_MS), 0);
	check("a");
	check("b");
	assert_int_equal(while_frozen, 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_write_that_waits_makes_the_others_wait_elsewhere),
};

static const struct suite suite = {.name = "frozen",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
