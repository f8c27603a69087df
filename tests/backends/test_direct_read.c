#include "backends/resident.h"
#include "tests/backends/fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	FILE_SIZE = (3 << 20) + 12345,
	REQUEST_SIZE = 1 << 20,
};

static struct backend *default_backend(bool threads_only)
{
	struct backend_settings settings;
	struct backend *backend;

	backend_settings_init(&settings);
	settings.threads_only = threads_only;
	assert_int_equal(backend_new(&settings, &backend), 0);
	return backend;
}

static int cold_file(void **state)
{
	static struct fixture fixture;

	fixture_init(&fixture, ".", FILE_SIZE);
	fixture_open(&fixture, default_backend(false), 0);
	*state = &fixture;
	return 0;
}

static int cold_file_without_uring(void **state)
{
	static struct fixture fixture;

	fixture_init(&fixture, ".", FILE_SIZE);
	fixture_open(&fixture, default_backend(true), 0);
	*state = &fixture;
	return 0;
}

static int cold_file_through_page_cache(void **state)
{
	static struct fixture fixture;

	fixture_init(&fixture, ".", FILE_SIZE);
	fixture_open(&fixture, default_backend(false), BACKEND_BUFFERED);
	*state = &fixture;
	return 0;
}

static int file_in_tmpfs(void **state)
{
	static struct fixture fixture;

	fixture_init(&fixture, "/dev/shm", FILE_SIZE);
	fixture_open(&fixture, default_backend(false), 0);
	*state = &fixture;
	return 0;
}

static int release(void **state)
{
	fixture_deinit(*state);
	return 0;
}

/* Offsets, sizes and buffers that no device takes as they are, and those it does. */
static void every_alignment_is_right_to_the_byte(void **state)
{
	static const off_t offsets[] = {0, 1, 511, 512, 4095, 4096, 4097, REQUEST_SIZE - 1, REQUEST_SIZE,
		FILE_SIZE - 5000, FILE_SIZE - 1, FILE_SIZE & ~511};
	static const size_t sizes[] = {
		1, 2, 511, 512, 513, 4096, 5000, 131072, 131073, REQUEST_SIZE, REQUEST_SIZE + 700};
	struct fixture *fixture = *state;
	unsigned char *buf = buffer_new(2 * REQUEST_SIZE);

	for (size_t o = 0; o < sizeof(offsets) / sizeof(offsets[0]); o++) {
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			for (size_t shift = 0; shift <= 8; shift = shift ? 8 * shift : 1) {
				size_t left = FILE_SIZE - offsets[o];
				size_t expected = sizes[s] < left ? sizes[s] : left;
				unsigned char after = 0xa5;

				buf[shift + sizes[s]] = after;
				assert_int_equal(
					read_and_wait(fixture->file, buf + shift, sizes[s], offsets[o]),
					expected);
				assert_pattern(buf + shift, expected, offsets[o]);
				assert_int_equal(buf[shift + sizes[s]], after);
			}
		}
	}
	free(buf);
}

/* Every one of them around the page cache, and none given up for it. */
static void no_alignment_falls_back_to_the_page_cache(void **state)
{
	struct fixture *fixture = *state;
	const struct backend_stats *stats = backend_stats(fixture->backend);

	every_alignment_is_right_to_the_byte(state);
	if (backend_counted(&stats->fallback_files) && !backend_counted(&stats->straight_reads)) {
		print_message("skipped: this file system has no O_DIRECT\n");
		skip();
	}
	assert_int_equal(backend_counted(&stats->fallback_files), 0);
	assert_int_equal(backend_counted(&stats->fallback_requests), 0);
	assert_int_equal(backend_counted(&stats->buffered_reads), 0);
	assert_int_equal(backend_counted(&stats->resident_reads), 0);
	assert_true(backend_counted(&stats->bounce_reads) > 0);
	assert_int_equal(resident_pages(fixture->fd, 0, FILE_SIZE), 0);
}

/* Only the rest is copied once more. */
static void of_a_large_read_what_is_aligned_goes_straight(void **state)
{
	struct fixture *fixture = *state;
	unsigned char *buf = buffer_new(2 * REQUEST_SIZE);

	assert_int_equal(
		read_and_wait(fixture->file, buf, REQUEST_SIZE + 700, REQUEST_SIZE), REQUEST_SIZE + 700);
	assert_pattern(buf, REQUEST_SIZE + 700, REQUEST_SIZE);
	assert_true(backend_counted(&backend_stats(fixture->backend)->straight_bytes) >= REQUEST_SIZE);
	assert_int_equal(backend_counted(&backend_stats(fixture->backend)->bounce_reads), 1);
	free(buf);
}

static void reads_at_and_past_the_end_return_nothing(void **state)
{
	struct fixture *fixture = *state;
	unsigned char *buf = buffer_new(REQUEST_SIZE);

	assert_int_equal(read_and_wait(fixture->file, buf, REQUEST_SIZE, FILE_SIZE), 0);
	assert_int_equal(read_and_wait(fixture->file, buf, REQUEST_SIZE, (FILE_SIZE + 4096) & ~4095), 0);
	assert_int_equal(read_and_wait(fixture->file, buf, 10, (off_t)1 << 40), 0);
	assert_int_equal(read_and_wait(fixture->file, buf, 0, 0), 0);
	assert_int_equal(read_and_wait(fixture->file, buf, 10, -1), -EINVAL);
	free(buf);
}

static void holes_read_as_zeros(void **state)
{
	struct fixture *fixture = *state;
	unsigned char *buf = buffer_new(REQUEST_SIZE);

	assert_int_equal(ftruncate(fixture->fd, 0), 0);
	assert_int_equal(ftruncate(fixture->fd, FILE_SIZE), 0);
	backend_file_changed(fixture->file);
	assert_int_equal(read_and_wait(fixture->file, buf, REQUEST_SIZE, 777), REQUEST_SIZE);
	for (size_t i = 0; i < REQUEST_SIZE; i++)
		assert_int_equal(buf[i], 0);
	free(buf);
}

static void cold_reads_leave_no_page_cache(void **state)
{
	struct fixture *fixture = *state;
	unsigned char *buf = buffer_new(REQUEST_SIZE);

	for (off_t offset = 0; offset < FILE_SIZE; offset += REQUEST_SIZE)
		assert_true(read_and_wait(fixture->file, buf, REQUEST_SIZE, offset) > 0);
	assert_int_equal(read_and_wait(fixture->file, buf, 1000, 77), 1000);
	assert_int_equal(resident_pages(fixture->fd, 0, FILE_SIZE), 0);
	assert_true(backend_counted(&backend_stats(fixture->backend)->straight_bytes) > 0);
	free(buf);
}

static void resident_data_is_not_read_from_the_device(void **state)
{
	struct fixture *fixture = *state;
	unsigned char *buf = buffer_new(FILE_SIZE);

	assert_int_equal(pread(fixture->fd, buf, FILE_SIZE, 0), FILE_SIZE);
	if (!resident_pages(fixture->fd, 0, FILE_SIZE)) {
		print_message("skipped: the kernel has no cachestat(2)\n");
		skip();
	}
	memset(buf, 0xa5, FILE_SIZE);
	assert_int_equal(read_and_wait(fixture->file, buf, FILE_SIZE, 0), FILE_SIZE);
	assert_pattern(buf, FILE_SIZE, 0);
	assert_int_equal(backend_counted(&backend_stats(fixture->backend)->resident_bytes), FILE_SIZE);
	assert_int_equal(backend_counted(&backend_stats(fixture->backend)->straight_reads), 0);
	free(buf);
}

static void a_read_that_is_resident_in_part_is_not_short(void **state)
{
	struct fixture *fixture = *state;
	struct backend_open how = {.fd = fixture->fd, .flags = BACKEND_RANDOM_BUFFERED};
	unsigned char *buf = buffer_new(8192);
	struct backend_file *file;

	posix_fadvise(fixture->fd, 0, 0, POSIX_FADV_RANDOM);
	assert_int_equal(pread(fixture->fd, buf, 4096, 1 << 20), 4096);
	assert_int_equal(backend_open(fixture->backend, &how, &file), 0);
	assert_int_equal(read_and_wait(file, buf, 8192, 1 << 20), 8192);
	assert_pattern(buf, 8192, 1 << 20);
	backend_close(file);
	free(buf);
}

static void many_requests_may_be_in_flight(void **state)
{
	enum { COUNT = 48 };
	struct fixture *fixture = *state;
	struct waiting_request requests[COUNT];
	unsigned char *buf = buffer_new(FILE_SIZE);

	for (int i = 0; i < COUNT; i++)
		request_start(&requests[i], fixture->file, buf + i * 65537, 65537, i * 65537);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(request_wait(&requests[i]), 65537);
	assert_pattern(buf, COUNT * 65537, 0);
	free(buf);
}

static void bounces_without_memory_go_through_the_page_cache(void **state)
{
	enum { COUNT = 8 };
	struct waiting_request requests[COUNT];
	struct backend_settings settings;
	struct fixture fixture;
	unsigned char *buf = buffer_new(FILE_SIZE);

	backend_settings_init(&settings);
	settings.memory = 0;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	for (int i = 0; i < COUNT; i++)
		request_start(&requests[i], fixture.file, buf + i * 10001, 10001, i * 10001);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(request_wait(&requests[i]), 10001);
	assert_pattern(buf, COUNT * 10001, 0);
	free(buf);
	fixture_deinit(&fixture);
}

static int reopen_refuses(void *context, int flags)
{
	++*(int *)context;
	return -EINVAL;
}

static void count_line(void *context, int priority, const char *line)
{
	++*(int *)context;
}

static void files_that_refuse_o_direct_are_read_buffered_and_said_once(void **state)
{
	struct backend_settings settings;
	struct backend_file *second;
	struct fixture fixture;
	int line_count = 0, reopen_count = 0;
	struct backend_open how = {.reopen = reopen_refuses, .context = &reopen_count};
	unsigned char *buf = buffer_new(FILE_SIZE);

	fixture_init(&fixture, ".", FILE_SIZE);
	backend_settings_init(&settings);
	settings.log = count_line;
	settings.log_context = &line_count;
	assert_int_equal(backend_new(&settings, &fixture.backend), 0);
	line_count = 0;
	how.fd = fixture.fd;
	assert_int_equal(backend_open(fixture.backend, &how, &fixture.file), 0);
	assert_int_equal(read_and_wait(fixture.file, buf, FILE_SIZE, 0), FILE_SIZE);
	assert_pattern(buf, FILE_SIZE, 0);
	assert_int_equal(backend_open(fixture.backend, &how, &second), 0);
	fixture_drop_cache(&fixture);
	assert_int_equal(read_and_wait(second, buf, 1000, 5), 1000);
	assert_int_equal(line_count, 1);
	assert_int_equal(reopen_count, 2);
	assert_int_equal(backend_counted(&backend_stats(fixture.backend)->fallback_files), 2);
	backend_close(second);
	free(buf);
	fixture_deinit(&fixture);
}

static void a_file_that_refuses_o_direct_leaves_its_neighbours_alone(void **state)
{
	int reopen_count = 0;
	struct backend_open how = {.reopen = reopen_refuses, .context = &reopen_count};
	struct fixture refusing, neighbour;
	unsigned char *buf = buffer_new(FILE_SIZE);

	fixture_init(&refusing, ".", FILE_SIZE);
	how.fd = refusing.fd;
	refusing.backend = default_backend(false);
	assert_int_equal(backend_open(refusing.backend, &how, &refusing.file), 0);
	fixture_init(&neighbour, ".", FILE_SIZE);
	assert_int_equal(read_and_wait(refusing.file, buf, FILE_SIZE, 0), FILE_SIZE);
	fixture_open(&neighbour, refusing.backend, 0);
	assert_int_equal(read_and_wait(neighbour.file, buf, FILE_SIZE, 0), FILE_SIZE);
	assert_pattern(buf, FILE_SIZE, 0);
	assert_int_equal(backend_counted(&backend_stats(refusing.backend)->fallback_files), 1);
	assert_int_equal(resident_pages(neighbour.fd, 0, FILE_SIZE), 0);
	backend_close(refusing.file);
	close(refusing.fd);
	unlink(refusing.path);
	free(buf);
	fixture_deinit(&neighbour);
}

#define ON(setup, test) cmocka_unit_test_setup_teardown(test, setup, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(cold_file_through_page_cache, every_alignment_is_right_to_the_byte),
		ON(file_in_tmpfs, every_alignment_is_right_to_the_byte),
		ON(cold_file, no_alignment_falls_back_to_the_page_cache),
		ON(cold_file_without_uring, no_alignment_falls_back_to_the_page_cache),
		ON(cold_file, of_a_large_read_what_is_aligned_goes_straight),
		ON(cold_file, reads_at_and_past_the_end_return_nothing),
		ON(cold_file_through_page_cache, reads_at_and_past_the_end_return_nothing),
		ON(file_in_tmpfs, reads_at_and_past_the_end_return_nothing),
		ON(cold_file, holes_read_as_zeros),
		ON(cold_file, cold_reads_leave_no_page_cache),
		ON(cold_file, resident_data_is_not_read_from_the_device),
		ON(cold_file, a_read_that_is_resident_in_part_is_not_short),
		ON(cold_file, many_requests_may_be_in_flight),
		ON(cold_file_without_uring, many_requests_may_be_in_flight),
		cmocka_unit_test(bounces_without_memory_go_through_the_page_cache),
		cmocka_unit_test(files_that_refuse_o_direct_are_read_buffered_and_said_once),
		cmocka_unit_test(a_file_that_refuses_o_direct_leaves_its_neighbours_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
