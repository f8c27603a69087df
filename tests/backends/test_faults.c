#include "backends/fault.h"
#include "cache/base/clock.h"
#include "tests/backends/fixture.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	FILE_SIZE = 6 << 20,
	BLOCK = 128 << 10,
};

static void faulty_file(struct fixture *fixture, const char *faults)
{
	const struct timespec settled = {.tv_nsec = 120000000};
	struct backend_settings settings;

	backend_settings_init(&settings);
	settings.faults = faults;
	settings.write_direct_from = 0;
	fixture_start(fixture, ".", FILE_SIZE, &settings);
	nanosleep(&settled, NULL);
}

/* One that is read ahead. */
static void faulty_stream(struct fixture *fixture, const char *faults)
{
	struct backend *backend;

	faulty_file(fixture, faults);
	backend = fixture->backend;
	backend_close(fixture->file);
	fixture_close_for_writing(fixture);
	fixture_open(fixture, backend, 0);
}

static void bad_plans_are_refused_by_name(void **state)
{
	static const char *const bad[] = {"read", "read:", "read:often", "write:eio@", "write:eio@1X",
		"read:delay=5", "read:eio#0", "read:short", "read:eio,,write:eio", "red:eio"};
	char why[160];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fault_plan *plan;

		assert_int_equal(fault_plan_new(bad[i], &plan, why, sizeof(why)), -EINVAL);
		assert_non_null(strstr(why, "faults: "));
	}
	assert_int_equal(
		fault_plan_new("read:eio,write:oops@3", &(struct fault_plan *){NULL}, why, sizeof(why)),
		-EINVAL);
	assert_non_null(strstr(why, "\"write:oops@3\""));
}

static void errors_come_at_the_offset_and_the_call_asked_for(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;

	faulty_file(&fixture, "read:eio@1M,write:enospc#2");
	assert_int_equal(read_and_wait(fixture.file, buf, BLOCK, 0), BLOCK);
	assert_int_equal(read_and_wait(fixture.file, buf, BLOCK, (1 << 20) - BLOCK), BLOCK);
	assert_int_equal(read_and_wait(fixture.file, buf, BLOCK, 1 << 20), -EIO);
	assert_int_equal(write_and_wait(fixture.file, buf, BLOCK, 0), BLOCK);
	assert_int_equal(write_and_wait(fixture.file, buf, BLOCK, 0), -ENOSPC);
	assert_int_equal(write_and_wait(fixture.file, buf, BLOCK, 0), BLOCK);
	free(buf);
	fixture_deinit(&fixture);
}

static void delays_delay_the_answer_and_not_the_submission(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct waiting_request waiting;
	struct fixture fixture;
	uint64_t began;

	faulty_file(&fixture, "read:delay=200ms");
	began = clock_now_ms();
	request_start(&waiting, fixture.file, buf, BLOCK, 5);
	assert_true(clock_now_ms() - began < 100);
	assert_int_equal(request_wait(&waiting), BLOCK);
	assert_true(clock_now_ms() - began >= 200);
	assert_pattern(buf, BLOCK, 5);
	free(buf);
	fixture_deinit(&fixture);
}

static void what_hangs_leaves_other_requests_alone_and_is_released(void **state)
{
	unsigned char *buf = buffer_new(2 * BLOCK);
	struct waiting_request waiting;
	struct fixture fixture;
	int done;

	faulty_file(&fixture, "device-read:hang@4M");
	request_start(&waiting, fixture.file, buf, BLOCK, 5 << 20);
	assert_int_equal(read_and_wait(fixture.file, buf + BLOCK, BLOCK, 1 << 20), BLOCK);
	assert_int_equal(write_and_wait(fixture.file, buf + BLOCK, BLOCK, 3 << 20), BLOCK);
	sem_getvalue(&waiting.done, &done);
	assert_int_equal(done, 0);
	backend_faults_release(fixture.backend);
	assert_int_equal(request_wait(&waiting), BLOCK);
	assert_pattern(buf, BLOCK, 5 << 20);
	free(buf);
	fixture_deinit(&fixture);
}

static void read_whole(struct fixture *fixture, size_t size)
{
	unsigned char *buf = buffer_new(size);

	for (off_t offset = 0; offset < FILE_SIZE; offset += size) {
		size_t expected = offset + (off_t)size <= FILE_SIZE ? size : (size_t)(FILE_SIZE - offset);

		assert_int_equal(read_and_wait(fixture->file, buf, size, offset), expected);
		assert_pattern(buf, expected, offset);
	}
	free(buf);
}

static void short_reads_of_the_disk_are_continued(void **state)
{
	struct fixture fixture;

	faulty_stream(&fixture, "device-read:short");
	read_whole(&fixture, BLOCK);
	read_whole(&fixture, 100003);
	fixture_deinit(&fixture);
}

static void short_writes_of_the_disk_are_continued(void **state)
{
	unsigned char *buf = buffer_new(1 << 20), *back = buffer_new(1 << 20);
	struct fixture fixture;

	faulty_file(&fixture, "device-write:short");
	for (size_t i = 0; i < 1 << 20; i++)
		buf[i] = i * 3;
	assert_int_equal(write_and_wait(fixture.file, buf, 1 << 20, 1 << 20), 1 << 20);
	assert_int_equal(pread(fixture.fd, back, 1 << 20, 1 << 20), 1 << 20);
	assert_memory_equal(buf, back, 1 << 20);
	assert_int_equal(write_and_wait(fixture.file, buf, 77777, 333), 77777);
	assert_int_equal(pread(fixture.fd, back, 77777, 333), 77777);
	assert_memory_equal(buf, back, 77777);
	free(buf);
	free(back);
	fixture_deinit(&fixture);
}

/* What was read ahead may fail: the reader sees it only where the disk fails for the reader as well. */
static void an_error_in_mid_stream_is_seen_at_its_place(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;
	off_t offset;

	faulty_stream(&fixture, "device-read:eio@3M");
	for (offset = 0; offset < FILE_SIZE; offset += BLOCK) {
		ssize_t result = read_and_wait(fixture.file, buf, BLOCK, offset);

		if (result < 0) {
			assert_int_equal(result, -EIO);
			break;
		}
		assert_int_equal(result, BLOCK);
		assert_pattern(buf, BLOCK, offset);
	}
	assert_int_equal(offset, 3 << 20);
	free(buf);
	fixture_deinit(&fixture);
}

static void an_error_of_the_disk_that_passes_hurts_no_reader(void **state)
{
	struct fixture fixture;

	/* The calls after the first few are read-ahead. */
	faulty_stream(&fixture, "device-read:eio#6,device-read:eio#8");
	read_whole(&fixture, BLOCK);
	fixture_deinit(&fixture);
}

/* Aligned requests go straight, odd ones by way of an aligned buffer. */
static void an_error_that_the_page_cache_does_not_share_hurts_no_reader(void **state)
{
	static const size_t sizes[] = {BLOCK, 3001};
	unsigned char *buf = buffer_new(BLOCK);

	for (int i = 0; i < 2; i++) {
		struct fixture fixture;

		faulty_file(&fixture, "device-read:eio#1");
		assert_int_equal(read_and_wait(fixture.file, buf, sizes[i], 1 << 20), sizes[i]);
		assert_pattern(buf, sizes[i], 1 << 20);
		fixture_deinit(&fixture);
	}
	free(buf);
}

static void a_full_disk_in_mid_request_is_an_error(void **state)
{
	unsigned char *buf = buffer_new(1 << 20);
	struct fixture fixture;

	faulty_file(&fixture, "device-write:short,device-write:enospc#2");
	assert_int_equal(write_and_wait(fixture.file, buf, 1 << 20, 0), -ENOSPC);
	free(buf);
	fixture_deinit(&fixture);
}

static void closing_with_read_ahead_hanging_waits_for_nobody(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;
	uint64_t began;

	faulty_stream(&fixture, "device-read:hang@2M");
	for (off_t offset = 0; offset < 8 * BLOCK; offset += BLOCK)
		assert_int_equal(read_and_wait(fixture.file, buf, BLOCK, offset), BLOCK);
	began = clock_now_ms();
	backend_close(fixture.file);
	assert_true(clock_now_ms() - began < 1000);
	fixture.file = NULL;
	free(buf);
	fixture_deinit(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_plans_are_refused_by_name),
		cmocka_unit_test(errors_come_at_the_offset_and_the_call_asked_for),
		cmocka_unit_test(delays_delay_the_answer_and_not_the_submission),
		cmocka_unit_test(what_hangs_leaves_other_requests_alone_and_is_released),
		cmocka_unit_test(short_reads_of_the_disk_are_continued),
		cmocka_unit_test(short_writes_of_the_disk_are_continued),
		cmocka_unit_test(an_error_in_mid_stream_is_seen_at_its_place),
		cmocka_unit_test(an_error_of_the_disk_that_passes_hurts_no_reader),
		cmocka_unit_test(an_error_that_the_page_cache_does_not_share_hurts_no_reader),
		cmocka_unit_test(a_full_disk_in_mid_request_is_an_error),
		cmocka_unit_test(closing_with_read_ahead_hanging_waits_for_nobody),
	};

	signal(SIGIO, SIG_IGN); /* a lease was broken */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
