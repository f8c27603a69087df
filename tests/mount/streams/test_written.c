/* large_write=trail: what files that the kernel writes leave in the page cache, and what their programs see.
 */
#include "cache/base/page_cache.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1ll << 20)
#define STREAM (192 * MIB)
#define LARGE (8 * MIB)
#define STEP MIB

static long long resident(const char *name)
{
	struct page_cache_counts counts;
	int fd = open_below(mounted.source, name, O_RDONLY);

	assert_int_equal(page_cache_count(fd, 0, 0, &counts), 0);
	close(fd);
	return (long long)counts.cached * PAGE_CACHE_PAGE;
}

static void await_at_most(const char *name, long long bytes)
{
	for (int i = 0; i < 1000 && resident(name) > bytes; i++)
		poll(NULL, 0, 10);
	if (resident(name) > bytes)
		fail_msg("%lld bytes of %s are left in the page cache", resident(name), name);
}

static void fill(char *piece, off_t at)
{
	for (size_t i = 0; i < STEP; i += sizeof(off_t))
		*(off_t *)(piece + i) = at + (off_t)i;
}

/* Returns the most that the page cache held. */
static long long write_slowly(int fd, const char *name, off_t from, off_t to)
{
	long long most = 0, now;
	static char piece[STEP];

	for (off_t at = from; at < to; at += STEP) {
		fill(piece, at);
		assert_int_equal(write(fd, piece, STEP), STEP);
		poll(NULL, 0, 5);
		now = resident(name);
		most = now > most ? now : most;
	}
	return most;
}

static void check(const char *root, const char *name, off_t from, off_t to)
{
	static char piece[STEP], right[STEP];
	int fd = open_below(root, name, O_RDONLY);

	for (off_t at = from; at < to; at += STEP) {
		fill(right, at);
		assert_int_equal(pread(fd, piece, STEP, at), STEP);
		if (memcmp(piece, right, STEP) != 0)
			fail_msg("%s/%s differs at %jd", root, name, (intmax_t)at);
	}
	close(fd);
}

static void remove_file(const char *name)
{
	char path[PATH_MAX];

	path_below(path, mounted.point, name);
	assert_return_code(unlink(path), errno);
}

static void a_stream_is_written_by_the_kernel_and_leaves_nothing(void **state)
{
	int fd = open_below(mounted.point, "stream", O_WRONLY | O_CREAT | O_TRUNC);

	assert_true(mount_stat(&mounted, "trail/opens") > 0);
	assert_in_range(write_slowly(fd, "stream", 0, STREAM), 0, STREAM / 4 * 3);
	assert_int_equal(close(fd), 0);
	await_at_most("stream", STREAM / 100);
	check(mounted.source, "stream", 0, STREAM);
	assert_int_equal(mount_stat(&mounted, "trail/written_bytes"), STREAM);
	remove_file("stream");
}

static void the_report_says_how_large_files_are_written(void **state)
{
	assert_int_equal(shell(NULL, 0, "%s stat %s | grep -q '^large_write_used *trailed'",
				 getenv("SIEVECTL"), mounted.point),
		0);
	assert_int_equal(shell(NULL, 0, "%s stat %s | grep -q '^large_write_why .*large_write'",
				 getenv("SIEVECTL"), mounted.point),
		0);
}

static void what_is_appended_to_an_old_file_goes_the_same_way(void **state)
{
	int fd = open_below(mounted.point, "log", O_WRONLY | O_CREAT | O_TRUNC);

	write_slowly(fd, "log", 0, 2 * LARGE);
	close(fd);
	fd = open_below(mounted.point, "log", O_WRONLY | O_APPEND);
	write_slowly(fd, "log", 2 * LARGE, STREAM / 2);
	close(fd);
	await_at_most("log", STREAM / 100);
	check(mounted.point, "log", 0, STREAM / 2);
	remove_file("log");
}

static void what_is_overwritten_in_order_leaves_too(void **state)
{
	static char piece[STEP];
	int fd = open_below(mounted.point, "again", O_WRONLY | O_CREAT | O_TRUNC);

	for (off_t at = 0; at < STREAM; at += STEP)
		assert_int_equal(write(fd, piece, STEP), STEP);
	close(fd);
	await_at_most("again", STREAM / 100);
	fd = open_below(mounted.point, "again", O_WRONLY);
	write_slowly(fd, "again", 0, STREAM);
	close(fd);
	await_at_most("again", STREAM / 100);
	check(mounted.source, "again", 0, STREAM);
	remove_file("again");
}

static void small_new_files_keep_their_pages_and_are_not_followed(void **state)
{
	static char piece[STEP];
	char name[32];

	for (int i = 0; i < 200; i++) {
		int fd;

		snprintf(name, sizeof(name), "small%d", i);
		fd = open_below(mounted.point, name, O_WRONLY | O_CREAT | O_EXCL);
		assert_int_equal(write(fd, piece, STEP / 16), STEP / 16);
		close(fd);
	}
	for (int i = 0; i < 100 && mount_stat(&mounted, "trail/files") > 0; i++)
		poll(NULL, 0, 20);
	assert_int_equal(mount_stat(&mounted, "trail/files"), 0);
	assert_int_equal(resident(name), STEP / 16);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "small%d", i);
		remove_file(name);
	}
}

static void a_program_runs_as_soon_as_it_was_written(void **state)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(
			shell(NULL, 0, "cp /bin/true %s/program && truncate -s 16M %s/program && %s/program",
				mounted.point, mounted.point, mounted.point),
			0);
	remove_file("program");
}

static void a_removed_file_gives_its_space_back_though_it_is_being_written(void **state)
{
	struct stat st;
	int fd = open_below(mounted.point, "removed", O_RDWR | O_CREAT | O_TRUNC);

	write_slowly(fd, "removed", 0, 2 * LARGE);
	remove_file("removed");
	assert_return_code(fstat(fd, &st), errno);
	assert_int_equal(st.st_nlink, 0);
	close(fd);
	for (int i = 0; i < 100 && mount_stat(&mounted, "trail/files") > 0; i++)
		poll(NULL, 0, 20);
	assert_int_equal(mount_stat(&mounted, "trail/files"), 0);
}

/* Where the disk can't be written any more nothing is lost that was acknowledged, and the program hears of
 * it. */
static void a_full_disk_is_told_to_its_writer_and_keeps_what_it_acknowledged(void **state)
{
	static char piece[STEP];
	char dir[PATH_MAX];
	struct mount mount;
	off_t done = 0;
	int fd;

	mount_prepare(&mount, "full");
	path_below(dir, config.base, "full.disk");
	volume_make(dir, mount.source, "ext4", "64M");
	mount_start(&mount, "full", "large_write=trail,large_min=8M,small_max=64K,cache_size=8M");
	fd = open_below(mount.point, "file", O_WRONLY | O_CREAT | O_TRUNC);
	for (ssize_t n = STEP; n == STEP; done += n > 0 ? n : 0) {
		fill(piece, done);
		n = write(fd, piece, STEP);
		assert_true(n > 0 || errno == ENOSPC);
		poll(NULL, 0, 5);
	}
	assert_in_range(done, 32 * MIB, 64 * MIB);
	assert_int_equal(fsync(fd), 0);
	check(mount.source, "file", 0, done / STEP * STEP);
	assert_return_code(ftruncate(fd, 0), errno);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	fill(piece, 0);
	assert_int_equal(write(fd, piece, STEP), STEP);
	assert_int_equal(fsync(fd), 0);
	close(fd);
	check(mount.source, "file", 0, STEP);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	umount(mount.source);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_stream_is_written_by_the_kernel_and_leaves_nothing),
	cmocka_unit_test(the_report_says_how_large_files_are_written),
	cmocka_unit_test(what_is_appended_to_an_old_file_goes_the_same_way),
	cmocka_unit_test(what_is_overwritten_in_order_leaves_too),
	cmocka_unit_test(small_new_files_keep_their_pages_and_are_not_followed),
	cmocka_unit_test(a_program_runs_as_soon_as_it_was_written),
	cmocka_unit_test(a_removed_file_gives_its_space_back_though_it_is_being_written),
	cmocka_unit_test(a_full_disk_is_told_to_its_writer_and_keeps_what_it_acknowledged),
};

static const struct suite suite = {.name = "written",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "large_write=trail,large_min=8M,small_max=64K,cache_size=8M",
	.mounts = true,
	.needs_root = true,
	.needs_daemon = true,
	.needs_cachestat = true};

SUITE_MAIN(suite)
