/* large=stream: which opens are taken for streams, and what those leave in the page cache. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE_MIN (1 << 20)
#define STREAM (96 << 20)
#define BOUND (24 << 20)      /* two windows, and what is written meanwhile */
#define READ_BOUND (64 << 20) /* the window of a reader, readahead and what is read between two looks */
#define STEP_MAX (1 << 20)

/* Which lane the open got. */
static const char *lane_of_open(const char *name, int flags)
{
	long long direct = mount_stat(&mounted, "direct/opens"), plain = mount_stat(&mounted, "plain/opens");
	char path[PATH_MAX];
	int fd;

	path_below(path, mounted.point, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	direct = mount_stat(&mounted, "direct/opens") - direct;
	plain = mount_stat(&mounted, "plain/opens") - plain;
	close(fd);
	assert_int_equal(direct + plain, 1);
	return direct ? "direct" : "plain";
}

static void make(const char *name, off_t size)
{
	char path[PATH_MAX];
	int fd;

	path_below(path, mounted.source, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, size), errno);
	close(fd);
}

static void a_file_made_anew_is_a_stream_however_it_is_opened(void **state)
{
	make("large", 4 * LARGE_MIN);
	make("small", 100);
	assert_string_equal(lane_of_open("large", O_RDWR | O_TRUNC), "direct");
	assert_string_equal(lane_of_open("small", O_RDWR | O_TRUNC), "direct");
	assert_string_equal(lane_of_open("new1", O_RDWR | O_CREAT | O_EXCL), "direct");
	assert_string_equal(lane_of_open("new2", O_RDWR | O_CREAT | O_TRUNC), "direct");
	assert_string_equal(lane_of_open("new3", O_WRONLY | O_CREAT), "direct");
	assert_string_equal(lane_of_open("new4", O_WRONLY | O_APPEND | O_CREAT | O_EXCL), "direct");
	assert_string_equal(lane_of_open("", O_RDWR | O_TMPFILE), "direct");
}

static void a_file_opened_in_place_is_a_database(void **state)
{
	make("base", 4 * LARGE_MIN);
	assert_string_equal(lane_of_open("base", O_RDWR), "plain");
	assert_string_equal(lane_of_open("base", O_RDWR | O_CREAT), "plain");
	assert_string_equal(lane_of_open("base", O_WRONLY), "direct");
	assert_string_equal(lane_of_open("base", O_RDWR | O_APPEND), "direct");
	make("base", 0);
	assert_string_equal(lane_of_open("base", O_RDWR), "plain");
	assert_string_equal(lane_of_open("newbase", O_RDWR | O_CREAT), "plain");
	assert_string_equal(lane_of_open("log", O_WRONLY | O_APPEND | O_CREAT), "plain");
}

/* Pages of the file in the page cache. */
static long long resident_bytes(const char *name)
{
	char path[PATH_MAX];
	long long pages = 0;
	struct stat st;
	int fd;

	path_below(path, mounted.source, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_return_code(fstat(fd, &st), errno);
	if (st.st_size > 0) {
		size_t count = (size_t)(st.st_size + 4095) / 4096;
		unsigned char *vector = malloc(count);
		void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);

		assert_ptr_not_equal(map, MAP_FAILED);
		assert_return_code(mincore(map, (size_t)st.st_size, vector), errno);
		for (size_t i = 0; i < count; i++)
			pages += vector[i] & 1;
		munmap(map, (size_t)st.st_size);
		free(vector);
	}
	close(fd);
	return pages * 4096;
}

/* Writes a long stream; the most of it that was in the page cache. */
static void write_stream(const char *name, int flags, size_t step, size_t shift)
{
	char *buf = aligned_alloc(4096, STEP_MAX + 4096), path[PATH_MAX];
	long long most = 0, now;
	int fd;

	path_below(path, mounted.point, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	for (off_t offset = 0; offset < STREAM; offset += (off_t)step) {
		memset(buf, (int)(offset / (off_t)step), STEP_MAX + 4096);
		assert_int_equal(write(fd, buf + shift, step), step);
		if (offset / BOUND != (offset + (off_t)step) / BOUND) {
			now = resident_bytes(name);
			most = now > most ? now : most;
		}
	}
	if (most > BOUND)
		fail_msg("%s with writes of %zu: %lld bytes in the page cache", name, step, most);
	close(fd);
	for (int i = 0; i < 2000 && resident_bytes(name) > STREAM / 100; i++)
		poll(NULL, 0, 10);
	assert_true(resident_bytes(name) <= STREAM / 100);
}

static void a_stream_is_a_bounded_window_in_the_page_cache(void **state)
{
	static const size_t steps[] = {STEP_MAX, 700001};

	for (size_t i = 0; i < 2; i++) {
		write_stream("written", O_WRONLY | O_CREAT | O_TRUNC, steps[i], i);
		write_stream("both", O_RDWR | O_CREAT | O_TRUNC, steps[i], i);
		write_stream("appended", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, steps[i], i);
		write_stream("sync", O_WRONLY | O_CREAT | O_TRUNC | O_DSYNC, steps[i], i);
	}
}

static void synchronous_writes_go_around_the_page_cache_too(void **state)
{
	static const int flags[] = {O_SYNC, O_DSYNC};

	for (size_t i = 0; i < 2; i++) {
		long long before = mount_stat(&mounted, "direct_write_bytes");

		write_stream("sync", O_WRONLY | O_CREAT | O_TRUNC | flags[i], STEP_MAX, 0);
		assert_int_equal(mount_stat(&mounted, "direct_write_bytes") - before, STREAM - LARGE_MIN);
	}
}

static void a_copy_leaves_neither_file_in_the_page_cache(void **state)
{
	long long most_read = 0, most_written = 0, now;
	char path[PATH_MAX], other[PATH_MAX];
	off_t done = 0;
	int from, to;

	write_stream("from", O_WRONLY | O_CREAT | O_TRUNC, STEP_MAX, 0);
	path_below(path, mounted.point, "from");
	path_below(other, mounted.point, "to");
	from = open(path, O_RDONLY | O_CLOEXEC);
	to = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_return_code(from, errno);
	assert_return_code(to, errno);
	while (done < STREAM) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 32 << 20, 0);

		assert_true(n > 0);
		done += n;
		now = resident_bytes("from");
		most_read = now > most_read ? now : most_read;
		now = resident_bytes("to");
		most_written = now > most_written ? now : most_written;
	}
	close(from);
	close(to);
	if (most_read > READ_BOUND || most_written > BOUND)
		fail_msg("%lld bytes read and %lld bytes written in the page cache", most_read, most_written);
	path_below(path, mounted.source, "from");
	path_below(other, mounted.source, "to");
	assert_int_equal(shell(NULL, 0, "cmp %s %s", path, other), 0);
}

static void read_at_leisure(const char *path)
{
	static char buf[STEP_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	while (read(fd, buf, sizeof(buf)) > 0)
		poll(NULL, 0, 1);
	close(fd);
}

/* Files are trailed at first; then both ways are measured, and the report has what was found. */
static void both_ways_to_read_are_measured(void **state)
{
	long long trailed = mount_stat(&mounted, "trailed/opens"),
		  direct = mount_stat(&mounted, "direct/opens");
	char path[PATH_MAX];
	int r = 1, fd;

	path_below(path, mounted.source, "measured");
	assert_return_code(put_file(path, STREAM, 4), errno);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_return_code(fsync(fd), errno);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	path_below(path, mounted.point, "measured");
	for (int i = 0; i < 24 && r; i++) {
		read_at_leisure(path);
		r = shell(NULL, 0, "%s stat %s | grep -q '^large_why.*trailed [1-9][0-9]*, direct [1-9]'",
			getenv("SIEVECTL"), mounted.point);
	}
	assert_int_equal(r, 0);
	assert_true(mount_stat(&mounted, "trailed/opens") > trailed);
	assert_true(mount_stat(&mounted, "direct/opens") > direct);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_made_anew_is_a_stream_however_it_is_opened),
	cmocka_unit_test(a_file_opened_in_place_is_a_database),
	cmocka_unit_test(a_stream_is_a_bounded_window_in_the_page_cache),
	cmocka_unit_test(synchronous_writes_go_around_the_page_cache_too),
	cmocka_unit_test(both_ways_to_read_are_measured),
	cmocka_unit_test(a_copy_leaves_neither_file_in_the_page_cache),
};

static const struct suite suite = {.name = "streams",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "large=stream,large_min=1M,large_keep=0,small_max=64K,cache_size=8M",
	.mounts = true,
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
