/* Very many pinned files of one page: each is held, found, given back, and let go at the end. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096L
#define PER_DIR 1000
#define PER_KEEPER 60000  /* of cache/store/keepers.c */
#define OBJECT_BYTES 8192 /* of the budget: more than a page and what it takes to find it */

static struct mount many;
static unsigned long file_count;

static const char *path_of(const char *top, unsigned long file)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%lu/%lu", top, file / PER_DIR, file);
	return path;
}

static void make_files(void)
{
	static const char page[PAGE] = "page";
	char dir[PATH_MAX];

	for (unsigned long file = 0; file < file_count; file++) {
		int fd;

		snprintf(dir, sizeof(dir), "%.3000s/%lu", many.source, file / PER_DIR);
		if (file % PER_DIR == 0)
			assert_return_code(mkdir(dir, 0755), errno);
		fd = open(path_of(many.source, file), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		assert_return_code(fd, errno);
		assert_int_equal(write(fd, page, PAGE), PAGE);
		close(fd);
	}
}

static void open_each(void)
{
	for (unsigned long file = 0; file < file_count; file++) {
		int fd = open(path_of(many.point, file), O_RDONLY | O_CLOEXEC);

		assert_return_code(fd, errno);
		close(fd);
	}
}

static void await(const char *key, long long value)
{
	for (int tries = 0; tries < 3000 && mount_stat(&many, key) != value; tries++)
		usleep(20000);
	assert_int_equal(mount_stat(&many, key), value);
}

static bool is_resident(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char flag = 0;
	void *memory;

	assert_return_code(fd, errno);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(memory != MAP_FAILED);
	assert_return_code(mincore(memory, PAGE, &flag), errno);
	munmap(memory, PAGE);
	close(fd);
	return flag & 1;
}

static void each_file_is_pinned(void **state)
{
	char dir[PATH_MAX], options[128];
	int fd;

	file_count = config.file_count ? config.file_count : 3000;
	mount_prepare(&many, "many");
	snprintf(dir, sizeof(dir), "%.3000s/image", config.base);
	volume_make_with(dir, many.source, "ext4", "4G", "-F -N 300000 -O ^has_journal -b 4096");
	make_files();
	fd = open(many.source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(syncfs(fd), errno); /* dirty pages wait */
	close(fd);
	snprintf(options, sizeof(options), "store=pin,admit=1,memory_floor=0,cache_size=%lu",
		file_count * OBJECT_BYTES + (16UL << 20));
	mount_start(&many, "many", options);
	for (int round = 0; round < 10 && mount_stat(&many, "objects") != (long long)file_count; round++) {
		open_each();
		for (int tries = 0; tries < 100 && mount_stat(&many, "objects") != (long long)file_count;
			tries++)
			usleep(50000);
	}
	assert_int_equal(mount_stat(&many, "objects"), file_count);
	await("locked_bytes", (long long)file_count * PAGE);
	assert_int_equal(mount_stat(&many, "keepers"), (file_count + PER_KEEPER - 1) / PER_KEEPER);
	for (unsigned long file = 0; file < file_count; file += 97)
		assert_true(is_resident(path_of(many.source, file)));
}

static void a_second_round_of_opens_finds_each(void **state)
{
	long long hits = mount_stat(&many, "hits");

	open_each();
	assert_int_equal(mount_stat(&many, "hits"), hits + (long long)file_count);
}

static void removed_files_are_let_go(void **state)
{
	for (unsigned long file = 0; file < file_count; file += 2)
		assert_return_code(unlink(path_of(many.point, file)), errno);
	await("objects", (long long)(file_count / 2));
	await("locked_bytes", (long long)(file_count / 2) * PAGE);
}

static void the_file_system_can_be_unmounted_at_the_end(void **state)
{
	mount_stop(&many, MOUNT_END_UMOUNT);
	assert_false(is_resident(path_of(many.source, 1)));
	assert_return_code(umount2(many.source, 0), errno);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_file_is_pinned),
	cmocka_unit_test(a_second_round_of_opens_finds_each),
	cmocka_unit_test(removed_files_are_let_go),
	cmocka_unit_test(the_file_system_can_be_unmounted_at_the_end),
};

static const struct suite suite = {.name = "pinned_many",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
