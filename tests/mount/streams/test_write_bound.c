/* Many streams of writes at once, to a disk that is slow: what they have in the page cache keeps to one
 * bound. */
#include "tests/support/suite.h"
#include "tests/support/volume.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

#define STREAMS 8
#define FILE_SIZE (40 << 20)
#define BOUND (32 << 20)  /* direct_memory */
#define REQUEST (1 << 20) /* in flight beyond it */
#define BYTES_PER_SECOND (100 << 20)
#define THROTTLE "/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device"

static dev_t slowed;

static bool slow_down(dev_t device, unsigned bytes_per_second)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "%u:%u %u", major(device), minor(device), bytes_per_second);
	int fd = open(THROTTLE, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, (size_t)size) == size;

	if (fd >= 0)
		close(fd);
	return done;
}

static int speed_up(void **state)
{
	if (slowed)
		slow_down(slowed, 0);
	slowed = 0;
	return 0;
}

/* By cachestat(2). */
static uint64_t not_on_disk(int fd)
{
	uint64_t range[2] = {0, FILE_SIZE}, counts[5];

	assert_return_code(syscall(SYS_cachestat, fd, range, counts, 0), errno);
	return (counts[1] + counts[2]) * 4096;
}

static void write_stream(const struct mount *mount, unsigned number, size_t size)
{
	char *piece = calloc(1, size), name[16];
	int fd;

	snprintf(name, sizeof(name), "%u", number);
	fd = open_below(mount->point, name, O_WRONLY | O_TRUNC);
	for (off_t at = 0; at < FILE_SIZE; at += (off_t)size) {
		if (write(fd, piece, size) != (ssize_t)size)
			_exit(1);
	}
	_exit(close(fd) != 0);
}

static uint64_t most_not_on_disk(const int fds[STREAMS])
{
	unsigned running = STREAMS;
	uint64_t most = 0;

	while (running > 0) {
		uint64_t sum = 0;
		int status;

		for (unsigned i = 0; i < STREAMS; i++)
			sum += not_on_disk(fds[i]);
		most = sum > most ? sum : most;
		while (running > 0 && waitpid(-1, &status, WNOHANG) > 0) {
			assert_int_equal(status, 0);
			running--;
		}
		poll(NULL, 0, 5);
	}
	return most;
}

static void streams_keep_to_the_bound(const struct mount *mount, size_t size)
{
	int fds[STREAMS];
	uint64_t most;

	for (unsigned i = 0; i < STREAMS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		fds[i] = open_below(mount->source, name, O_RDWR | O_CREAT);
	}
	for (unsigned i = 0; i < STREAMS; i++) {
		pid_t child = suite_fork();

		assert_return_code(child, errno);
		if (!child)
			write_stream(mount, i, size);
	}
	most = most_not_on_disk(fds);
	print_message("%ju KiB at most, in writes of %zu\n", (uintmax_t)most >> 10, size);
	assert_true(most > BOUND / 4); /* the disk is slow indeed */
	assert_true(most <= BOUND + STREAMS * REQUEST);
	for (unsigned i = 0; i < STREAMS; i++)
		close(fds[i]);
	/* what is left at close is written without anybody waiting */
	for (int i = 0; i < 1000 && mount_stat(mount, "write_memory") > 0; i++)
		poll(NULL, 0, 10);
	assert_int_equal(mount_stat(mount, "write_memory"), 0);
}

static void all_streams_together_keep_to_direct_memory(void **state)
{
	char images[PATH_MAX + 16];
	struct mount mount;
	struct stat st;

	if (syscall(SYS_cachestat, -1, NULL, NULL, 0) < 0 && errno == ENOSYS)
		SKIP_TEST("the kernel has no cachestat(2)");
	mount_prepare(&mount, "bound");
	snprintf(images, sizeof(images), "%s.images", mount.source);
	volume_make(images, mount.source, "ext4", "512M");
	assert_return_code(stat(mount.source, &st), errno);
	if (!slow_down(st.st_dev, BYTES_PER_SECOND))
		SKIP_TEST("a disk can't be slowed here (%s): %s", THROTTLE, strerror(errno));
	slowed = st.st_dev;
	mount_start(&mount, "bound", "direct_memory=32M");
	streams_keep_to_the_bound(&mount, 100000);
	streams_keep_to_the_bound(&mount, 4000);
	streams_keep_to_the_bound(&mount, 1 << 20);
	speed_up(NULL);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_teardown(all_streams_together_keep_to_direct_memory, speed_up),
};

static const struct suite suite = {.name = "write_bound",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_daemon = true,
	.needs_root = true};

SUITE_MAIN(suite)
