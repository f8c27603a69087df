/* large=stream where nothing can be trailed: which large files are taken for streams, which for databases,
 * and how opens change their minds. */
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
#define STREAM (96 << 20)
#define STREAM_RECORD (4 << 20)
#define READ_AHEAD (16 << 20) /* before it is known what the records are, and at a change of mind */

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

/* Bytes that reads of large files have taken from the disk. */
static long long device_bytes(void)
{
	return mount_stat(&mounted, "straight_bytes") + mount_stat(&mounted, "readahead_bytes");
}

static void a_backward_reader_of_large_records_takes_them_from_the_disk_once(void **state)
{
	char *buf = aligned_alloc(4096, STREAM_RECORD), path[PATH_MAX];
	long long before;
	int fd;

	path_below(path, mounted.source, "backwards");
	assert_return_code(put_file(path, STREAM, 3), errno);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_return_code(fsync(fd), errno);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	poll(NULL, 0, 3000); /* until the file's stamp counts for something, whatever its clock */
	path_below(path, mounted.point, "backwards");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	before = device_bytes();
	for (off_t offset = STREAM - STREAM_RECORD; offset >= 0; offset -= STREAM_RECORD) {
		assert_int_equal(pread(fd, buf, STREAM_RECORD, offset), STREAM_RECORD);
	}
	close(fd);
	if (device_bytes() - before > STREAM + READ_AHEAD)
		fail_msg("%lld bytes for %d", device_bytes() - before, STREAM);
	free(buf);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_read_at_random_is_plain_from_its_second_open_on),
	cmocka_unit_test(one_in_sixteen_of_its_opens_looks_again),
	cmocka_unit_test(a_backward_reader_of_large_records_takes_them_from_the_disk_once),
};

static const struct suite suite = {.name = "probes",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "large=stream,large_min=1M,admit=0",
	.mounts = true,
	.needs_root = true,
	.needs_daemon = true};

int main(int argc, char **argv)
{
	setenv("SIEVEFS_TRAIL", "none", 1);
	return suite_run(&suite, argc, argv);
}
