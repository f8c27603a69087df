/* A disk that does not answer: who waits for it may be killed, and everybody else goes on. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LARGE (16 << 20)
#define BLOCK (128 << 10)
#define HANGS_AT (8 << 20)
#define PATIENCE_S 6 /* after which who did not go on hangs, too */

static struct mount mount;

static void path_of(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%.3000s/%s", mount.point, name);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Reads the file from offset on, in blocks of this size; tells in *reached how far it came. */
static pid_t start_reader(const char *path, off_t offset, size_t size, volatile off_t *reached)
{
	static char block[BLOCK];
	pid_t pid = suite_fork();
	int fd;

	if (pid != 0)
		return pid;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	*reached = offset;
	while (fd >= 0 && pread(fd, block, size, *reached) == (ssize_t)size)
		*reached += (off_t)size;
	_exit(0);
}

static void wait_until_reached(volatile off_t *reached, off_t offset)
{
	double began = seconds();

	while (*reached < offset && seconds() - began < PATIENCE_S)
		poll(NULL, 0, 20);
	assert_true(*reached >= offset);
	poll(NULL, 0, 300); /* it has asked for the next */
}

static bool is_gone_in_time(pid_t pid)
{
	double began = seconds();

	while (seconds() - began < PATIENCE_S) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		poll(NULL, 0, 50);
	}
	return false;
}

/* Written, and dropped from the page cache. */
static void make(const char *name, size_t size, unsigned seed)
{
	char path[PATH_MAX];
	int fd;

	path_of(path, name);
	assert_return_code(put_file(path, size, seed), errno);
	snprintf(path, sizeof(path), "%.3000s/%s", mount.source, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fsync(fd), errno);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

static void start(const char *name)
{
	char faults[64];

	/* until the mount ends */
	snprintf(faults, sizeof(faults), "device-read:hang@%d", HANGS_AT);
	setenv("SIEVEFS_FAULT", faults, 1);
	mount_start(&mount, name, "large_min=1M,small_max=64K,large=stream,admit=0");
	unsetenv("SIEVEFS_FAULT");
	make("hanging", LARGE, 1);
	make("other", HANGS_AT / 2, 2);
	make("small", 1000, 3);
	poll(NULL, 0, 200);
}

static void assert_others_go_on(void)
{
	static char block[BLOCK];
	double began = seconds();
	char path[PATH_MAX];
	int fd;

	path_of(path, "other");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	for (off_t offset = 0; offset < HANGS_AT / 2; offset += BLOCK)
		assert_int_equal(pread(fd, block, BLOCK, offset), BLOCK);
	close(fd);
	path_of(path, "small");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, block, BLOCK, 0), 1000);
	close(fd);
	path_of(path, "new");
	assert_return_code(put_file(path, 3 << 20, 4), errno);
	assert_true(seconds() - began < PATIENCE_S);
}

/* A stream meets the hang by its readahead, odd requests by a buffer of the daemon's. */
static void a_reader_of_a_hanging_disk_may_be_killed_and_others_go_on(void **state)
{
	volatile off_t *reached = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t stream, odd;
	char path[PATH_MAX];

	assert_ptr_not_equal((void *)reached, MAP_FAILED);
	start("hang");
	path_of(path, "hanging");
	stream = start_reader(path, 0, BLOCK, &reached[0]);
	wait_until_reached(&reached[0], HANGS_AT);
	odd = start_reader(path, HANGS_AT - 3100, 1000, &reached[1]);
	wait_until_reached(&reached[1], HANGS_AT - 1100);
	assert_others_go_on();
	kill(stream, SIGKILL);
	kill(odd, SIGKILL);
	assert_true(is_gone_in_time(stream));
	assert_true(is_gone_in_time(odd));
	assert_others_go_on();
	munmap((void *)reached, 4096);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_reader_of_a_hanging_disk_may_be_killed_and_others_go_on),
};

static const struct suite suite = {.name = "hang",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
