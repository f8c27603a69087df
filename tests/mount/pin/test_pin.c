/* Pinned files: their pages stay, whatever streams past, and the file is never anything but itself. */
#include "tests/mount/pin/pins.h"
#include "tests/support/pages.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A ring of the daemon that ended is taken apart a moment later. */
static void unmount_soon(const char *point)
{
	for (int tries = 0; umount2(point, 0) < 0; tries++) {
		assert_int_equal(errno, EBUSY);
		assert_true(tries < 500);
		usleep(10000);
	}
}

/* --- what is pinned --------------------------------------------------------------------------- */

static void a_pinned_file_stays_in_the_page_cache_and_is_found_there(void **state)
{
	struct mount mount;
	long long hits;

	mount_start(&mount, "stays", OPTIONS);
	pin(&mount, "f", 10 * PAGE + 1);
	pages_drop(below(&mount, "f"));
	assert_int_equal(pages_resident(below(&mount, "f")), 11);
	hits = mount_stat(&mount, "hits");
	use(in(&mount, "f"));
	assert_int_equal(mount_stat(&mount, "hits"), hits + 1);
	assert_true(mount_stat(&mount, "cached/opens") >= 1);
	assert_int_equal(mount_stat(&mount, "read_bytes"), 0); /* the daemon moved nothing */
	mount_stop(&mount, MOUNT_END_UMOUNT);
	assert_let_go(below(&mount, "f"));
}

static void a_file_is_pinned_while_it_is_open_for_whatever(void **state)
{
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND};
	struct mount mount;
	char name[16];

	mount_start(&mount, "open", OPTIONS);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int fd;

		snprintf(name, sizeof(name), "f%zu", i);
		assert_return_code(put_file(below(&mount, name), 4 * PAGE, 1), errno);
		fd = open(in(&mount, name), flags[i] | O_CLOEXEC);
		assert_return_code(fd, errno);
		use(in(&mount, name));
		await(&mount, "objects", (long long)i + 1);
		pages_drop(below(&mount, name));
		assert_int_equal(pages_resident(below(&mount, name)), 4);
		close(fd);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void writers_of_a_pinned_file_do_not_go_through_the_daemon(void **state)
{
	struct mount mount;
	char got[5] = "";
	int fd, direct;
	void *page = NULL;

	mount_start(&mount, "writers", OPTIONS);
	pin(&mount, "f", 8 * PAGE);
	fd = open(in(&mount, "f"), O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pwrite(fd, "here", 4, 5), 4);
	direct = open(below(&mount, "f"), O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(direct, got, 4, 5), 4);
	assert_string_equal(got, "here");
	assert_int_equal(pwrite(direct, "back", 4, 5), 4);
	assert_int_equal(pread(fd, got, 4, 5), 4);
	assert_string_equal(got, "back");
	close(direct);
	assert_int_equal(posix_memalign(&page, PAGE, PAGE), 0);
	memset(page, 'd', PAGE);
	direct = open(below(&mount, "f"), O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (direct >= 0) { /* tmpfs has none on older kernels */
		assert_int_equal(pwrite(direct, page, PAGE, 2 * PAGE), PAGE);
		assert_int_equal(pread(fd, got, 4, 2 * PAGE + 100), 4);
		assert_string_equal(got, "dddd");
		close(direct);
	}
	assert_int_equal(mount_stat(&mount, "write_bytes"), 0);
	assert_int_equal(mount_stat(&mount, "cached-write/opens"), 0);
	close(fd);
	free(page);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* What a writer around the page cache drops comes back unlocked; what is appended was never locked. */
static void a_pin_is_mended_after_growth_truncation_and_direct_writes(void **state)
{
	struct mount mount;
	void *page = NULL;
	int fd;

	mount_start(&mount, "mended", OPTIONS);
	pin(&mount, "f", 8 * PAGE);
	fd = open(below(&mount, "f"), O_WRONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pwrite(fd, "x", 1, 19 * PAGE), 1);
	use(in(&mount, "f"));
	await(&mount, "locked_bytes", 20 * PAGE);
	assert_return_code(ftruncate(fd, 3 * PAGE), errno);
	use(in(&mount, "f"));
	await(&mount, "locked_bytes", 3 * PAGE);
	assert_return_code(ftruncate(fd, 0), errno);
	use(in(&mount, "f"));
	await(&mount, "locked_bytes", 0);
	assert_int_equal(mount_stat(&mount, "objects"), 1);
	/* without an open: within the round of looks */
	assert_int_equal(pwrite(fd, "x", 1, 5 * PAGE), 1);
	await(&mount, "locked_bytes", 6 * PAGE);
	close(fd);
	assert_int_equal(posix_memalign(&page, PAGE, PAGE), 0);
	memset(page, 'd', PAGE);
	fd = open(below(&mount, "f"), O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (fd >= 0) {
		long long mends = mount_stat(&mount, "refreshes");

		assert_int_equal(pwrite(fd, page, PAGE, PAGE), PAGE);
		use(in(&mount, "f"));
		for (int tries = 0; mount_stat(&mount, "refreshes") == mends && tries < 1000; tries++)
			usleep(10000);
		close(fd);
		pages_drop(below(&mount, "f"));
		assert_int_equal(pages_resident(below(&mount, "f")), 6);
	}
	free(page);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* The kernel counts who has it open: see LIMITS in sievefs(8). */
static void a_pinned_file_gives_no_lease_for_writing_until_it_is_let_go(void **state)
{
	struct mount mount;
	int fd;

	mount_start(&mount, "lease", OPTIONS);
	pin(&mount, "f", 4 * PAGE);
	fd = open(below(&mount, "f"), O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), -1);
	assert_int_equal(errno, EAGAIN);
	assert_return_code(ftruncate(fd, 2 << 20), errno); /* beyond small_max */
	for (int tries = 0; fcntl(fd, F_SETLEASE, F_WRLCK) < 0 && tries < 500; tries++)
		usleep(10000);
	assert_int_equal(fcntl(fd, F_GETLEASE), F_WRLCK);
	close(fd);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_file_that_outgrows_small_max_is_let_go(void **state)
{
	struct mount mount;

	mount_start(&mount, "outgrows", "store=pin,admit=1,small_max=64K,cache_size=64M");
	pin(&mount, "f", 10 * PAGE);
	assert_return_code(truncate(below(&mount, "f"), 17 * PAGE), errno);
	use(in(&mount, "f"));
	await(&mount, "objects", 0);
	assert_int_equal(mount_stat(&mount, "locked_bytes"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* --- names ------------------------------------------------------------------------------------ */

static void a_file_that_replaces_a_pinned_one_is_pinned_in_its_turn(void **state)
{
	struct mount mount;

	mount_start(&mount, "replaced", "store=pin,admit=2,small_max=1M,cache_size=64M");
	assert_return_code(put_file(below(&mount, "f"), 4 * PAGE, 1), errno);
	use(in(&mount, "f"));
	use(in(&mount, "f"));
	await(&mount, "locked_bytes", 4 * PAGE);
	assert_return_code(put_file(in(&mount, "new"), 7 * PAGE, 2), errno);
	assert_return_code(rename(in(&mount, "new"), in(&mount, "f")), errno);
	await(&mount, "locked_bytes", 7 * PAGE); /* the old one is gone, the new one was never read */
	assert_int_equal(mount_stat(&mount, "objects"), 1);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_removed_file_gives_its_space_back(void **state)
{
	static const bool through_the_mount[] = {true, false};
	struct mount mount;
	struct statvfs fs;
	char dir[PATH_MAX], source[PATH_MAX];

	snprintf(dir, sizeof(dir), "%.3000s/volume", config.base);
	snprintf(source, sizeof(source), "%.3000s/space.source", config.base);
	volume_make(dir, source, "ext4", "16M");
	mount_start(&mount, "space", OPTIONS);
	for (size_t i = 0; i < 2; i++) {
		const char *path = through_the_mount[i] ? in(&mount, "f") : below(&mount, "f");
		unsigned long before;
		int tries = 0;

		assert_return_code(statvfs(mount.source, &fs), errno);
		before = fs.f_bfree;
		pin(&mount, "f", 200 * PAGE);
		assert_return_code(unlink(path), errno);
		do { /* within seconds */
			usleep(20000);
			assert_return_code(statvfs(mount.source, &fs), errno);
		} while (fs.f_bfree + 8 < before && ++tries < 500);
		assert_true(fs.f_bfree + 8 >= before);
		await(&mount, "objects", 0);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
	unmount_soon(source);
}

static void files_of_a_file_system_mounted_below_are_pinned_by_rule_only(void **state)
{
	char dir[PATH_MAX], point[PATH_MAX], rules[PATH_MAX], options[PATH_MAX + 128];
	struct mount mount;
	FILE *file;

	snprintf(dir, sizeof(dir), "%.3000s/volume2", config.base);
	snprintf(point, sizeof(point), "%.3000s/under.source/disk", config.base);
	snprintf(rules, sizeof(rules), "%.3000s/under.rules", config.base);
	volume_make(dir, point, "ext4", "16M");
	file = fopen(rules, "we");
	assert_non_null(file);
	fputs("[pinned]\npath = /disk/wanted\npin = true\n", file);
	fclose(file);
	snprintf(options, sizeof(options), OPTIONS ",rules=%.3000s", rules);
	mount_start(&mount, "under", options);
	assert_return_code(put_file(below(&mount, "disk/f"), 4 * PAGE, 1), errno);
	assert_return_code(put_file(below(&mount, "disk/wanted"), 3 * PAGE, 1), errno);
	for (int i = 0; i < 3; i++)
		use(in(&mount, "disk/f"));
	use(in(&mount, "disk/wanted"));
	await(&mount, "locked_bytes", 3 * PAGE);
	assert_int_equal(mount_stat(&mount, "objects"), 1);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	unmount_soon(point);
}

/* --- budget ----------------------------------------------------------------------------------- */

static void the_budget_holds_also_where_all_files_are_open(void **state)
{
	struct mount mount;
	char name[16];
	int fds[200];

	mount_start(&mount, "budget", "store=pin,admit=1,small_max=64K,cache_size=1M");
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_return_code(put_file(below(&mount, name), 4 * PAGE, 1), errno);
		fds[i] = open(in(&mount, name), O_RDONLY | O_CLOEXEC);
		assert_return_code(fds[i], errno);
		if (i % 20 == 19)
			assert_true(mount_stat(&mount, "locked_bytes") <= 1 << 20);
	}
	for (int tries = 0; mount_stat(&mount, "evictions") < 100 && tries < 500; tries++)
		usleep(10000);
	assert_true(mount_stat(&mount, "evictions") >= 100);
	assert_true(mount_stat(&mount, "object_bytes") <= 1 << 20);
	assert_int_equal(mount_stat(&mount, "parked_objects"), 0);
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_pinned_file_stays_in_the_page_cache_and_is_found_there),
	cmocka_unit_test(a_file_is_pinned_while_it_is_open_for_whatever),
	cmocka_unit_test(writers_of_a_pinned_file_do_not_go_through_the_daemon),
	cmocka_unit_test(a_pin_is_mended_after_growth_truncation_and_direct_writes),
	cmocka_unit_test(a_pinned_file_gives_no_lease_for_writing_until_it_is_let_go),
	cmocka_unit_test(a_file_that_outgrows_small_max_is_let_go),
	cmocka_unit_test(a_file_that_replaces_a_pinned_one_is_pinned_in_its_turn),
	cmocka_unit_test(a_removed_file_gives_its_space_back),
	cmocka_unit_test(files_of_a_file_system_mounted_below_are_pinned_by_rule_only),
	cmocka_unit_test(the_budget_holds_also_where_all_files_are_open),
};

static const struct suite suite = {
	.name = "pin",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true,
};

SUITE_MAIN(suite)
