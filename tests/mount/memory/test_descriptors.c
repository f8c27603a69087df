/* Where no tmpfs may be mounted each cached file costs a descriptor: the cache leaves enough to others. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS 256
#define FILES 120

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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_cache_keeps_to_a_quarter_of_the_descriptors),
	cmocka_unit_test(close_tells_no_lack_of_descriptors),
};

static const struct suite suite = {.name = "descriptors",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_daemon = true};

SUITE_MAIN(suite)
