/* A write that meets an error of the disk at any of its pieces. */
#include "tests/backends/fixture.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	FILE_SIZE = 4 << 20,
	SIZE = 1 << 20,
	NEW = 0xa5,
};

/* offset: aligned ones go around the page cache as far as the pieces are large enough. */
struct piece {
	off_t offset;
	size_t size;
};

static const struct piece pieces[] = {
	{1 << 20, SIZE}, {(1 << 20) + 1, SIZE - 3}, {3 << 20, SIZE}, {4 << 20, SIZE}};

static void open_faulty(struct fixture *fixture, const char *word, unsigned nth)
{
	struct backend_settings settings;
	char faults[80];

	/* every piece is cut into halves, and one of them fails */
	snprintf(faults, sizeof(faults), "device-write:short,device-write:%s#%u", word, nth);
	backend_settings_init(&settings);
	settings.faults = faults;
	settings.write_direct_from = 0;
	settings.write_window = 1 << 20;
	settings.write_mode = BACKEND_WRITE_AROUND;
	fixture_start(fixture, ".", FILE_SIZE, &settings);
}

/* The written range is new up to some place and old from there on; all else is old. */
static void check_file(int fd, const struct piece *piece, bool complete)
{
	unsigned char *buf = buffer_new(FILE_SIZE + 2 * SIZE);
	ssize_t size = pread(fd, buf, FILE_SIZE + 2 * SIZE, 0);
	off_t end = piece->offset + (off_t)piece->size, place = piece->offset;

	assert_true(size >= FILE_SIZE);
	while (place < end && place < size && buf[place] == NEW)
		place++;
	if (complete)
		assert_int_equal(place, end);
	for (off_t at = 0; at < size; at++) {
		bool old = at < piece->offset || at >= place;

		if (old && at < FILE_SIZE && buf[at] != pattern_byte((size_t)at))
			fail_msg("byte %jd was changed by a write of %zu at %jd", (intmax_t)at, piece->size,
				(intmax_t)piece->offset);
	}
	free(buf);
}

static void fail_at(const char *word, int error, unsigned nth, const struct piece *piece)
{
	unsigned char *buf = buffer_new(SIZE);
	struct fixture fixture;

	memset(buf, NEW, SIZE);
	open_faulty(&fixture, word, nth);
	assert_int_equal(write_and_wait(fixture.file, buf, piece->size, piece->offset), -error);
	assert_int_equal(backend_counted(&backend_stats(fixture.backend)->errors), 1);
	check_file(fixture.fd, piece, false);
	/* it was that one only: the next try succeeds, and nothing of the error is left */
	assert_int_equal(write_and_wait(fixture.file, buf, piece->size, piece->offset), piece->size);
	check_file(fixture.fd, piece, true);
	assert_int_equal(fsync(fixture.fd), 0);
	fixture_deinit(&fixture);
	free(buf);
}

static void an_error_at_any_piece_of_a_write_is_its_result(void **state)
{
	static const struct {
		const char *word;
		int error;
	} errors[] = {{"eio", EIO}, {"enospc", ENOSPC}, {"edquot", EDQUOT}};
	static const unsigned places[] = {1, 2, 3, 5, 8, 9};

	for (size_t e = 0; e < sizeof(errors) / sizeof(*errors); e++)
		for (size_t n = 0; n < sizeof(places) / sizeof(*places); n++)
			for (size_t p = 0; p < sizeof(pieces) / sizeof(*pieces); p++)
				fail_at(errors[e].word, errors[e].error, places[n], &pieces[p]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_at_any_piece_of_a_write_is_its_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
