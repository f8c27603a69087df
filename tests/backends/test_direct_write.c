#include "backends/resident.h"
#include "tests/backends/fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	FILE_SIZE = 4 << 20,
	BLOCK = 1 << 20,
};

#define COUNTED(fixture, name) backend_counted(&backend_stats((fixture)->backend)->name)

struct awaited_write {
	struct backend_request request;
	sem_t done;
	ssize_t result;
};

static void awaited_write_done(struct backend_request *request, ssize_t result)
{
	struct awaited_write *write = (struct awaited_write *)request;

	write->result = result;
	sem_post(&write->done);
}

static void written_file(
	struct fixture *fixture, const char *dir, size_t size, off_t direct_from, bool threads_only)
{
	struct backend_settings settings;

	backend_settings_init(&settings);
	settings.write_direct_from = direct_from;
	settings.write_window = 1 << 20;
	settings.write_mode = BACKEND_WRITE_AROUND;
	settings.threads_only = threads_only;
	fixture_start(fixture, dir, size, &settings);
}

static void assert_bytes(struct fixture *fixture, const unsigned char *expected, size_t size)
{
	unsigned char *buf = buffer_new(size);

	assert_int_equal(pread(fixture->fd, buf, size, 0), size);
	for (size_t i = 0; i < size; i++) {
		if (buf[i] != expected[i])
			fail_msg("byte %zu is %02x, not %02x", i, buf[i], expected[i]);
	}
	free(buf);
}

static void every_alignment(const char *dir, off_t direct_from, bool threads_only)
{
	static const off_t offsets[] = {0, 1, 512, 4095, 4096, 8192, BLOCK, BLOCK + 512, FILE_SIZE - 512};
	static const size_t sizes[] = {
		1, 511, 512, 4096, 5000, 131072, 131072 + 512, 262144, BLOCK, BLOCK + 700};
	unsigned char *bytes = buffer_new(FILE_SIZE + 2 * BLOCK), *buf = buffer_new(2 * BLOCK), value = 1;
	struct fixture fixture;
	size_t size = FILE_SIZE;

	written_file(&fixture, dir, FILE_SIZE, direct_from, threads_only);
	for (size_t i = 0; i < FILE_SIZE; i++)
		bytes[i] = pattern_byte(i);
	for (size_t o = 0; o < sizeof(offsets) / sizeof(offsets[0]); o++) {
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			size_t shift = s & 1 ? 0 : 1 + (o & 7);

			memset(buf, ++value, 2 * BLOCK);
			assert_int_equal(
				write_and_wait(fixture.file, buf + shift, sizes[s], offsets[o]), sizes[s]);
			memset(bytes + offsets[o], value, sizes[s]);
			if (offsets[o] + sizes[s] > size)
				size = offsets[o] + sizes[s];
			fsync(fixture.fd);
			fixture_drop_cache(&fixture);
		}
	}
	assert_bytes(&fixture, bytes, size);
	/* nothing was given up: what is not aligned goes through the page cache without asking the device */
	assert_int_equal(COUNTED(&fixture, fallback_files), 0);
	assert_true((COUNTED(&fixture, direct_writes) > 0) == (direct_from == 0 && *dir == '.'));
	free(buf);
	free(bytes);
	fixture_deinit(&fixture);
}

static void every_alignment_is_written_to_the_byte(void **state)
{
	every_alignment(".", 0, false);
	every_alignment(".", 0, true);
	every_alignment(".", 1 << 30, false);
	every_alignment("/dev/shm", 0, false);
}

static void large_aligned_writes_go_around_the_page_cache(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;

	written_file(&fixture, ".", 0, 2 << 20, false);
	for (off_t offset = 0; offset < 8 << 20; offset += BLOCK)
		assert_int_equal(write_and_wait(fixture.file, buf, BLOCK, offset), BLOCK);
	assert_int_equal(COUNTED(&fixture, direct_write_bytes), 6 << 20);
	assert_int_equal(resident_pages(fixture.fd, 2 << 20, 6 << 20), 0);
	free(buf);
	fixture_deinit(&fixture);
}

/* Until it was measured whether around would be faster. */
static void a_stream_of_large_writes_goes_through_a_window_at_first(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct backend_settings settings;
	struct fixture fixture;

	backend_settings_init(&settings);
	settings.write_direct_from = 0;
	settings.write_window = 2 << 20;
	fixture_start(&fixture, ".", 0, &settings);
	for (off_t offset = 0; offset < 40 << 20; offset += BLOCK) {
		memset(buf, (int)(offset / BLOCK), BLOCK);
		assert_int_equal(write_and_wait(fixture.file, buf, BLOCK, offset), BLOCK);
		assert_true(resident_pages(fixture.fd, 0, 40 << 20) * 4096 <= 6 << 20);
	}
	assert_int_equal(COUNTED(&fixture, direct_writes), 0);
	assert_int_equal(COUNTED(&fixture, window_writes), 40);
	assert_true(COUNTED(&fixture, dropped_bytes) >= 32 << 20);
	for (off_t offset = 0; offset < 40 << 20; offset += BLOCK) {
		assert_int_equal(pread(fixture.fd, buf, BLOCK, offset), BLOCK);
		assert_int_equal(buf[0], offset / BLOCK);
		assert_int_equal(buf[BLOCK - 1], offset / BLOCK);
	}
	free(buf);
	fixture_deinit(&fixture);
}

static void write_another_way(struct fixture *fixture, off_t offset, int sync, bool around)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct awaited_write write = {.request = {.file = fixture->file,
					      .buf = buf,
					      .size = BLOCK,
					      .offset = offset,
					      .sync = sync,
					      .around = around,
					      .done = awaited_write_done}};

	sem_init(&write.done, 0, 0);
	backend_write(&write.request);
	while (sem_wait(&write.done) < 0)
		;
	assert_int_equal(write.result, BLOCK);
	sem_destroy(&write.done);
	free(buf);
}

static void writes_that_want_the_device_or_are_no_stream_go_around(void **state)
{
	struct backend_settings settings;
	struct fixture fixture;

	backend_settings_init(&settings);
	settings.write_direct_from = 0;
	fixture_start(&fixture, ".", 0, &settings);
	write_another_way(&fixture, 0, 0, false);
	assert_int_equal(COUNTED(&fixture, direct_writes), 0);
	write_another_way(&fixture, BLOCK, RWF_DSYNC, false);
	assert_int_equal(COUNTED(&fixture, direct_writes), 1);
	write_another_way(&fixture, 2 * BLOCK, 0, true);
	assert_int_equal(COUNTED(&fixture, direct_writes), 2);
	write_another_way(&fixture, 100 * BLOCK, 0, false);
	assert_int_equal(COUNTED(&fixture, direct_writes), 3);
	write_another_way(&fixture, 101 * BLOCK, 0, false);
	assert_int_equal(COUNTED(&fixture, direct_writes), 3);
	fixture_deinit(&fixture);
}

static void without_room_for_windows_writes_go_around(void **state)
{
	struct backend_settings settings;
	struct fixture fixture;

	backend_settings_init(&settings);
	settings.write_direct_from = 0;
	settings.memory = 3 << 20;
	fixture_start(&fixture, ".", 0, &settings);
	write_another_way(&fixture, 0, 0, false);
	assert_int_equal(COUNTED(&fixture, direct_writes), 1);
	fixture_deinit(&fixture);
}

static void keep_a_bounded_window(bool threads_only)
{
	enum { SIZE = 100000, COUNT = 320 };
	unsigned char *buf = buffer_new(SIZE);
	struct fixture fixture;

	written_file(&fixture, ".", 0, 0, threads_only);
	for (int i = 0; i < COUNT; i++) {
		memset(buf, i, SIZE);
		assert_int_equal(write_and_wait(fixture.file, buf, SIZE, (off_t)i * SIZE), SIZE);
		/* Two windows, what fills up now, and what its writer may not have let go of yet. */
		assert_true(resident_pages(fixture.fd, 0, COUNT * SIZE) * 4096 <= 4 << 20);
	}
	assert_true(COUNTED(&fixture, dropped_bytes) > 20 << 20);
	for (int i = 0; i < COUNT; i += 37) {
		assert_int_equal(read_and_wait(fixture.file, buf, SIZE, (off_t)i * SIZE), SIZE);
		assert_int_equal(buf[0], (unsigned char)i);
		assert_int_equal(buf[SIZE - 1], (unsigned char)i);
	}
	free(buf);
	fixture_deinit(&fixture);
}

static void a_buffered_stream_keeps_a_bounded_window(void **state)
{
	keep_a_bounded_window(false);
	keep_a_bounded_window(true);
}

static void wait_until_resident(int fd, size_t size, uint64_t pages)
{
	for (int i = 0; i < 2000 && resident_pages(fd, 0, size) > pages; i++)
		poll(NULL, 0, 10);
	assert_true(resident_pages(fd, 0, size) <= pages);
}

/* What was written before the file was large, and the last window, are not waited for, but go too. */
static void a_closed_stream_leaves_nothing_behind(void **state)
{
	static const size_t sizes[] = {100000, BLOCK};
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;

	for (size_t i = 0; i < 2; i++) {
		written_file(&fixture, ".", 0, 4 << 20, false);
		for (off_t offset = 0; offset < 12 << 20; offset += (off_t)sizes[i])
			assert_int_equal(write_and_wait(fixture.file, buf, sizes[i], offset), sizes[i]);
		backend_close(fixture.file);
		fixture.file = NULL;
		wait_until_resident(fixture.fd, 16 << 20, 1);
		fixture_deinit(&fixture);
	}
	free(buf);
}

static void a_file_without_a_name_is_not_settled_at_close(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;

	written_file(&fixture, ".", 0, 4 << 20, false);
	for (off_t offset = 0; offset < 12 << 20; offset += 100000)
		assert_int_equal(write_and_wait(fixture.file, buf, 100000, offset), 100000);
	unlink(fixture.path);
	backend_close(fixture.file);
	fixture.file = NULL;
	poll(NULL, 0, 200);
	assert_true(resident_pages(fixture.fd, 0, 16 << 20) > 0);
	free(buf);
	fixture_deinit(&fixture);
}

static void bytes_that_the_caller_wrote_keep_to_the_window(void **state)
{
	unsigned char *buf = buffer_new(4 * BLOCK);
	struct fixture fixture;

	written_file(&fixture, ".", 0, 0, false);
	for (off_t offset = 0; offset < 64 << 20; offset += 4 * BLOCK) {
		assert_int_equal(pwrite(fixture.fd, buf, 4 * BLOCK, offset), 4 * BLOCK);
		wrote_and_wait(fixture.file, 4 * BLOCK, offset);
		/* what this write began is not waited for */
		assert_true(resident_pages(fixture.fd, 0, 64 << 20) * 4096 <= 5 * BLOCK);
	}
	free(buf);
	fixture_deinit(&fixture);
}

static void a_mapping_sees_a_write_at_once(void **state)
{
	unsigned char *buf = buffer_new(BLOCK), *map;
	struct fixture fixture;

	written_file(&fixture, ".", FILE_SIZE, 0, false);
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fixture.fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	for (int i = 0; i < 40; i++) {
		off_t offset = i % 3 * BLOCK;

		map[offset + 4096] = 0xaa; /* a dirty page in the way */
		memset(buf, i, BLOCK);
		assert_int_equal(write_and_wait(fixture.file, buf, BLOCK, offset), BLOCK);
		assert_int_equal(map[offset], i);
		assert_int_equal(map[offset + 4096], i);
		assert_int_equal(map[offset + BLOCK - 1], i);
		if (i % 5 == 0) {
			munmap(map, FILE_SIZE);
			fsync(fixture.fd);
			fixture_drop_cache(&fixture);
			map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fixture.fd, 0);
			assert_ptr_not_equal(map, MAP_FAILED);
		}
	}
	munmap(map, FILE_SIZE);
	free(buf);
	fixture_deinit(&fixture);
}

struct many_writes {
	struct backend_request request;
	sem_t *done;
	ssize_t result;
};

static void one_of_many_done(struct backend_request *request, ssize_t result)
{
	struct many_writes *one = (struct many_writes *)request;

	one->result = result;
	sem_post(one->done);
}

static void neighbours_written_at_once_lose_nothing(void **state)
{
	enum { SIZE = 140001, COUNT = 24 };
	unsigned char *bytes = buffer_new(COUNT * SIZE);
	struct many_writes writes[COUNT];
	struct fixture fixture;
	sem_t done;

	written_file(&fixture, ".", 0, 0, false);
	sem_init(&done, 0, 0);
	for (int i = 0; i < COUNT; i++) {
		memset(bytes + i * SIZE, i + 1, SIZE);
		writes[i] = (struct many_writes){
			.request = {.file = fixture.file,
				.buf = bytes + i * SIZE,
				.size = SIZE,
				.offset = (off_t)i * SIZE,
				.done = one_of_many_done},
			.done = &done,
		};
		backend_write(&writes[i].request);
	}
	for (int i = 0; i < COUNT; i++)
		sem_wait(&done);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(writes[i].result, SIZE);
	assert_bytes(&fixture, bytes, COUNT * SIZE);
	free(bytes);
	fixture_deinit(&fixture);
}

/* A small file system of the test's own; false where it may not be made. */
static bool small_volume_mount(const char *dir)
{
	char command[256];

	if (geteuid() != 0 || mkdir(dir, 0700) < 0)
		return false;
	snprintf(command, sizeof(command),
		"truncate -s 24M %s.image && mkfs.ext4 -q -m0 -F %s.image && mount -o loop %s.image %s", dir,
		dir, dir, dir);
	return system(command) == 0;
}

static void small_volume_unmount(const char *dir)
{
	char image[64];

	umount(dir);
	rmdir(dir);
	snprintf(image, sizeof(image), "%s.image", dir);
	unlink(image);
}

static void a_full_disk_is_an_error_and_never_a_short_count(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;
	char dir[32];

	snprintf(dir, sizeof(dir), "small-%d", (int)getpid());
	if (!small_volume_mount(dir)) {
		small_volume_unmount(dir);
		print_message("skipped: a small file system can't be mounted here\n");
		skip();
	}
	for (int direct = 0; direct < 2; direct++) {
		ssize_t result = BLOCK;

		written_file(&fixture, dir, 0, direct ? 0 : 1 << 30, false);
		for (off_t offset = 0; offset < 40 << 20 && result == BLOCK; offset += BLOCK)
			result = write_and_wait(fixture.file, buf, BLOCK - !direct, offset) + !direct;
		assert_int_equal(result, -ENOSPC + !direct);
		fixture_deinit(&fixture);
	}
	small_volume_unmount(dir);
	free(buf);
}

static void writing_to_a_read_only_descriptor_is_an_error(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct backend_open how = {0};
	struct backend_file *file;
	struct fixture fixture;

	written_file(&fixture, ".", FILE_SIZE, 0, false);
	how.fd = open(fixture.path, O_RDONLY);
	assert_int_equal(backend_open(fixture.backend, &how, &file), 0);
	assert_int_equal(write_and_wait(file, buf, 100, 1), -EBADF);
	assert_int_equal(write_and_wait(file, buf, BLOCK, 0), -EBADF);
	backend_close(file);
	close(how.fd);
	free(buf);
	fixture_deinit(&fixture);
}

/* They may be mapped: a write around them would not be seen there. */
static void a_large_aligned_write_over_resident_pages_goes_through_them(void **state)
{
	unsigned char *buf = buffer_new(BLOCK), *back = buffer_new(BLOCK);
	struct fixture fixture;

	written_file(&fixture, ".", FILE_SIZE, 0, false);
	posix_fadvise(fixture.fd, 0, 0, POSIX_FADV_RANDOM);
	assert_int_equal(pread(fixture.fd, back, 4096, BLOCK + BLOCK / 2), 4096);
	assert_int_equal(write_and_wait(fixture.file, buf, BLOCK, BLOCK), BLOCK);
	assert_int_equal(COUNTED(&fixture, direct_writes), 0);
	assert_int_equal(COUNTED(&fixture, buffered_writes), 1);
	assert_int_equal(pread(fixture.fd, back, BLOCK, BLOCK), BLOCK);
	assert_memory_equal(buf, back, BLOCK);
	assert_int_equal(write_and_wait(fixture.file, buf, BLOCK, 2 * BLOCK), BLOCK);
	assert_int_equal(COUNTED(&fixture, direct_writes), 1);
	free(buf);
	free(back);
	fixture_deinit(&fixture);
}

static void writes_that_are_small_or_part_a_page_go_through_the_page_cache(void **state)
{
	unsigned char *buf = buffer_new(2 * BLOCK);
	struct fixture fixture;

	written_file(&fixture, ".", FILE_SIZE, 0, false);
	assert_int_equal(write_and_wait(fixture.file, buf, 128 << 10, 0), 128 << 10);
	assert_int_equal(write_and_wait(fixture.file, buf, BLOCK, BLOCK + 512), BLOCK);
	assert_int_equal(COUNTED(&fixture, direct_writes), 0);
	fsync(fixture.fd);
	fixture_drop_cache(&fixture);
	/* the part of a page at its end alone */
	assert_int_equal(write_and_wait(fixture.file, buf, BLOCK + 512, 2 * BLOCK), BLOCK + 512);
	assert_int_equal(COUNTED(&fixture, direct_write_bytes), BLOCK);
	free(buf);
	fixture_deinit(&fixture);
}

static void what_a_stream_left_is_settled_when_its_writer_goes_elsewhere(void **state)
{
	enum { SIZE = 100000, COUNT = 35 };
	unsigned char *buf = buffer_new(SIZE);
	struct fixture fixture;

	written_file(&fixture, ".", 0, 0, false);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(write_and_wait(fixture.file, buf, SIZE, (off_t)i * SIZE), SIZE);
	assert_int_equal(write_and_wait(fixture.file, buf, SIZE, (off_t)64 << 20), SIZE);
	wait_until_resident(fixture.fd, (size_t)COUNT * SIZE, 1);
	free(buf);
	fixture_deinit(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_alignment_is_written_to_the_byte),
		cmocka_unit_test(large_aligned_writes_go_around_the_page_cache),
		cmocka_unit_test(a_stream_of_large_writes_goes_through_a_window_at_first),
		cmocka_unit_test(writes_that_want_the_device_or_are_no_stream_go_around),
		cmocka_unit_test(without_room_for_windows_writes_go_around),
		cmocka_unit_test(a_buffered_stream_keeps_a_bounded_window),
		cmocka_unit_test(a_closed_stream_leaves_nothing_behind),
		cmocka_unit_test(a_file_without_a_name_is_not_settled_at_close),
		cmocka_unit_test(bytes_that_the_caller_wrote_keep_to_the_window),
		cmocka_unit_test(a_mapping_sees_a_write_at_once),
		cmocka_unit_test(neighbours_written_at_once_lose_nothing),
		cmocka_unit_test(a_full_disk_is_an_error_and_never_a_short_count),
		cmocka_unit_test(writing_to_a_read_only_descriptor_is_an_error),
		cmocka_unit_test(a_large_aligned_write_over_resident_pages_goes_through_them),
		cmocka_unit_test(writes_that_are_small_or_part_a_page_go_through_the_page_cache),
		cmocka_unit_test(what_a_stream_left_is_settled_when_its_writer_goes_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
