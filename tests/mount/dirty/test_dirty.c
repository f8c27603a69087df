/* The options dirty_*: what is written reaches the disk by the mount's own thresholds. */
#include "cache/base/clock.h"
#include "cache/base/page_cache.h"
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include "tests/support/volume.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPIRE_MS 1000
#define LIMIT_MS 20000 /* the machine may be busy */
#define SIZE (1 << 20)

/* --- what is dirty ---------------------------------------------------------------------------- */

static long long dirty_bytes(const char *root, const char *name)
{
	int fd = open_below(root, name, O_RDONLY);
	struct page_cache_counts counts;

	assert_return_code(-page_cache_count(fd, 0, 0, &counts), 0);
	close(fd);
	return (long long)counts.dirty * PAGE_CACHE_PAGE;
}

static void await_clean(const char *root, const char *name)
{
	for (int ms = 0; ms < LIMIT_MS && dirty_bytes(root, name); ms += 10)
		poll(NULL, 0, 10);
	assert_int_equal(dirty_bytes(root, name), 0);
}

static int write_file(const char *root, const char *name, int flags, size_t size)
{
	static char bytes[SIZE];
	int fd = open_below(root, name, flags | O_CREAT | O_TRUNC);

	memset(bytes, 'x', SIZE);
	for (size_t done = 0; done < size; done += SIZE)
		assert_int_equal(write(fd, bytes, size < SIZE ? size : SIZE), size < SIZE ? size : SIZE);
	return fd;
}

static void remove_below(const char *root, const char *name)
{
	char path[PATH_MAX];

	path_below(path, root, name);
	assert_return_code(unlink(path), errno);
}

/* --- by age ----------------------------------------------------------------------------------- */

/* btrfs itself starts writeback of a file that was emptied when it is closed: these are new ones. */
static void a_closed_file_is_written_back_at_its_age(void **state)
{
	int64_t began_ms = clock_now_ms();
	long long first;

	close(write_file(mounted.point, "closed", O_WRONLY, SIZE));
	first = dirty_bytes(mounted.source, "closed");
	await_clean(mounted.source, "closed");
	/* others may have had it written before */
	if (first == SIZE && clock_now_ms() - began_ms < EXPIRE_MS / 2)
		print_message("written back after %lld ms\n", (long long)(clock_now_ms() - began_ms));
	remove_below(mounted.point, "closed");
}

static void an_open_file_is_written_back_at_its_age(void **state)
{
	int fd = write_file(mounted.point, "open", O_WRONLY, SIZE);

	await_clean(mounted.source, "open");
	assert_true(mount_stat(&mounted, "dirty/files") >= 1);
	assert_int_equal(pwrite(fd, "again", 5, 0), 5);
	await_clean(mounted.source, "open");
	close(fd);
	remove_below(mounted.point, "open");
}

static void stores_through_a_mapping_are_written_back(void **state)
{
	int fd = write_file(mounted.point, "mapped", O_RDWR, SIZE);
	char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	assert_return_code(fsync(fd), errno);
	close(fd);
	memset(map, 1, SIZE);
	await_clean(mounted.source, "mapped");
	munmap(map, SIZE);
	remove_below(mounted.point, "mapped");
}

static void await_no_files(const struct mount *mount)
{
	for (int ms = 0; ms < LIMIT_MS && mount_stat(mount, "dirty/files"); ms += 50)
		poll(NULL, 0, 50);
	assert_int_equal(mount_stat(mount, "dirty/files"), 0);
	assert_int_equal(mount_stat(mount, "dirty/dirty_bytes"), 0);
	assert_int_equal(mount_stat(mount, "dirty/writeback_bytes"), 0);
}

static void a_file_that_was_removed_is_forgotten(void **state)
{
	char from[PATH_MAX], to[PATH_MAX];
	int fd;

	await_no_files(&mounted);
	close(write_file(mounted.point, "removed", O_WRONLY, SIZE));
	remove_below(mounted.point, "removed");
	close(write_file(mounted.point, "replaced", O_WRONLY, SIZE));
	fd = write_file(mounted.point, "new", O_WRONLY, SIZE);
	assert_return_code(fsync(fd), errno);
	close(fd);
	path_below(from, mounted.point, "new");
	path_below(to, mounted.point, "replaced");
	assert_return_code(rename(from, to), errno);
	fd = write_file(mounted.point, "held", O_WRONLY, SIZE);
	remove_below(mounted.point, "held");
	assert_int_equal(mount_stat(&mounted, "dirty/dirty_bytes"), 0);
	close(fd);
	await_no_files(&mounted);
	remove_below(mounted.point, "replaced");
}

static void a_temporary_file_that_is_given_a_name_is_written_back(void **state)
{
	char path[PATH_MAX], link[64];
	int fd = open(mounted.point, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	if (fd < 0)
		SKIP_TEST("O_TMPFILE: %s", strerror(errno));
	assert_return_code(ftruncate(fd, SIZE), errno);
	assert_int_equal(pwrite(fd, "bytes", 5, 0), 5);
	poll(NULL, 0, 2 * EXPIRE_MS);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	path_below(path, mounted.point, "linked");
	assert_return_code(linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW), errno);
	await_clean(mounted.source, "linked");
	close(fd);
	remove_below(mounted.point, "linked");
}

/* --- by amount -------------------------------------------------------------------------------- */

static void above_an_amount_the_oldest_is_written_back(void **state)
{
	struct mount mount;
	char name[16];

	if (config.lane && !strcmp(config.lane, "direct"))
		SKIP_TEST("large writes go around the page cache: so much is never dirty");
	mount_start(&mount, "amount", "dirty_background=4M,dirty_writeback=10s");
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "%d", i);
		close(write_file(mount.point, name, O_WRONLY, SIZE));
	}
	await_clean(mount.source, "0");
	for (int ms = 0; ms < LIMIT_MS && mount_stat(&mount, "dirty/dirty_bytes") > 4 * SIZE; ms += 50)
		poll(NULL, 0, 50);
	assert_in_range(mount_stat(&mount, "dirty/dirty_bytes"), 0, 4 * SIZE);
	assert_true(mount_stat(&mount, "dirty/started_bytes") <= 8ll * SIZE);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void the_amount_counts_while_a_file_is_open(void **state)
{
	struct mount mount;
	int fd;

	mount_start(&mount, "growing", "dirty_background=1M,dirty_writeback=10s");
	fd = write_file(mount.point, "file", O_WRONLY, 4 * SIZE);
	/* what came after the last count may stay, as little as it is */
	for (int ms = 0; ms < LIMIT_MS && dirty_bytes(mount.source, "file") > SIZE; ms += 10)
		poll(NULL, 0, 10);
	assert_in_range(dirty_bytes(mount.source, "file"), 0, SIZE);
	assert_return_code(fsync(fd), errno);
	close(fd);
	await_no_files(&mount);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void both_count(void **state)
{
	struct mount mount;

	mount_start(&mount, "both", "dirty_background=1M,dirty_expire=1s,dirty_writeback=50ms");
	close(write_file(mount.point, "large", O_WRONLY, 4 * SIZE));
	close(write_file(mount.point, "small", O_WRONLY, 5));
	await_clean(mount.source, "large");
	await_clean(mount.source, "small");
	await_no_files(&mount);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* --- disks of their own ----------------------------------------------------------------------- */

static const char *volume_type(void)
{
	return config.source ? config.source : "ext4";
}

/* A btrfs of a few gigabytes writes closed files back by itself, for lack of room for metadata. */
static const char *volume_size(void)
{
	return strcmp(volume_type(), "btrfs") ? "512M" : "8G";
}

/* Bytes that were written to the device of the loop over dir/image. */
static long long written_to(const char *dir)
{
	char output[64];

	assert_int_equal(
		shell(output, sizeof(output),
			"cut -c1-200 /sys/block/$(basename $(losetup -j %s/image -O NAME -n))/stat | "
			"awk '{printf \"%%.0f\", $7 * 512}'",
			dir),
		0);
	return atoll(output);
}

#define TEMPORARY_SIZE (64 << 10)
#define TEMPORARY_BATCH 200
#define TEMPORARY_BATCHES 10

static void temporary_files_do_not_reach_the_disk(void **state)
{
	long long before, all = (long long)TEMPORARY_SIZE * TEMPORARY_BATCH * TEMPORARY_BATCHES;
	struct mount mount;
	char dir[PATH_MAX], name[16];

	if (config.lane && !strcmp(config.lane, "direct"))
		SKIP_TEST("large writes go around the page cache: they reach the disk at once");
	mount_prepare(&mount, "temporary");
	path_below(dir, config.base, "temporary.disk");
	volume_make(dir, mount.source, volume_type(), volume_size());
	mount_start(&mount, "temporary", "dirty_expire=30s,dirty_background=100M");
	before = written_to(dir);
	for (int batch = 0; batch < TEMPORARY_BATCHES; batch++) {
		for (int i = 0; i < TEMPORARY_BATCH; i++) {
			snprintf(name, sizeof(name), "%d", i);
			close(write_file(mount.point, name, O_WRONLY, TEMPORARY_SIZE));
		}
		poll(NULL, 0, 300);
		for (int i = 0; i < TEMPORARY_BATCH; i++) {
			snprintf(name, sizeof(name), "%d", i);
			remove_below(mount.point, name);
		}
	}
	print_message("%lld of %lld bytes\n", written_to(dir) - before, all);
	assert_true(written_to(dir) - before <= all / 20);
	assert_int_equal(mount_stat(&mount, "dirty/started_bytes"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	umount(mount.source);
}

/* --- a power cut ------------------------------------------------------------------------------ */

#define RECORDS 1024
#define RECORD_MAX (128 << 10)
#define RUN_MS 4000
/* Its age, the flusher's rounds, the disk, and the journal's commit once a second. */
#define SAFE_MS (EXPIRE_MS + 100 + 1000 + 1000)

struct record {
	size_t size;
	int64_t written_ms; /* 0: it was not */
};

/* Shared with the child that writes. */
struct diary {
	uint64_t seed;
	int64_t cut_ms;
	struct record records[RECORDS];
};

static struct diary *diary;

static void fill(char *bytes, size_t size, uint64_t number)
{
	struct random random = {diary->seed + number};

	random_fill(&random, bytes, size);
}

/* Some files stay open, all of them clean or dirty as it comes; no name is used twice. */
static void write_at_random(const char *root, int how)
{
	static char bytes[RECORD_MAX];
	struct random random = {diary->seed};
	int64_t end_ms = clock_now_ms() + RUN_MS - (int64_t)random_below(&random, RUN_MS - SAFE_MS);

	for (uint64_t i = 0; i < RECORDS && clock_now_ms() < end_ms; i++) {
		struct record *record = &diary->records[i];
		char name[16];
		int fd;

		snprintf(name, sizeof(name), "%d", (int)i);
		fd = open_below(root, name, O_WRONLY | O_CREAT);
		record->size = 1 + random_below(&random, RECORD_MAX);
		fill(bytes, record->size, i);
		assert_int_equal(write(fd, bytes, record->size), record->size);
		if (random_below(&random, 4))
			close(fd);
		record->written_ms = clock_now_ms();
		poll(NULL, 0, (int)random_below(&random, 20));
	}
	diary->cut_ms = clock_now_ms();
}

static void check_record(const char *root, int i)
{
	static char found[RECORD_MAX + 1], right[RECORD_MAX];
	const struct record *record = &diary->records[i];
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%d", i);
	fd = open_below(root, name, O_RDONLY);
	fill(right, record->size, (uint64_t)i);
	assert_int_equal(read(fd, found, sizeof(found)), record->size);
	assert_memory_equal(found, right, record->size);
	close(fd);
}

/* Returns how many were old enough. */
static int check_diary(const char *root)
{
	int safe = 0;

	for (int i = 0; i < RECORDS && diary->records[i].written_ms; i++) {
		if (diary->cut_ms - diary->records[i].written_ms < SAFE_MS)
			continue;
		check_record(root, i);
		safe++;
	}
	return safe;
}

static void what_is_older_survives_a_power_cut(void **state)
{
	unsigned long rounds = config.op_count ? config.op_count : 2;
	struct mount mount;
	char dir[PATH_MAX];

	if (strcmp(volume_type(), "ext4") != 0)
		SKIP_TEST("the power is cut by a call of ext4's");
	diary = mmap(NULL, sizeof(*diary), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(diary, MAP_FAILED);
	mount_prepare(&mount, "power");
	path_below(dir, config.base, "power.disk");
	/* a busy disk below the loop would have the journal's commit take as long as it likes */
	assert_int_equal(shell(NULL, 0, "mkdir %s && mount -t tmpfs tmpfs %s", dir, dir), 0);
	volume_make(dir, mount.source, "ext4", "256M");
	for (unsigned long i = 0; i < rounds; i++) {
		memset(diary, 0, sizeof(*diary));
		diary->seed = config.seed + i;
		assert_int_equal(
			shell(NULL, 0, "umount %s && mount -o loop,commit=1 %s/image %s && rm -f %s/[0-9]*",
				mount.source, dir, mount.source, mount.source),
			0);
		mount_start(&mount, "power", "dirty_expire=1s,dirty_writeback=100ms");
		volume_act_until_power_cut(&mount, dir, write_at_random, 0);
		assert_true(check_diary(mount.source) > 0);
	}
	munmap(diary, sizeof(*diary));
	umount(mount.source);
	umount(dir);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_closed_file_is_written_back_at_its_age),
	cmocka_unit_test(an_open_file_is_written_back_at_its_age),
	cmocka_unit_test(stores_through_a_mapping_are_written_back),
	cmocka_unit_test(a_file_that_was_removed_is_forgotten),
	cmocka_unit_test(a_temporary_file_that_is_given_a_name_is_written_back),
	cmocka_unit_test(above_an_amount_the_oldest_is_written_back),
	cmocka_unit_test(the_amount_counts_while_a_file_is_open),
	cmocka_unit_test(both_count),
	cmocka_unit_test(temporary_files_do_not_reach_the_disk),
	cmocka_unit_test(what_is_older_survives_a_power_cut),
};

static const struct suite suite = {
	.name = "dirty",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "dirty_expire=1s,dirty_writeback=100ms",
	.mounts = true,
	.needs_root = true,
	.needs_daemon = true,
	.needs_cachestat = true,
};

SUITE_MAIN(suite)
