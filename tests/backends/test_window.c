/* How far streams read ahead, how much memory they take for it, and when they try to do without. */
#include "tests/backends/fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	KIB = 1 << 10,
	MIB = 1 << 20,
	FILE_SIZE = 40 * MIB,
};

#define COUNTED(fixture, name) backend_counted(&backend_stats((fixture)->backend)->name)

struct bounds {
	size_t memory, readahead;
	unsigned depth;
	unsigned flags;
	const char *faults;
};

static struct fixture fixture;
static unsigned char *buf;

static int make_file(void **state)
{
	buf = buffer_new(MIB);
	fixture_init(&fixture, ".", FILE_SIZE);
	fixture_close_for_writing(&fixture);
	poll(NULL, 0, 120); /* until the file's stamp counts for something */
	return 0;
}

static int remove_file(void **state)
{
	close(fixture.fd);
	unlink(fixture.path);
	free(buf);
	return 0;
}

static void open_file(const struct bounds *bounds)
{
	struct backend_settings settings;
	struct backend *backend;

	backend_settings_init(&settings);
	settings.memory = bounds->memory;
	settings.readahead = bounds->readahead;
	settings.depth = bounds->depth;
	settings.faults = bounds->faults;
	assert_int_equal(backend_new(&settings, &backend), 0);
	fixture_drop_cache(&fixture);
	fixture_open(&fixture, backend, bounds->flags);
}

static void close_file(void)
{
	backend_close(fixture.file);
	backend_free(fixture.backend);
}

static struct backend_file *open_another(void)
{
	struct backend_open how = {.fd = fixture.fd};
	struct backend_file *file;

	assert_int_equal(backend_open(fixture.backend, &how, &file), 0);
	return file;
}

static void read_block(struct backend_file *file, off_t offset, size_t size)
{
	assert_int_equal(read_and_wait(file, buf, size, offset), size);
	assert_pattern(buf, 16, offset);
	assert_pattern(buf + size - 16, 16, offset + (off_t)size - 16);
}

static void read_range(struct backend_file *file, off_t from, off_t to, size_t size)
{
	for (off_t offset = from; offset < to; offset += (off_t)size)
		read_block(file, offset, size);
}

/* Bytes that came from the device so far, once none are on their way any more. */
static uint64_t device_bytes(void)
{
	uint64_t now = COUNTED(&fixture, readahead_bytes), before;

	do {
		before = now;
		poll(NULL, 0, 40);
		now = COUNTED(&fixture, readahead_bytes);
	} while (now != before);
	return now + COUNTED(&fixture, straight_bytes);
}

/* Each chunk takes a whole buffer, however small it is. */
static void a_window_holds_no_more_buffers_than_it_may_read_ahead(void **state)
{
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 2 * MIB, .depth = 16};

	open_file(&bounds);
	read_range(fixture.file, 0, 10 * MIB, 128 * KIB);
	assert_true(COUNTED(&fixture, readahead_used_bytes) > 5 * MIB);
	assert_true(COUNTED(&fixture, memory) <= 2 * MIB + MIB);
	close_file();
}

static void no_more_chunks_are_in_flight_than_the_depth(void **state)
{
	const struct bounds bounds = {
		.memory = 64 * MIB, .readahead = 8 * MIB, .depth = 1, .faults = "device-read:hang@1M"};

	open_file(&bounds);
	read_range(fixture.file, 0, MIB - 128 * KIB, 128 * KIB);
	poll(NULL, 0, 50);
	assert_true(COUNTED(&fixture, readahead_bytes) > 0);
	assert_true(COUNTED(&fixture, memory) <= 2 * MIB); /* one to read from, and one that hangs */
	close_file();
}

static void the_window_grows_to_what_it_may_read_ahead_and_no_further(void **state)
{
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 4 * MIB, .depth = 4};
	uint64_t ahead;

	open_file(&bounds);
	read_range(fixture.file, 0, 12 * MIB, 128 * KIB);
	ahead = device_bytes() - 12 * MIB;
	assert_in_range(ahead, 3 * MIB, 4 * MIB);
	close_file();
	open_file(&bounds);
	for (off_t offset = 40 * MIB; offset > 28 * MIB; offset -= 128 * KIB)
		read_block(fixture.file, offset - 128 * KIB, 128 * KIB);
	ahead = device_bytes() - 12 * MIB;
	assert_in_range(ahead, 3 * MIB, 4 * MIB);
	close_file();
}

static void a_stream_that_was_left_begins_smaller_elsewhere(void **state)
{
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 4 * MIB, .depth = 4};
	uint64_t before;

	open_file(&bounds);
	read_range(fixture.file, 0, 12 * MIB, 128 * KIB);
	read_block(fixture.file, 36 * MIB, 4 * KIB);
	read_block(fixture.file, 20 * MIB, 4 * KIB);
	before = device_bytes();
	read_range(fixture.file, 30 * MIB, 30 * MIB + 384 * KIB, 128 * KIB);
	assert_in_range(device_bytes() - before, MIB, 3 * MIB - 1);
	close_file();
}

static void what_the_page_cache_holds_is_not_read_ahead(void **state)
{
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 8 * MIB, .depth = 8};

	open_file(&bounds);
	posix_fadvise(fixture.fd, 0, 0, POSIX_FADV_RANDOM);
	for (off_t offset = 4 * MIB; offset < 8 * MIB; offset += MIB)
		assert_int_equal(pread(fixture.fd, buf, MIB, offset), MIB);
	read_range(fixture.file, 0, 12 * MIB, 128 * KIB);
	assert_int_equal(COUNTED(&fixture, resident_bytes), 4 * MIB);
	assert_int_equal(COUNTED(&fixture, readahead_wasted_bytes), 0);
	close_file();
}

/* A page of it may be newer than what was read ahead: a mapping's stores move the file's times but rarely. */
static void what_the_page_cache_holds_a_page_of_is_not_taken_from_the_window(void **state)
{
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 8 * MIB, .depth = 8};
	uint64_t straight;

	open_file(&bounds);
	posix_fadvise(fixture.fd, 0, 0, POSIX_FADV_RANDOM);
	read_range(fixture.file, 0, 8 * MIB, 128 * KIB);
	device_bytes(); /* all that was asked for has come */
	assert_int_equal(pread(fixture.fd, buf, 4 * KIB, 8 * MIB + 64 * KIB), 4 * KIB);
	straight = COUNTED(&fixture, straight_bytes);
	assert_true(COUNTED(&fixture, readahead_bytes) > 8 * MIB); /* with this request */
	read_block(fixture.file, 8 * MIB, 128 * KIB);
	assert_int_equal(COUNTED(&fixture, straight_bytes), straight + 128 * KIB);
	close_file();
}

static void a_reader_who_skips_leaves_no_chunks_behind(void **state)
{
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 8 * MIB, .depth = 8};

	open_file(&bounds);
	for (off_t offset = 0; offset < 24 * MIB; offset += 192 * KIB)
		read_block(fixture.file, offset, 128 * KIB);
	assert_true(COUNTED(&fixture, readahead_used_bytes) > 4 * MIB);
	close_file();
}

static void readers_who_went_leave_their_share_to_the_others(void **state)
{
	const struct bounds bounds = {.memory = 4 * MIB, .readahead = 4 * MIB, .depth = 4};
	uint64_t before;

	open_file(&bounds);
	for (int i = 0; i < 8; i++) {
		struct backend_file *file = open_another();

		read_range(file, 0, MIB, 128 * KIB);
		backend_close(file);
	}
	before = device_bytes();
	read_range(fixture.file, 20 * MIB, 32 * MIB, 128 * KIB);
	assert_in_range(device_bytes() - before - 12 * MIB, 3 * MIB, 4 * MIB);
	close_file();
}

static void readers_at_work_do_not_take_each_others_memory(void **state)
{
	const struct bounds bounds = {.memory = 4 * MIB, .readahead = 4 * MIB, .depth = 4};
	struct backend_file *other;

	open_file(&bounds);
	other = open_another();
	for (off_t offset = 0; offset < 16 * MIB; offset += 128 * KIB) {
		read_block(fixture.file, offset, 128 * KIB);
		read_block(other, 24 * MIB + offset, 128 * KIB);
		if (offset % (2 * MIB) == MIB)
			poll(NULL, 0, 110); /* memory that rests is looked for now and then */
	}
	assert_int_equal(COUNTED(&fixture, readahead_wasted_bytes), 0);
	assert_true(COUNTED(&fixture, readahead_used_bytes) > 16 * MIB);
	backend_close(other);
	close_file();
}

/* Chunks that were read already are kept for the other handle. */
static void what_is_read_twice_is_not_counted_as_wasted(void **state)
{
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 8 * MIB, .depth = 8};
	struct backend_file *other;

	open_file(&bounds);
	other = open_another();
	for (off_t offset = 0; offset < 8 * MIB; offset += 128 * KIB) {
		read_block(fixture.file, offset, 128 * KIB);
		read_block(fixture.file, offset, 128 * KIB);
		read_block(other, offset, 128 * KIB);
	}
	backend_close(other);
	backend_close(fixture.file);
	fixture.file = open_another();
	assert_true(COUNTED(&fixture, readahead_used_bytes) > 4 * MIB);
	assert_true(COUNTED(&fixture, readahead_used_bytes) <= COUNTED(&fixture, readahead_bytes));
	assert_true(COUNTED(&fixture, readahead_wasted_bytes) <= FILE_SIZE);
	close_file();
}

/* Also where nothing but the mount knows of the change, since the file's times have not moved. */
static void what_was_read_ahead_before_a_change_is_thrown_away(void **state)
{
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 4 * MIB, .depth = 4};
	struct stat status;

	open_file(&bounds);
	assert_return_code(fstat(fixture.fd, &status), errno);
	read_range(fixture.file, 0, 8 * MIB, 128 * KIB);
	device_bytes(); /* all that was asked for has come */
	assert_int_equal(COUNTED(&fixture, readahead_stale), 0);
	backend_changed(fixture.backend, status.st_dev, status.st_ino);
	read_range(fixture.file, 8 * MIB, 9 * MIB, 128 * KIB);
	assert_int_not_equal(COUNTED(&fixture, readahead_stale), 0);
	close_file();
}

static void large_reads_out_of_order_go_around_the_page_cache(void **state)
{
	const struct bounds bounds = {
		.memory = 64 * MIB, .readahead = 8 * MIB, .depth = 8, .flags = BACKEND_RANDOM_BUFFERED};

	open_file(&bounds);
	for (off_t i = 1; i < 8; i++)
		read_block(fixture.file, i * i * 47 % 40 * MIB, MIB);
	assert_int_equal(COUNTED(&fixture, buffered_reads), 0);
	close_file();
}

/* A stream is measured for 24 MiB and then tries to read straight. */
static void read_until_trial(uint64_t trials)
{
	for (int i = 0; i < 10 && COUNTED(&fixture, window_shut) < trials; i++)
		read_range(fixture.file, 0, FILE_SIZE, MIB);
	assert_int_equal(COUNTED(&fixture, window_shut), trials);
}

static void end_by_close(off_t at)
{
	backend_close(fixture.file);
	fixture.file = open_another();
}

static void end_by_jumps(off_t at)
{
	read_block(fixture.file, 10 * MIB, 4 * KIB);
	read_block(fixture.file, 30 * MIB, 4 * KIB);
}

static void end_by_smaller_requests(off_t at)
{
	read_range(fixture.file, at, at + MIB, 128 * KIB);
	end_by_close(at);
}

/* However its stream ended: else nobody would ever try again. */
static void a_trial_that_its_stream_abandoned_starts_again(void **state)
{
	static void (*const ends[])(off_t at) = {end_by_close, end_by_jumps, end_by_smaller_requests};
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 8 * MIB, .depth = 8};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		off_t offset = 0;

		open_file(&bounds);
		for (; !COUNTED(&fixture, window_shut); offset += MIB) {
			assert_true(offset < 10 * (off_t)FILE_SIZE);
			read_block(fixture.file, offset % FILE_SIZE, MIB);
		}
		ends[i](offset % FILE_SIZE);
		read_until_trial(2);
		close_file();
	}
}

static void a_reader_who_paused_is_measured_anew(void **state)
{
	const struct bounds bounds = {.memory = 64 * MIB, .readahead = 8 * MIB, .depth = 8};

	open_file(&bounds);
	read_range(fixture.file, 0, 20 * MIB, MIB);
	poll(NULL, 0, 250);
	read_range(fixture.file, 20 * MIB, 40 * MIB, MIB);
	assert_int_equal(COUNTED(&fixture, window_shut), 0);
	close_file();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_holds_no_more_buffers_than_it_may_read_ahead),
		cmocka_unit_test(no_more_chunks_are_in_flight_than_the_depth),
		cmocka_unit_test(the_window_grows_to_what_it_may_read_ahead_and_no_further),
		cmocka_unit_test(a_stream_that_was_left_begins_smaller_elsewhere),
		cmocka_unit_test(what_the_page_cache_holds_is_not_read_ahead),
		cmocka_unit_test(what_the_page_cache_holds_a_page_of_is_not_taken_from_the_window),
		cmocka_unit_test(a_reader_who_skips_leaves_no_chunks_behind),
		cmocka_unit_test(readers_who_went_leave_their_share_to_the_others),
		cmocka_unit_test(readers_at_work_do_not_take_each_others_memory),
		cmocka_unit_test(what_is_read_twice_is_not_counted_as_wasted),
		cmocka_unit_test(what_was_read_ahead_before_a_change_is_thrown_away),
		cmocka_unit_test(large_reads_out_of_order_go_around_the_page_cache),
		cmocka_unit_test(a_trial_that_its_stream_abandoned_starts_again),
		cmocka_unit_test(a_reader_who_paused_is_measured_anew),
	};

	signal(SIGIO, SIG_IGN); /* a lease was broken */
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
