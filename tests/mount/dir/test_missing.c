/* Names that do not exist: whether the kernel caches that, and what is made directly in SOURCE meanwhile. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMES 2000
#define PATIENCE_MS 20000

static char above[PATH_MAX], below[PATH_MAX];

static void name_file(const struct mount *mount, const char *name)
{
	path_below(above, mount->point, name);
	path_below(below, mount->source, name);
}

/* Of a missing name that is asked for TIMES times. */
static long long lookups_of_missing(const struct mount *mount)
{
	long long before = mount_requests(mount, "lookup");

	for (int i = 0; i < TIMES; i++)
		assert_int_equal(access(above, F_OK), -1);
	return mount_requests(mount, "lookup") - before;
}

static void a_name_that_is_missing_again_and_again_is_seldom_requested(void **state)
{
	struct mount mount;
	long long requests;

	mount_start(&mount, "again", "");
	name_file(&mount, "no file");
	requests = lookups_of_missing(&mount);
	for (int64_t until_us = g_get_monotonic_time() + 2000000; g_get_monotonic_time() < until_us;)
		assert_int_equal(access(above, F_OK), -1);
	assert_in_range(requests, 2, TIMES / 2);
	assert_true(mount_requests(&mount, "lookup") > requests + 3); /* each fifth of a second */
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_file_made_behind_the_mount_after_one_look_is_found_at_once(void **state)
{
	struct mount mount;
	char name[32];

	mount_start(&mount, "once", "");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		name_file(&mount, name);
		assert_int_equal(access(above, F_OK), -1);
		assert_return_code(put_file(below, 10, 1), errno);
		assert_return_code(access(above, F_OK), errno);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_file_made_behind_the_mount_after_many_looks_is_found_soon(void **state)
{
	struct mount mount;
	int waited_ms = 0;

	mount_start(&mount, "soon", "");
	name_file(&mount, "file");
	lookups_of_missing(&mount);
	assert_return_code(put_file(below, 10, 1), errno);
	for (; access(above, F_OK) < 0; waited_ms += 10) {
		assert_true(waited_ms < PATIENCE_MS);
		poll(NULL, 0, 10);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_file_made_through_the_mount_after_many_looks_is_found_at_once(void **state)
{
	char other[PATH_MAX];
	struct mount mount;

	mount_start(&mount, "through", "");
	name_file(&mount, "file");
	lookups_of_missing(&mount);
	assert_return_code(put_file(above, 10, 1), errno);
	assert_return_code(access(above, F_OK), errno);
	path_below(other, mount.point, "other");
	assert_return_code(rename(above, other), errno);
	lookups_of_missing(&mount);
	assert_return_code(rename(other, above), errno);
	assert_return_code(access(above, F_OK), errno);
	assert_return_code(unlink(above), errno);
	lookups_of_missing(&mount);
	assert_return_code(mkdir(above, 0700), errno);
	assert_return_code(access(above, F_OK), errno);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void with_a_timeout_of_0_each_look_is_a_request(void **state)
{
	struct mount mount;

	mount_start(&mount, "never", "negative_timeout=0");
	name_file(&mount, "no file");
	assert_int_equal(lookups_of_missing(&mount), TIMES);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void in_a_directory_with_a_locked_file_each_look_is_a_request(void **state)
{
	struct mount mount;
	int fd;

	mount_start(&mount, "locked", "");
	name_file(&mount, "locked");
	assert_return_code(put_file(above, 10, 1), errno);
	fd = open(above, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_return_code(flock(fd, LOCK_EX), errno);
	name_file(&mount, "no file");
	assert_true(lookups_of_missing(&mount) >= TIMES);
	close(fd);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_name_that_is_missing_again_and_again_is_seldom_requested),
	cmocka_unit_test(a_file_made_behind_the_mount_after_one_look_is_found_at_once),
	cmocka_unit_test(a_file_made_behind_the_mount_after_many_looks_is_found_soon),
	cmocka_unit_test(a_file_made_through_the_mount_after_many_looks_is_found_at_once),
	cmocka_unit_test(with_a_timeout_of_0_each_look_is_a_request),
	cmocka_unit_test(in_a_directory_with_a_locked_file_each_look_is_a_request),
};

static const struct suite suite = {.name = "missing",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_daemon = true};

SUITE_MAIN(suite)
