/* What xfs does otherwise than ext4. */
#include "tests/support/suite.h"
#include "tests/support/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST 193024
#define LENGTH 40000
#define LATER 245773
#define SIZE (LATER + 20)
#define PART 199680 /* a first read up to here writes back less than there is */
#define NEXT 65536
#define ROOM (256 << 10)

static struct mount tree;

/* The descriptor: what is promised for appending goes with the last one. */
static int make(const char *name)
{
	int fd = open_below(tree.source, name, O_RDWR | O_CREAT | O_TRUNC);
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
	char *buf = aligned_alloc(4096, ROOM);
	int error = 0, writer = make(name), fd = open_below(tree.source, name, O_RDONLY | O_DIRECT);

	assert_int_equal(pread(fd, buf, PART, 0), PART);
	if (pread(fd, buf, PART, NEXT) < 0)
		error = errno;
	close(fd);
	close(writer);
	free(buf);
	return error == EIO;
}

static void tree_start(const char *name, const char *options)
{
	char dir[PATH_MAX];

	mount_prepare(&tree, name);
	snprintf(dir, PATH_MAX, "%.3000s/%.32s.disk", config.base, name);
	volume_make(dir, tree.source, "xfs", "300M");
	mount_start(&tree, name, options);
}

/* EIO is its answer to O_DIRECT reads of blocks that fallocate(2) brought into the file where they were only
 * promised for what may be appended; the page cache reads them as zeros. (Seen on Linux 6.18.) */
static void what_xfs_refuses_to_o_direct_is_read_through_the_page_cache(void **state)
{
	char *right = calloc(1, SIZE), *buf = aligned_alloc(4096, ROOM);
	int fd, writer;

	tree_start("refused", "large=direct,large_min=4K,small_max=1K,admit=0");
	memset(right + FIRST, 'x', LENGTH);
	memset(right + 8704, 'x', 9000);
	if (!xfs_refuses("bare"))
		print_message("this kernel's xfs answers\n");
	writer = make("through");
	fd = open_below(tree.point, "through", O_RDONLY);
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

static time_t mtime_of(const char *path)
{
	struct stat st;

	assert_return_code(stat(path, &st), errno);
	return st.st_mtime;
}

/* A change of the size to what it was sets the times when it is asked for by descriptor, not by path. */
static void resized(const char *root, bool *by_path, bool *by_descriptor)
{
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	int fd = open_below(root, "same", O_RDWR | O_CREAT | O_TRUNC);
	char path[PATH_MAX];

	snprintf(path, PATH_MAX, "%.3000s/same", root);
	assert_int_equal(write(fd, "12345", 5), 5);
	assert_return_code(futimens(fd, times), errno);
	assert_return_code(truncate(path, 5), errno);
	*by_path = mtime_of(path) != 1000;
	assert_return_code(futimens(fd, times), errno);
	assert_return_code(ftruncate(fd, 5), errno);
	*by_descriptor = mtime_of(path) != 1000;
	close(fd);
}

static void the_same_size_again_changes_the_times_that_xfs_changes(void **state)
{
	bool bare[2], through[2];

	tree_start("resized", NULL);
	resized(tree.source, &bare[0], &bare[1]);
	resized(tree.point, &through[0], &through[1]);
	assert_int_equal(through[0], bare[0]);
	assert_int_equal(through[1], bare[1]);
	mount_stop(&tree, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_same_size_again_changes_the_times_that_xfs_changes),
	cmocka_unit_test(what_xfs_refuses_to_o_direct_is_read_through_the_page_cache),
};

static const struct suite suite = {.name = "xfs",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
