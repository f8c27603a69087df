/* large=stream: which opens are taken for streams, and what those leave in the page cache. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE_MIN (1 << 20)

static void path_of(char path[PATH_MAX], const char *root, const char *name)
{
	snprintf(path, PATH_MAX, "%.3000s/%s", root, name);
}

/* Which lane the open got. */
static const char *lane_of_open(const char *name, int flags)
{
	long long direct = mount_stat(&mounted, "direct/opens"), plain = mount_stat(&mounted, "plain/opens");
	char path[PATH_MAX];
	int fd;

	path_of(path, mounted.point, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	direct = mount_stat(&mounted, "direct/opens") - direct;
	plain = mount_stat(&mounted, "plain/opens") - plain;
	close(fd);
	assert_int_equal(direct + plain, 1);
	return direct ? "direct" : "plain";
}

static void make(const char *name, off_t size)
{
	char path[PATH_MAX];
	int fd;

	path_of(path, mounted.source, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, size), errno);
	close(fd);
}

static void a_file_made_anew_is_a_stream_however_it_is_opened(void **state)
{
	make("large", 4 * LARGE_MIN);
	make("small", 100);
	assert_string_equal(lane_of_open("large", O_RDWR | O_TRUNC), "direct");
	assert_string_equal(lane_of_open("small", O_RDWR | O_TRUNC), "direct");
	assert_string_equal(lane_of_open("new1", O_RDWR | O_CREAT | O_EXCL), "direct");
	assert_string_equal(lane_of_open("new2", O_RDWR | O_CREAT | O_TRUNC), "direct");
	assert_string_equal(lane_of_open("new3", O_WRONLY | O_CREAT), "direct");
	assert_string_equal(lane_of_open("new4", O_WRONLY | O_APPEND | O_CREAT | O_EXCL), "direct");
	assert_string_equal(lane_of_open("", O_RDWR | O_TMPFILE), "direct");
}

static void a_file_opened_in_place_is_a_database(void **state)
{
	make("base", 4 * LARGE_MIN);
	assert_string_equal(lane_of_open("base", O_RDWR), "plain");
	assert_string_equal(lane_of_open("base", O_RDWR | O_CREAT), "plain");
	assert_string_equal(lane_of_open("base", O_WRONLY), "direct");
	assert_string_equal(lane_of_open("base", O_RDWR | O_APPEND), "direct");
	make("base", 0);
	assert_string_equal(lane_of_open("base", O_RDWR), "plain");
	assert_string_equal(lane_of_open("newbase", O_RDWR | O_CREAT), "plain");
	assert_string_equal(lane_of_open("log", O_WRONLY | O_APPEND | O_CREAT), "plain");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_made_anew_is_a_stream_however_it_is_opened),
	cmocka_unit_test(a_file_opened_in_place_is_a_database),
};

static const struct suite suite = {.name = "streams",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "large=stream,large_min=1M,small_max=64K,cache_size=8M",
	.mounts = true,
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
