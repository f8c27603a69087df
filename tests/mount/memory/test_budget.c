/* The cache keeps to its memory, also where a file outgrows it while its copy is open. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 300
#define BATCH 20 /* files that are warmed together: less than the cache holds */
#define FILE_SIZE 16000
#define CACHE_SIZE (1 << 20)
#define SMALL_MAX (64 << 10)
#define GROWN (8 << 20)
#define PIECE (64 << 10)

static void path_of(char path[PATH_MAX], const char *format, unsigned number)
{
	char name[64];

	snprintf(name, sizeof(name), format, number);
	snprintf(path, PATH_MAX, "%.3000s/%s", mounted.point, name);
}

static void assert_within_budget(void)
{
	long long bytes = mount_stat(&mounted, "object_bytes"),
		  reserved = mount_stat(&mounted, "reserved_bytes");

	if (bytes + reserved - mount_stat(&mounted, "grown_bytes") > CACHE_SIZE)
		fail_msg("the cache takes %lld bytes and has set aside %lld, of %d", bytes, reserved,
			CACHE_SIZE);
}

/* As warm(), with one pause for all of these files. */
static void warm_hot(unsigned first, unsigned count)
{
	static char bytes[FILE_SIZE];
	char path[PATH_MAX];

	for (int round = 0; round < 3; round++) {
		for (unsigned i = first; i < first + count; i++) {
			int fd;

			path_of(path, "hot%u", i);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			assert_int_equal(pread(fd, bytes, FILE_SIZE, 0), FILE_SIZE);
			close(fd);
		}
		usleep(6000);
	}
}

static void many_hot_files_stay_within_the_budget(void **state)
{
	char path[PATH_MAX];

	for (unsigned i = 0; i < FILES; i++) {
		path_of(path, "hot%u", i);
		assert_return_code(put_file(path, FILE_SIZE, i), errno);
	}
	for (unsigned i = 0; i < FILES; i += BATCH) {
		warm_hot(i, BATCH);
		assert_within_budget();
	}
	assert_true(mount_stat(&mounted, "fills") > CACHE_SIZE / FILE_SIZE);
	assert_true(mount_stat(&mounted, "evictions") > 0);
	assert_true(mount_stat(&mounted, "hits") > 0);
}

static void open_files_are_not_evicted(void **state)
{
	static char first[FILE_SIZE], again[FILE_SIZE];
	char path[PATH_MAX];
	int fds[30];

	warm_hot(0, 30);
	for (unsigned i = 0; i < 30; i++) {
		path_of(path, "hot%u", i);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		assert_return_code(fds[i], errno);
	}
	for (unsigned i = 100; i < FILES; i += BATCH)
		warm_hot(i, BATCH);
	assert_within_budget();
	for (unsigned i = 0; i < 30; i++) {
		path_of(path, "hot%u", i);
		assert_int_equal(pread(fds[i], first, FILE_SIZE, 0), FILE_SIZE);
		snprintf(path, sizeof(path), "%.3000s/hot%u", mounted.source, i);
		close(fds[i]);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(pread(fds[i], again, FILE_SIZE, 0), FILE_SIZE);
		assert_memory_equal(first, again, FILE_SIZE);
		close(fds[i]);
	}
}

/* Whatever a reader gets is right; it may get less than there is. */
static off_t assert_prefix(int reader, int below, off_t size)
{
	static char got[PIECE], right[PIECE];
	off_t offset = 0;

	while (offset < size) {
		ssize_t n = pread(reader, got, sizeof(got), offset);

		assert_return_code((int)n, errno);
		if (n == 0)
			break;
		assert_int_equal(pread(below, right, (size_t)n, offset), n);
		assert_memory_equal(got, right, (size_t)n);
		offset += n;
	}
	return offset;
}

/* Growth may take the cache beyond its budget by a quarter of it or eight times small_max, whichever is more.
 */
static void assert_grown_within_bound(void)
{
	long long bytes = mount_stat(&mounted, "object_bytes");

	if (bytes > CACHE_SIZE + 8 * SMALL_MAX)
		fail_msg("a file that grew took the cache to %lld bytes", bytes);
}

static void await_stat(const char *key, long long value)
{
	for (int tries = 0; tries < 1000 && mount_stat(&mounted, key) != value; tries++)
		usleep(20000);
	assert_int_equal(mount_stat(&mounted, key), value);
}

static void a_file_that_outgrows_the_cache_under_its_reader_is_frozen(void **state)
{
	char path[PATH_MAX], source[PATH_MAX], other[PATH_MAX];
	int reader, writer, below, fresh;

	path_of(path, "log", 0);
	path_of(other, "hot%u", 5);
	snprintf(source, sizeof(source), "%.3000s/log", mounted.source);
	assert_return_code(put_file(path, 10000, 1), errno);
	warm(path);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	below = open(source, O_RDONLY | O_CLOEXEC);
	assert_return_code(reader | writer | below, errno);
	for (unsigned written = 0; written < GROWN; written += PIECE) {
		assert_int_equal(put(writer, PIECE, 0, written), PIECE);
		if (written % (16 * PIECE) == 0) {
			assert_prefix(reader, below, 10000 + written + PIECE);
			assert_within_budget();
			assert_grown_within_bound();
			warm(other);
		}
	}
	assert_int_equal(mount_stat(&mounted, "frozen"), 1);
	fresh = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fresh, errno);
	assert_int_equal(assert_prefix(fresh, below, 10000 + GROWN), 10000 + GROWN);
	assert_true(assert_prefix(reader, below, 10000 + GROWN) >= 10000);
	close(fresh);
	close(reader);
	close(writer);
	close(below);
	/* All have closed it: it is an ordinary file again. */
	reader = open(path, O_RDONLY | O_CLOEXEC);
	below = open(source, O_RDONLY | O_CLOEXEC);
	assert_int_equal(assert_prefix(reader, below, 10000 + GROWN), 10000 + GROWN);
	close(reader);
	close(below);
	await_stat("grown_bytes", 0);
}

/* A cached file of 10,000 bytes whose reader sees it grow past small_max. The reader's descriptor. */
static int outgrow(const char *path)
{
	int reader, writer;

	assert_return_code(put_file(path, 10000, 1), errno);
	warm(path);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_return_code(reader | writer, errno);
	assert_int_equal(put(writer, 2 * SMALL_MAX, 0, 2), 2 * SMALL_MAX);
	assert_return_code(close(writer), errno);
	assert_true(mount_stat(&mounted, "grown_bytes") >= SMALL_MAX);
	return reader;
}

static void a_copy_that_outgrew_small_max_leaves_with_its_last_reader(void **state)
{
	char path[PATH_MAX];

	path_of(path, "outgrown", 0);
	close(outgrow(path));
	await_stat("grown_bytes", 0);
	await_stat("frozen", 1); /* from the test before: this one had room to grow */
}

static void a_copy_that_outgrew_small_max_leaves_when_it_is_unmapped(void **state)
{
	char path[PATH_MAX];
	int reader;
	void *map;

	path_of(path, "outgrown-mapped", 0);
	reader = outgrow(path);
	map = mmap(NULL, 10000, PROT_READ, MAP_SHARED, reader, 0);
	assert_true(map != MAP_FAILED);
	close(reader);
	await_stat("mapped_objects", 1);
	assert_true(mount_stat(&mounted, "grown_bytes") >= SMALL_MAX);
	munmap(map, 10000);
	await_stat("grown_bytes", 0);
}

static void a_file_that_once_outgrew_its_copy_is_not_cached_again(void **state)
{
	char path[PATH_MAX];
	long long fills;
	int holder;

	path_of(path, "outgrown-once", 0);
	holder = outgrow(path); /* keeps the kernel from forgetting the file */
	close(holder);
	await_stat("grown_bytes", 0);
	assert_return_code(truncate(path, 5000), errno);
	fills = mount_stat(&mounted, "fills");
	warm(path);
	warm(path);
	assert_int_equal(mount_stat(&mounted, "fills"), fills);
}

static void stores_through_a_mapping_survive_that_the_copy_stops_growing(void **state)
{
	char path[PATH_MAX], source[PATH_MAX], before, after;
	long long frozen = mount_stat(&mounted, "frozen");
	int reader, mapper, writer, below;
	char *map;

	path_of(path, "mapped-log", 0);
	snprintf(source, sizeof(source), "%.3000s/mapped-log", mounted.source);
	assert_return_code(put_file(path, 10000, 1), errno);
	warm(path);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	mapper = open(path, O_RDWR | O_CLOEXEC);
	writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	below = open(source, O_RDONLY | O_CLOEXEC);
	assert_return_code(reader | mapper | writer | below, errno);
	map = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, mapper, 0);
	assert_true(map != MAP_FAILED);
	map[100] ^= 1;
	before = map[100];
	for (unsigned written = 0; written < 2 << 20; written += PIECE)
		assert_int_equal(put(writer, PIECE, 0, written), PIECE);
	assert_int_equal(mount_stat(&mounted, "frozen"), frozen + 1);
	map[5000] ^= 1;
	after = map[5000];
	munmap(map, 10000);
	close(mapper);
	close(reader);
	close(writer);
	await_stat("grown_bytes", 0);
	assert_int_equal(pread(below, &map, 1, 100), 1);
	assert_int_equal(*(char *)&map, before);
	assert_int_equal(pread(below, &map, 1, 5000), 1);
	assert_int_equal(*(char *)&map, after);
	close(below);
}

/* The copy has missed what was written while it was frozen: an open with room for it copies all of it. */
static void a_frozen_file_that_is_opened_anew_is_copied_again_in_place(void **state)
{
	char path[PATH_MAX], source[PATH_MAX];
	long long frozen = mount_stat(&mounted, "frozen"), refreshes;
	int reader, writer, below, fresh;

	path_of(path, "frozen-anew", 0);
	snprintf(source, sizeof(source), "%.3000s/frozen-anew", mounted.source);
	assert_return_code(put_file(path, 10000, 1), errno);
	warm(path);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	below = open(source, O_RDONLY | O_CLOEXEC);
	assert_return_code(reader | writer | below, errno);
	for (unsigned written = 0; written < 2 << 20; written += PIECE)
		assert_int_equal(put(writer, PIECE, 0, written), PIECE);
	assert_int_equal(mount_stat(&mounted, "frozen"), frozen + 1);
	assert_return_code(ftruncate(writer, 20000), errno);
	assert_int_equal(put(writer, 10000, 0, 7), 10000); /* it grows no more by itself */
	close(writer);
	refreshes = mount_stat(&mounted, "refreshes");
	fresh = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fresh, errno);
	assert_int_equal(mount_stat(&mounted, "refreshes"), refreshes + 1);
	assert_int_equal(assert_prefix(fresh, below, 30000), 30000);
	assert_int_equal(assert_prefix(reader, below, 30000), 30000);
	close(fresh);
	close(reader);
	close(below);
	assert_int_equal(mount_stat(&mounted, "frozen"), frozen + 1);
	assert_return_code(unlink(path), errno);
	await_stat("grown_bytes", 0);
}

static void nothing_is_copied_while_memory_is_below_the_floor(void **state)
{
	char path[PATH_MAX];
	struct mount mount;

	mount_start(
		&mount, "floor", "store=copy,cache_size=1M,small_max=64K,admit=1,settle=0,memory_floor=100%");
	snprintf(path, sizeof(path), "%.3000s/file", mount.point);
	assert_return_code(put_file(path, 1000, 1), errno);
	for (int tries = 0; tries < 1000 && !mount_stat(&mount, "short_memory"); tries++)
		warm(path);
	assert_true(mount_stat(&mount, "short_memory") > 0);
	assert_int_equal(mount_stat(&mount, "fills"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(many_hot_files_stay_within_the_budget),
	cmocka_unit_test(open_files_are_not_evicted),
	cmocka_unit_test(a_file_that_outgrows_the_cache_under_its_reader_is_frozen),
	cmocka_unit_test(a_copy_that_outgrew_small_max_leaves_with_its_last_reader),
	cmocka_unit_test(a_copy_that_outgrew_small_max_leaves_when_it_is_unmapped),
	cmocka_unit_test(a_file_that_once_outgrew_its_copy_is_not_cached_again),
	cmocka_unit_test(a_frozen_file_that_is_opened_anew_is_copied_again_in_place),
	cmocka_unit_test(nothing_is_copied_while_memory_is_below_the_floor),
	cmocka_unit_test(stores_through_a_mapping_survive_that_the_copy_stops_growing),
};

static const struct suite suite = {.name = "budget",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "store=copy,cache_size=1M,small_max=64K,admit=1,settle=0",
	.mounts = true,
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
