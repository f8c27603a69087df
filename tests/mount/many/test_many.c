/*
 * Many files: a walk with few descriptors, a directory of 50,000 names, reopening by handle after the inode
 * was forgotten.
 *
 * SOURCE is an ext4 of the test's own in a loop device, which is thrown away whole: removing 100,000 files
 * takes longer than making them.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PER_DIR 1000
#define CROWDED 50000
#define DESCRIPTORS 1024

static struct mount many;
static bool is_mounted;
static unsigned long file_count, seen_files, wrong_files;

static void make_image(void)
{
	static char output[4096];
	char image[PATH_MAX];

	snprintf(image, sizeof(image), "%.3000s/image", config.base);
	if (shell(output, sizeof(output),
		    "truncate -s 8G '%s' && mkfs.ext4 -q -O ^has_journal -N %lu '%s' && mount -o "
		    "loop,noatime '%s' '%s'",
		    image, file_count + CROWDED + 10000, image, image, many.source))
		SKIP_TEST("no loop-mounted ext4 here: %s", output);
}

static void make_files(void)
{
	char path[PATH_MAX];

	for (unsigned long i = 0; i < file_count; i++) {
		int fd;

		snprintf(path, sizeof(path), "%.3000s/%lu", many.source, i / PER_DIR);
		if (i % PER_DIR == 0)
			assert_return_code(mkdir(path, 0755), errno);
		snprintf(path, sizeof(path), "%.3000s/%lu/%lu", many.source, i / PER_DIR, i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		assert_return_code(fd, errno);
		if (write(fd, &i, sizeof(i)) != sizeof(i))
			fail_msg("%s: %s", path, strerror(errno));
		close(fd);
	}
	snprintf(path, sizeof(path), "%.3000s/crowded", many.source);
	assert_return_code(mkdir(path, 0755), errno);
	for (unsigned i = 0; i < CROWDED; i++) {
		snprintf(path, sizeof(path), "%.3000s/crowded/%u", many.source, i);
		assert_return_code(mknod(path, S_IFREG | 0644, 0), errno);
	}
}

static void a_tree_of_many_files_is_mounted(void **state)
{
	const struct rlimit few = {DESCRIPTORS, DESCRIPTORS};

	file_count = config.file_count ? config.file_count : 100000;
	mount_prepare(&many, "many");
	if (!config.bare)
		make_image();
	else
		file_count = 2000;
	make_files();
	/* The daemon inherits it. Many forgotten inodes are part of the test, so the caches are dropped in
	 * between. */
	assert_return_code(setrlimit(RLIMIT_NOFILE, &few), errno);
	mount_start(&many, "many", "admit=1,settle=0,cache_size=16M");
	is_mounted = true;
}

static int look_at(const char *path, const struct stat *st, int type, struct FTW *where)
{
	unsigned long number = 0;
	const char *name = strrchr(path, '/') + 1;
	int fd;

	if (type == FTW_D || strstr(path, "/crowded"))
		return 0;
	if (type != FTW_F || st->st_size != sizeof(number))
		return 1;
	seen_files++;
	if (seen_files % 10)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 1;
	if (read(fd, &number, sizeof(number)) != sizeof(number) || number != strtoul(name, NULL, 10))
		wrong_files++;
	close(fd);
	return 0;
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "2", 1) != 1)
		print_message("could not drop caches\n");
	if (fd >= 0)
		close(fd);
}

static unsigned count_descriptors(void)
{
	char path[64];
	unsigned count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)many.daemon);
	dir = opendir(path);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

static void a_walk_over_many_files_needs_few_descriptors(void **state)
{
	char path[PATH_MAX];

	if (!is_mounted)
		skip();
	seen_files = wrong_files = 0;
	assert_int_equal(nftw(many.point, look_at, 20, FTW_PHYS), 0);
	assert_int_equal(seen_files, file_count);
	assert_int_equal(wrong_files, 0);
	print_message("%lu files walked, the daemon has %u descriptors\n", seen_files, count_descriptors());
	drop_caches();
	snprintf(path, sizeof(path), "%.3000s/%lu/%lu", many.point, (file_count - 1) / PER_DIR,
		file_count - 1);
	assert_return_code(access(path, R_OK), errno);
}

static void all_its_names_are_listed_from_a_crowded_directory(void **state)
{
	unsigned char *seen = calloc(CROWDED, 1);
	unsigned count = 0, twice = 0;
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir;

	if (!is_mounted)
		skip();
	snprintf(path, sizeof(path), "%.3000s/crowded", many.point);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		count++;
		twice += seen[strtoul(entry->d_name, NULL, 10) % CROWDED]++ != 0;
	}
	closedir(dir);
	free(seen);
	assert_int_equal(count, CROWDED);
	assert_int_equal(twice, 0);
}

/* As an NFS server holds them: after the kernel forgot the inode the handle still leads to the file. */
static void a_handle_reopens_a_forgotten_file(void **state)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handles[20];
	int mount_id, dir;

	if (!is_mounted)
		skip();
	for (unsigned i = 0; i < 20; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%.3000s/%u/%u", many.point, i * 5 / PER_DIR, i * 5);
		handles[i].handle.handle_bytes = MAX_HANDLE_SZ;
		assert_return_code(
			name_to_handle_at(AT_FDCWD, path, &handles[i].handle, &mount_id, 0), errno);
	}
	dir = open(many.point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int round = 0; round < 3; round++) {
		drop_caches();
		for (unsigned i = 0; i < 20; i++) {
			unsigned long number = 0;
			int fd = open_by_handle_at(dir, &handles[i].handle, O_RDONLY | O_CLOEXEC);

			if (fd < 0)
				fail_msg("handle %u, round %d: %s", i, round, strerror(errno));
			assert_int_equal(read(fd, &number, sizeof(number)), sizeof(number));
			assert_int_equal(number, i * 5);
			close(fd);
		}
	}
	close(dir);
}

static void a_handle_of_a_removed_file_is_stale(void **state)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle;
	char path[PATH_MAX];
	int mount_id, dir, fd = -1;

	if (!is_mounted)
		skip();
	snprintf(path, sizeof(path), "%.3000s/0/7", many.point);
	handle.handle.handle_bytes = MAX_HANDLE_SZ;
	assert_return_code(name_to_handle_at(AT_FDCWD, path, &handle.handle, &mount_id, 0), errno);
	assert_return_code(unlink(path), errno);
	dir = open(many.point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* until the daemon has heard that the kernel has forgotten the file, it can still be reached */
	for (int tries = 0; tries < 100; tries++) {
		drop_caches();
		fd = open_by_handle_at(dir, &handle.handle, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			break;
		close(fd);
		poll(NULL, 0, 50);
	}
	assert_int_equal(fd, -1);
	assert_int_equal(errno, ESTALE);
	close(dir);
}

/* A listing looks up each name, and takes a reference that FORGET must give back.
 */
static void what_listings_looked_up_is_forgotten(void **state)
{
	long long before, after;

	if (config.bare)
		skip();
	assert_int_equal(shell(NULL, 0,
				 "cd '%s' && for a in 1 2 3; do for b in 1 2 3; do mkdir -p nested/$a/$b && "
				 "(cd nested/$a/$b && seq 100 | xargs touch); done; done",
				 many.point),
		0);
	for (int tries = 0; tries < 20; tries++) {
		drop_caches();
		before = mount_stat(&many, "inodes");
		if (before < 100)
			break;
		usleep(50000);
	}
	for (int round = 0; round < 3; round++)
		assert_int_equal(shell(NULL, 0, "test $(ls -lR '%s/nested' | wc -l) -gt 900", many.point), 0);
	assert_true(mount_stat(&many, "inodes") > 900);
	for (int tries = 0; tries < 40; tries++) {
		drop_caches();
		after = mount_stat(&many, "inodes");
		if (after <= before)
			break;
		usleep(50000);
	}
	if (after > before)
		fail_msg("%lld inodes are known after a listing that the kernel forgot, before it %lld",
			after, before);
}

static void the_mount_ends_cleanly_with_a_directory_open(void **state)
{
	int dir;

	if (!is_mounted)
		skip();
	dir = open(many.point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(dir, errno);
	mount_stop(&many, MOUNT_END_SIGTERM);
	close(dir);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_tree_of_many_files_is_mounted),
	cmocka_unit_test(a_walk_over_many_files_needs_few_descriptors),
	cmocka_unit_test(all_its_names_are_listed_from_a_crowded_directory),
	cmocka_unit_test(a_handle_reopens_a_forgotten_file),
	cmocka_unit_test(a_handle_of_a_removed_file_is_stale),
	cmocka_unit_test(what_listings_looked_up_is_forgotten),
	cmocka_unit_test(the_mount_ends_cleanly_with_a_directory_open),
};

static const struct suite suite = {
	.name = "many", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .needs_root = true};

SUITE_MAIN(suite)
