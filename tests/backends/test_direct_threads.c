/* Which thread makes a write, and what is known once it is acknowledged. */
#include "backends/backend_file.h"
#include "cache/base/clock.h"
#include "tests/backends/fixture.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cmocka.h>

enum {
	MIB = 1 << 20,
	FILE_SIZE = 16 * MIB,
};

struct noted_request {
	struct backend_request request;
	pthread_t thread;
	ssize_t result;
	sem_t done;
};

static void note_thread(struct backend_request *request, ssize_t result)
{
	struct noted_request *noted = (struct noted_request *)request;

	noted->thread = pthread_self();
	noted->result = result;
	sem_post(&noted->done);
}

/* Whether the write is made in the thread that asks for it. */
static bool is_written_here_with(struct backend_file *file, void *buf, size_t size, off_t offset, int sync)
{
	struct noted_request noted = {.request = {.file = file,
					      .buf = buf,
					      .size = size,
					      .offset = offset,
					      .sync = sync,
					      .done = note_thread}};

	sem_init(&noted.done, 0, 0);
	backend_write(&noted.request);
	while (sem_wait(&noted.done) < 0)
		;
	assert_int_equal(noted.result, size);
	return pthread_equal(noted.thread, pthread_self());
}

static bool is_written_here(struct backend_file *file, void *buf, size_t size, off_t offset)
{
	return is_written_here_with(file, buf, size, offset, 0);
}

static struct backend_file *open_with(struct fixture *fixture, unsigned flags)
{
	struct backend_open how = {.fd = fixture->fd, .flags = flags};
	struct backend_file *file;

	assert_int_equal(backend_open(fixture->backend, &how, &file), 0);
	return file;
}

/* A machine under load may make any write slow, and then the next ones are made elsewhere for a while. */
static void assert_written_here(struct backend_file *file, void *buf, size_t size, off_t offset)
{
	bool here = is_written_here(file, buf, size, offset);

	for (int i = 0; i < 20 && !here; i++) {
		poll(NULL, 0, 250);
		here = is_written_here(file, buf, size, offset);
	}
	assert_true(here);
}

static void assert_written_elsewhere_once(struct backend_file *file, void *buf, size_t size, off_t offset)
{
	assert_false(is_written_here(file, buf, size, offset));
	assert_written_here(file, buf, size, offset);
}

/* With the pool of threads, which never answers in the submitting one. */
static void a_write_that_must_read_a_page_first_is_made_elsewhere(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_settings settings;
	struct backend_file *waiting;
	struct fixture fixture;

	backend_settings_init(&settings);
	settings.threads_only = true;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	assert_written_here(fixture.file, buf, 8192, 4096);
	assert_written_elsewhere_once(fixture.file, buf, 4096, MIB + 100); /* both of its pages are missing */
	assert_written_elsewhere_once(fixture.file, buf, 8192 - 100, 2 * MIB + 100); /* the first is */
	assert_written_elsewhere_once(fixture.file, buf, 8192 + 100, 3 * MIB);       /* the last */
	assert_written_here(fixture.file, buf, 4096 + 100, FILE_SIZE); /* there is nothing to read */
	assert_written_here(fixture.file, buf, 100, FILE_SIZE + 8192);
	assert_written_here(fixture.file, buf, 100, FILE_SIZE + 40960 + 50);
	waiting = open_with(&fixture, BACKEND_WRITES_WAIT);
	assert_false(is_written_here(waiting, buf, 8192, 4096));
	backend_close(waiting);
	free(buf);
	fixture_deinit(&fixture);
}

/* It waits for the disk. */
static void a_write_that_is_to_be_on_the_disk_at_once_is_made_elsewhere(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_settings settings;
	struct fixture fixture;

	backend_settings_init(&settings);
	settings.threads_only = true;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	assert_written_here(fixture.file, buf, 8192, 4096);
	assert_false(is_written_here_with(fixture.file, buf, 8192, 4096, RWF_DSYNC));
	assert_false(is_written_here_with(fixture.file, buf, 8192, 4096, RWF_SYNC));
	free(buf);
	fixture_deinit(&fixture);
}

/* The pace is the file system's: a handle that is opened while a write hangs there knows it. */
static void a_file_opened_anew_on_a_file_system_that_hangs_is_written_elsewhere(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_settings settings;
	struct backend_file *anew;
	struct fixture fixture;
	struct pace *pace;

	backend_settings_init(&settings);
	settings.threads_only = true;
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	pace = &fixture.file->volume->pace;
	pace_begin(pace, 1); /* long ago, and it has not come back */
	anew = open_with(&fixture, 0);
	assert_false(is_written_here(anew, buf, 8192, 0));
	assert_false(is_written_here(fixture.file, buf, 8192, 0));
	pace_end(pace, 2, 3);
	assert_written_here(anew, buf, 8192, 0);
	backend_close(anew);
	free(buf);
	fixture_deinit(&fixture);
}

/* Or those that follow it would be made here again, one after the other. */
static void a_slow_write_that_was_made_elsewhere_counts_for_the_pace(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_settings settings;
	struct fixture fixture;
	uint64_t began_ns;

	backend_settings_init(&settings);
	settings.faults = "device-write:delay=50ms";
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	began_ns = clock_now_ns();
	assert_true(pace_is_quick(&fixture.file->volume->pace, began_ns));
	assert_int_equal(write_and_wait(fixture.file, buf, 8192, 4096), 8192);
	assert_false(pace_is_quick(&fixture.file->volume->pace, began_ns));
	free(buf);
	fixture_deinit(&fixture);
}

static uint64_t generation_of(const struct fixture *fixture)
{
	return node_generation(fixture->file->node);
}

static void note_generation(struct backend_request *request, ssize_t result)
{
	struct noted_request *noted = (struct noted_request *)request;

	noted->result = (ssize_t)node_generation(request->file->node);
	sem_post(&noted->done);
}

/* What was read ahead before is not handed out after it, whatever the file's times say. */
static void a_change_is_counted_before_it_is_acknowledged(void **state)
{
	unsigned char *buf = buffer_new(MIB);
	struct backend_settings settings;
	struct noted_request noted = {.request = {.buf = buf, .size = 100, .done = note_generation}};
	struct fixture fixture;
	struct stat status;
	uint64_t before;

	backend_settings_init(&settings);
	fixture_start(&fixture, ".", FILE_SIZE, &settings);
	sem_init(&noted.done, 0, 0);
	noted.request.file = fixture.file;
	before = generation_of(&fixture);
	backend_write(&noted.request);
	while (sem_wait(&noted.done) < 0)
		;
	assert_true((uint64_t)noted.result > before);
	before = generation_of(&fixture);
	wrote_and_wait(fixture.file, 100, 0);
	assert_true(generation_of(&fixture) > before);
	before = generation_of(&fixture);
	backend_file_changed(fixture.file);
	assert_true(generation_of(&fixture) > before);
	before = generation_of(&fixture);
	assert_return_code(fstat(fixture.fd, &status), errno);
	backend_changed(fixture.backend, status.st_dev, status.st_ino);
	assert_true(generation_of(&fixture) > before);
	free(buf);
	fixture_deinit(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_that_must_read_a_page_first_is_made_elsewhere),
		cmocka_unit_test(a_write_that_is_to_be_on_the_disk_at_once_is_made_elsewhere),
		cmocka_unit_test(a_file_opened_anew_on_a_file_system_that_hangs_is_written_elsewhere),
		cmocka_unit_test(a_slow_write_that_was_made_elsewhere_counts_for_the_pace),
		cmocka_unit_test(a_change_is_counted_before_it_is_acknowledged),
	};

	signal(SIGIO, SIG_IGN); /* a lease was broken */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
