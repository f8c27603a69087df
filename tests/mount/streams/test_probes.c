/* large=stream: which large files are taken for streams, which for databases, and how opens change their
 * minds. */
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE (4 << 20)
#define RECORD 4096

static void path_of(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%.3000s/%s", mounted.point, name);
}

/* The lane that an open with these flags took. */
static const char *lane_of_open(const char *path, int flags)
{
	static const char *const keys[] = {"direct/opens", "plain/opens"};
	long long before[2];
	int fd;

	for (int i = 0; i < 2; i++)
		before[i] = mount_stat(&mounted, keys[i]);
	fd = open(path, flags | O_CLOEXEC, 0600);
	assert_return_code(fd, errno);
	close(fd);
	for (int i = 0; i < 2; i++) {
		if (mount_stat(&mounted, keys[i]) > before[i])
			return i == 0 ? "direct" : "plain";
	}
	return "another";
}

/* RELEASE comes some time after close(2): until then the inode is as it was. */
static void wait_until_released(void)
{
	poll(NULL, 0, 200);
}

/* What was learned of a handle counts when its RELEASE has come. */
static void assert_lane_becomes(const char *path, const char *lane)
{
	for (int i = 0; i < 50 && strcmp(lane_of_open(path, O_RDONLY), lane) != 0; i++)
		wait_until_released();
	assert_string_equal(lane_of_open(path, O_RDONLY), lane);
}

static void read_at_random(const char *path)
{
	struct random random = {.state = config.seed};
	char record[RECORD];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	for (int i = 0; i < 64; i++) {
		off_t offset = (off_t)random_below(&random, LARGE / RECORD) * RECORD;

		assert_int_equal(pread(fd, record, sizeof(record), offset), sizeof(record));
	}
	close(fd);
	wait_until_released();
}

static void read_in_order(const char *path)
{
	static char block[128 << 10];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	while (read(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	wait_until_released();
}

static void a_file_read_at_random_is_plain_from_its_second_open_on(void **state)
{
	char path[PATH_MAX];

	path_of(path, "random");
	assert_return_code(put_file(path, LARGE, 1), errno);
	wait_until_released();
	read_at_random(path);
	assert_lane_becomes(path, "plain");
}

static void one_in_sixteen_of_its_opens_looks_again(void **state)
{
	char path[PATH_MAX];
	long long direct;

	path_of(path, "random");
	direct = mount_stat(&mounted, "direct/opens");
	for (int i = 0; i < 32; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		assert_return_code(fd, errno);
		close(fd);
	}
	assert_int_equal(mount_stat(&mounted, "direct/opens") - direct, 2);
	/* one of them finds a stream, and so it is one again */
	for (int i = 0; i < 16; i++)
		read_in_order(path);
	assert_lane_becomes(path, "direct");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_read_at_random_is_plain_from_its_second_open_on),
	cmocka_unit_test(one_in_sixteen_of_its_opens_looks_again),
};

static const struct suite suite = {.name = "probes",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "large=stream,large_min=1M,admit=0",
	.mounts = true,
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
