/* Where no tmpfs may be mounted each cached file costs a descriptor: the cache leaves enough to others. Files
 * reached by their names survive the loss of their descriptors. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS 256
#define FILES 120
#define OPEN_FILES 160 /* more than the limit leaves once the O_PATH set is full */

static void path_of(char path[PATH_MAX], const struct mount *mount, unsigned number)
{
	snprintf(path, PATH_MAX, "%.3000s/file%u", mount->point, number);
}

static void the_cache_keeps_to_a_quarter_of_the_descriptors(void **state)
{
	const struct rlimit few = {DESCRIPTORS, DESCRIPTORS};
	char path[PATH_MAX], byte;
	int fds[FILES];
	struct mount mount;

	assert_return_code(setrlimit(RLIMIT_NOFILE, &few), errno);
	mount_start(&mount, "descriptors", "cache_size=64M,small_max=64K,admit=1,settle=0");
	for (unsigned i = 0; i < FILES; i++) {
		path_of(path, &mount, i);
		assert_return_code(put_file(path, 100, i), errno);
		warm(path);
	}
	assert_true(mount_stat(&mount, "fills") > DESCRIPTORS / 4);
	assert_true(mount_stat(&mount, "store_descriptors") > 0);
	assert_true(mount_stat(&mount, "store_descriptors") <= DESCRIPTORS / 4);
	for (unsigned i = 0; i < FILES; i++) {
		path_of(path, &mount, i);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		assert_return_code(fds[i], errno);
		assert_int_equal(read(fds[i], &byte, 1), 1);
	}
	for (unsigned i = 0; i < FILES; i++)
		close(fds[i]);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void close_tells_no_lack_of_descriptors(void **state)
{
	struct rlimit before, none;
	char path[PATH_MAX];
	struct mount mount;
	int fd;

	mount_start(&mount, "flush", NULL);
	path_of(path, &mount, 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	assert_int_equal(put(fd, 100, 0, 1), 100);
	assert_return_code(prlimit(mount.daemon, RLIMIT_NOFILE, NULL, &before), errno);
	none = (struct rlimit){0, before.rlim_max};
	assert_return_code(prlimit(mount.daemon, RLIMIT_NOFILE, &none, NULL), errno);
	assert_return_code(close(fd), errno);
	assert_return_code(prlimit(mount.daemon, RLIMIT_NOFILE, &before, NULL), errno);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* Idle O_PATH descriptors are closed when open files need theirs. */
static void descriptors_that_nobody_uses_go_to_open_files(void **state)
{
	const struct rlimit few = {DESCRIPTORS, DESCRIPTORS};
	const char *wanted = config.descriptors;
	int fds[OPEN_FILES];
	char path[PATH_MAX];
	struct mount mount;
	struct stat st;

	assert_return_code(setrlimit(RLIMIT_NOFILE, &few), errno);
	config.descriptors = NULL;
	mount_start(&mount, "few", "admit=0,attr_timeout=0");
	config.descriptors = wanted;
	for (unsigned i = 0; i < FILES; i++) {
		path_of(path, &mount, i);
		assert_return_code(put_file(path, 100, i), errno);
	}
	for (unsigned i = 0; i < FILES; i++) {
		path_of(path, &mount, i);
		assert_return_code(stat(path, &st), errno);
	}
	for (unsigned i = 0; i < OPEN_FILES; i++) {
		path_of(path, &mount, i % FILES);
		fds[i] = open(path, O_WRONLY | O_CLOEXEC);
		if (fds[i] < 0)
			fail_msg("open file %u: %s", i, strerror(errno));
	}
	for (unsigned i = 0; i < OPEN_FILES; i++) {
		assert_return_code(fstat(fds[i], &st), errno);
		close(fds[i]);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_file_whose_name_another_has_is_not_reached(void **state)
{
	char path[PATH_MAX], below[PATH_MAX + 8], other[PATH_MAX + 8];
	struct mount mount;
	struct stat st;
	int known;

	mount_start(&mount, "renamed", "attr_timeout=0");
	path_of(path, &mount, 0);
	assert_return_code(put_file(path, 100, 1), errno);
	known = open(path, O_PATH | O_CLOEXEC);
	assert_return_code(known, errno);
	assert_return_code(fstat(known, &st), errno);
	snprintf(below, sizeof(below), "%.3000s/file0", mount.source);
	snprintf(other, sizeof(other), "%.3000s/other", mount.source);
	assert_return_code(put_file(other, 200, 2), errno);
	assert_return_code(rename(other, below), errno);
	assert_int_equal(fstat(known, &st), -1);
	assert_int_equal(errno, ESTALE);
	close(known);
	assert_return_code(stat(path, &st), errno);
	assert_int_equal(st.st_size, 200);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_cache_keeps_to_a_quarter_of_the_descriptors),
	cmocka_unit_test(close_tells_no_lack_of_descriptors),
	cmocka_unit_test(descriptors_that_nobody_uses_go_to_open_files),
	cmocka_unit_test(a_file_whose_name_another_has_is_not_reached),
};

static const struct suite suite = {.name = "descriptors",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_daemon = true};

SUITE_MAIN(suite)
