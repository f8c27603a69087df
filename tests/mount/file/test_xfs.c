/*
 * xfs answers EIO to O_DIRECT reads of blocks that fallocate(2) brought into the file where they were only
 * promised for what may be appended; the page cache reads them as zeros. (Seen on Linux 6.18.)
 */
#include "tests/support/suite.h"
#include "tests/support/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST 193024
#define LENGTH 40000
#define LATER 245773
#define SIZE (LATER + 20)
#define PART 199680 /* a first read up to here writes back less than there is */
#define NEXT 65536

static struct mount tree;

static int open_file(const char *root, const char *name, int flags)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, PATH_MAX, "%.3000s/%s", root, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	return fd;
}

/* The descriptor: what is promised for appending goes with the last one. */
static int make(const char *name)
{
	int fd = open_file(tree.source, name, O_RDWR | O_CREAT | O_TRUNC);
	static char bytes[LENGTH];

	memset(bytes, 'x', LENGTH);
	assert_return_code(ftruncate(fd, 176128), errno);
	assert_int_equal(pwrite(fd, bytes, LENGTH, FIRST), LENGTH);
	assert_int_equal(pwrite(fd, bytes, 9000, 8704), 9000);
	assert_return_code(fallocate(fd, FALLOC_FL_ZERO_RANGE, LATER, 20), errno);
	return fd;
}

static bool xfs_refuses(const char *name)
{
	char *buf = aligned_alloc(4096, PART);
	int error = 0, writer = make(name), fd = open_file(tree.source, name, O_RDONLY | O_DIRECT);

	assert_int_equal(pread(fd, buf, PART, 0), PART);
	if (pread(fd, buf, PART, NEXT) < 0)
		error = errno;
	close(fd);
	close(writer);
	free(buf);
	return error == EIO;
}

static void what_xfs_refuses_to_o_direct_is_read_through_the_page_cache(void **state)
{
	char *right = calloc(1, SIZE), *buf = aligned_alloc(4096, PART), dir[PATH_MAX];
	int fd, writer;

	mount_prepare(&tree, "xfs");
	snprintf(dir, PATH_MAX, "%.3000s/xfs.disk", config.base);
	volume_make(dir, tree.source, "xfs", "300M");
	mount_start(&tree, "xfs", "large=direct,large_min=4K,small_max=1K,admit=0");
	memset(right + FIRST, 'x', LENGTH);
	memset(right + 8704, 'x', 9000);
	if (!xfs_refuses("bare"))
		print_message("this kernel's xfs answers\n");
	writer = make("through");
	fd = open_file(tree.point, "through", O_RDONLY);
	assert_int_equal(pread(fd, buf, PART, 0), PART);
	assert_memory_equal(buf, right, PART);
	assert_int_equal(pread(fd, buf, PART, NEXT), SIZE - NEXT);
	assert_memory_equal(buf, right + NEXT, SIZE - NEXT);
	close(fd);
	close(writer);
	mount_stop(&tree, MOUNT_END_UMOUNT);
	free(right);
	free(buf);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_xfs_refuses_to_o_direct_is_read_through_the_page_cache),
};

static const struct suite suite = {.name = "xfs",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
