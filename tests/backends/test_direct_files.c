/* Handles of the direct backend: the descriptors that it opens for them, and what they leave in the page
 * cache. */
#include "backends/backend_file.h"
#include "backends/resident.h"
#include "tests/backends/fixture.h"
#include "tests/support/descriptors.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	KIB = 1 << 10,
	MIB = 1 << 20,
	FILE_SIZE = 16 * MIB,
};

#define COUNTED(fixture, name) backend_counted(&backend_stats((fixture)->backend)->name)

/* What is read ahead or written back holds its descriptor until it is done. */
static void assert_descriptors_go_back_to(int before)
{
	for (int i = 0; i < 500 && descriptors_open() > before; i++)
		poll(NULL, 0, 10);
	assert_int_equal(descriptors_open(), before);
}

static int reopen_refuses(void *context, int flags)
{
	return flags & O_DIRECT ? -EINVAL : open(context, flags);
}

static int reopen_finds_it_gone(void *context, int flags)
{
	return -ESTALE;
}

static int reopen_notes_flags(void *context, int flags)
{
	*(int *)context = flags;
	return -EINVAL;
}

static void closed_readers_leave_no_descriptor(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_settings settings;
	struct fixture fixture;
	int before;

	backend_settings_init(&settings);
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	backend_close(fixture.file);
	fixture.file = NULL;
	fixture_close_for_writing(&fixture);
	poll(NULL, 0, 120); /* until the file's stamp counts for something */
	before = descriptors_open();
	for (int i = 0; i < 10; i++) {
		struct backend_open how = {.fd = fixture.fd};
		struct backend_file *file;
		off_t size = i % 2 ? 128 * KIB : 4 * KIB; /* a stream and a single read */

		assert_int_equal(backend_open(fixture.backend, &how, &file), 0);
		for (off_t offset = 0; offset < 16 * size; offset += size)
			assert_int_equal(read_and_wait(file, buf, size, i % 2 ? offset : 0), size);
		backend_close(file);
	}
	assert_true(COUNTED(&fixture, readahead_bytes) > 0);
	assert_descriptors_go_back_to(before);
	free(buf);
	fixture_deinit(&fixture);
}

static void closed_writers_leave_no_descriptor(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_settings settings;
	struct fixture fixture;
	int before;

	backend_settings_init(&settings);
	settings.write_direct_from = 0;
	settings.write_window = MIB;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	before = descriptors_open();
	for (int i = 0; i < 10; i++) {
		struct backend_open how = {
			.fd = fixture.fd, .reopen = i % 2 ? reopen_refuses : NULL, .context = fixture.path};
		struct backend_file *file;

		assert_int_equal(backend_open(fixture.backend, &how, &file), 0);
		for (off_t offset = 0; offset < 3 * MIB; offset += 100000)
			assert_int_equal(write_and_wait(file, buf, 100000, offset), 100000);
		backend_close(file);
	}
	assert_true(COUNTED(&fixture, dropped_bytes) > 0);
	assert_descriptors_go_back_to(before);
	free(buf);
	fixture_deinit(&fixture);
}

/* A write around the page cache waits for the disk where its handle says so. */
static void a_handle_is_reopened_with_what_it_was_opened_for(void **state)
{
	static const int flags[] = {O_RDONLY, O_RDWR, O_RDWR | O_SYNC, O_WRONLY | O_DSYNC};
	unsigned char *buf = buffer_new(MIB);
	struct backend_settings settings;
	struct fixture fixture;

	backend_settings_init(&settings);
	settings.write_direct_from = 0;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int noted = 0, keep = O_ACCMODE | O_SYNC;
		struct backend_open how = {.reopen = reopen_notes_flags, .context = &noted};
		struct backend_file *file;

		how.fd = open(fixture.path, flags[i] | O_NONBLOCK);
		assert_true(how.fd >= 0);
		assert_int_equal(backend_open(fixture.backend, &how, &file), 0);
		if (flags[i] == O_RDONLY)
			assert_int_equal(read_and_wait(file, buf, 4096, (off_t)i * MIB), 4096);
		else
			assert_int_equal(write_and_wait(file, buf, MIB, (off_t)i * MIB), MIB);
		assert_int_equal(noted & keep, flags[i] & keep);
		assert_true(noted & O_DIRECT && noted & O_CLOEXEC);
		backend_close(file);
		close(how.fd);
	}
	free(buf);
	fixture_deinit(&fixture);
}

static void a_file_that_refuses_o_direct_is_dropped_behind_its_stream(void **state)
{
	unsigned char *buf = buffer_new(128 * KIB);
	struct backend_settings settings;
	struct fixture fixture;
	struct backend_open how = {.reopen = reopen_refuses};

	backend_settings_init(&settings);
	fixture_init(&fixture, ".", FILE_SIZE);
	assert_int_equal(backend_new(&settings, &fixture.backend), 0);
	how.fd = fixture.fd;
	how.context = fixture.path;
	assert_int_equal(backend_open(fixture.backend, &how, &fixture.file), 0);
	posix_fadvise(fixture.fd, 0, 0, POSIX_FADV_RANDOM); /* no readahead of the kernel's */
	for (off_t offset = 0; offset < FILE_SIZE; offset += 128 * KIB) {
		assert_int_equal(read_and_wait(fixture.file, buf, 128 * KIB, offset), 128 * KIB);
		assert_true(resident_pages(fixture.fd, 0, FILE_SIZE) * 4096 <= 5 * MIB);
	}
	assert_in_range(COUNTED(&fixture, dropped_bytes), 12 * MIB, FILE_SIZE); /* each byte once */
	free(buf);
	fixture_deinit(&fixture);
}

static void note_line(void *context, int priority, const char *line)
{
	++*(int *)context;
}

static void a_file_that_is_gone_is_read_as_it_was_opened(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_open how = {.reopen = reopen_finds_it_gone};
	struct backend_settings settings;
	struct backend_file *gone;
	struct fixture fixture;
	int lines = 0;

	backend_settings_init(&settings);
	settings.threads_only = true; /* and nothing is said of io_uring */
	settings.log = note_line;
	settings.log_context = &lines;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	how.fd = fixture.fd;
	assert_int_equal(backend_open(fixture.backend, &how, &gone), 0);
	for (off_t offset = 0; offset < FILE_SIZE; offset += MIB) {
		assert_int_equal(read_and_wait(gone, buf, MIB, offset), MIB);
		assert_pattern(buf, MIB, offset);
	}
	/* nothing of the file system is to be learned from it */
	assert_int_equal(COUNTED(&fixture, fallback_files), 0);
	assert_int_equal(lines, 0);
	backend_close(gone);
	free(buf);
	fixture_deinit(&fixture);
}

struct servers_away {
	const char *path;
	bool away;
};

static int reopen_when_they_are_back(void *context, int flags)
{
	const struct servers_away *servers = context;

	return servers->away ? -ENOTCONN : open(servers->path, flags);
}

static void a_file_whose_servers_were_away_goes_around_the_page_cache_afterwards(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct servers_away servers = {.away = true};
	struct backend_open how = {.reopen = reopen_when_they_are_back, .context = &servers};
	struct backend_settings settings;
	struct backend_file *file;
	struct fixture fixture;

	backend_settings_init(&settings);
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	servers.path = fixture.path;
	how.fd = fixture.fd;
	assert_int_equal(backend_open(fixture.backend, &how, &file), 0);
	assert_int_equal(read_and_wait(file, buf, MIB, 0), MIB);
	assert_int_equal(COUNTED(&fixture, buffered_reads), 1);
	servers.away = false;
	assert_int_equal(read_and_wait(file, buf, MIB, 8 * MIB), MIB);
	assert_pattern(buf, MIB, 8 * MIB);
	assert_int_equal(COUNTED(&fixture, straight_reads), 1);
	assert_int_equal(COUNTED(&fixture, buffered_reads), 1);
	assert_int_equal(COUNTED(&fixture, fallback_files), 0);
	backend_close(file);
	free(buf);
	fixture_deinit(&fixture);
}

/* What is there in part is asked for around the page cache as a whole. */
static void a_read_brings_nothing_into_the_page_cache_beside_what_is_there(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_settings settings;
	struct fixture fixture;
	uint64_t pages;

	backend_settings_init(&settings);
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	posix_fadvise(fixture.fd, 0, 0, POSIX_FADV_RANDOM);
	assert_int_equal(pread(fixture.fd, buf, MIB / 2, 4 * MIB), MIB / 2);
	posix_fadvise(fixture.fd, 0, 0, POSIX_FADV_NORMAL);
	pages = resident_pages(fixture.fd, 0, FILE_SIZE);
	assert_int_equal(read_and_wait(fixture.file, buf, MIB, 4 * MIB), MIB);
	assert_pattern(buf, MIB, 4 * MIB);
	assert_int_equal(resident_pages(fixture.fd, 0, FILE_SIZE), pages);
	assert_int_equal(COUNTED(&fixture, read_bytes), MIB);
	free(buf);
	fixture_deinit(&fixture);
}

/* A file of the kernel's that answers EINVAL to what is no number. */
static int reopen_gives_what_refuses(void *context, int flags)
{
	return flags & O_DIRECT ? open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC) : open(context, flags);
}

static void a_write_that_the_device_refuses_goes_through_the_page_cache(void **state)
{
	unsigned char *buf = buffer_new(MIB), *back = buffer_new(MIB);
	struct backend_settings settings;
	struct fixture fixture;
	struct backend_open how = {.reopen = reopen_gives_what_refuses, .context = fixture.path};
	struct backend_file *file;

	backend_settings_init(&settings);
	settings.write_direct_from = 0;
	settings.write_mode = BACKEND_WRITE_AROUND;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	how.fd = fixture.fd;
	assert_int_equal(backend_open(fixture.backend, &how, &file), 0);
	for (int i = 0; i < 2; i++) {
		memset(buf, i, MIB);
		assert_int_equal(write_and_wait(file, buf, MIB, i * MIB), MIB);
		assert_int_equal(pread(fixture.fd, back, MIB, i * MIB), MIB);
		assert_memory_equal(buf, back, MIB);
	}
	assert_int_equal(COUNTED(&fixture, direct_writes), 1); /* it is not asked again */
	assert_int_equal(COUNTED(&fixture, fallback_files), 1);
	assert_int_equal(COUNTED(&fixture, errors), 0);
	backend_close(file);
	free(buf);
	free(back);
	fixture_deinit(&fixture);
}

/* By itself, long before a window of them is full (Linux 6.14). Behind the file's end: blocks that are
 * overwritten may be done in an interrupt, where the kernel drops nothing. */
static void a_stream_of_small_writes_leaves_the_page_cache_once_it_is_on_the_disk(void **state)
{
	enum { SIZE = 100000, COUNT = 40 };
	unsigned char *buf = buffer_new(SIZE);
	struct backend_settings settings;
	struct fixture fixture;
	uint64_t pages;

	backend_settings_init(&settings);
	settings.write_direct_from = 0;
	settings.write_window = 64 * MIB;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(write_and_wait(fixture.file, buf, SIZE, FILE_SIZE + (off_t)i * SIZE), SIZE);
	assert_return_code(fsync(fixture.fd), errno);
	pages = resident_pages(fixture.fd, FILE_SIZE, COUNT * SIZE);
	for (int i = 0; i < 100 && pages * 4096 > 2 * MIB; i++) {
		poll(NULL, 0, 10);
		pages = resident_pages(fixture.fd, FILE_SIZE, COUNT * SIZE);
	}
	if (!fixture.file->volume->uncached)
		print_message("skipped: nothing can be written uncached here\n");
	else
		assert_true(pages * 4096 <= 2 * MIB);
	free(buf);
	fixture_deinit(&fixture);
}

static void a_handle_through_the_page_cache_leaves_all_there_beside_one_around_it(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_open how = {.flags = BACKEND_BUFFERED};
	struct backend_settings settings;
	struct backend_file *buffered;
	struct fixture fixture;

	backend_settings_init(&settings);
	settings.write_direct_from = 0;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	how.fd = fixture_open_for_writing(&fixture);
	assert_int_equal(backend_open(fixture.backend, &how, &buffered), 0);
	for (off_t offset = 0; offset < FILE_SIZE; offset += MIB) {
		assert_int_equal(read_and_wait(buffered, buf, MIB, offset), MIB);
		assert_pattern(buf, MIB, offset);
	}
	assert_int_equal(write_and_wait(buffered, buf, MIB, FILE_SIZE), MIB);
	assert_int_equal(COUNTED(&fixture, straight_reads) + COUNTED(&fixture, bounce_reads), 0);
	assert_int_equal(COUNTED(&fixture, direct_writes), 0);
	assert_int_equal(COUNTED(&fixture, streams), 0);
	assert_int_equal(COUNTED(&fixture, dropped_bytes), 0);
	assert_int_equal(COUNTED(&fixture, fallback_files), 0);
	assert_int_equal(resident_pages(fixture.fd, 0, FILE_SIZE + MIB), (FILE_SIZE + MIB) / 4096);
	backend_close(buffered);
	assert_int_equal(fsync(how.fd), 0);
	close(how.fd);
	fixture_drop_cache(&fixture);
	assert_int_equal(read_and_wait(fixture.file, buf, MIB, 0), MIB);
	assert_int_equal(COUNTED(&fixture, straight_reads), 1);
	free(buf);
	fixture_deinit(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_readers_leave_no_descriptor),
		cmocka_unit_test(closed_writers_leave_no_descriptor),
		cmocka_unit_test(a_handle_is_reopened_with_what_it_was_opened_for),
		cmocka_unit_test(a_file_that_refuses_o_direct_is_dropped_behind_its_stream),
		cmocka_unit_test(a_file_that_is_gone_is_read_as_it_was_opened),
		cmocka_unit_test(a_file_whose_servers_were_away_goes_around_the_page_cache_afterwards),
		cmocka_unit_test(a_read_brings_nothing_into_the_page_cache_beside_what_is_there),
		cmocka_unit_test(a_write_that_the_device_refuses_goes_through_the_page_cache),
		cmocka_unit_test(a_handle_through_the_page_cache_leaves_all_there_beside_one_around_it),
		cmocka_unit_test(a_stream_of_small_writes_leaves_the_page_cache_once_it_is_on_the_disk),
	};

	signal(SIGIO, SIG_IGN); /* a lease was broken */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
