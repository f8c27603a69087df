/*
 * coherence_cases - what one machine changed and closed, the other sees at its next open: one test for each
 * kind of change.
 *
 * usage: coherence_cases DIRECTORY_A DIRECTORY_B [bare|late]
 *
 * bare: without sievefs. late: a file that was overwritten in place may show its old bytes for two more
 * seconds, for systems where time stamps reach the other machines later than the bytes. The two arguments are
 * the same directory, as two machines see it. Before a test begins, machine b has cached the file of the
 * test, if there is a sievefs, except for the files of the group "large", which are too large for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/distributed/content.h"
#include "tests/support/check.h"
#include "tools/libsievefs/sievefs.h"

#define SMALL 20000
#define LARGE (3 << 20)
#define CACHE_TRIES 800
#define CACHE_STEP_US 10000

enum machine { A, B };

static const char *directories[2];
static char buffer[2 * LARGE + 4096];
static const struct CMUnitTest *cases;
static bool large, late;

#define LATE_TRIES 40
#define LATE_STEP_US 50000

static size_t size_before(void)
{
	return large ? LARGE : SMALL;
}

static const char *path_of(enum machine machine, const char *name)
{
	static char paths[2][4096];

	snprintf(paths[machine], sizeof(paths[machine]), "%s/%s", directories[machine], name);
	return paths[machine];
}

/* The case's file has the case's name. */
static const char *own;

static int open_own(enum machine machine, int flags)
{
	int fd = open(path_of(machine, own), flags | O_CLOEXEC, 0644);

	if (fd < 0)
		fail_msg("open of %s: %s", path_of(machine, own), strerror(errno));
	return fd;
}

static void put(enum machine machine, const char *name, int flags, size_t from, size_t size, uint32_t version)
{
	int fd = open(path_of(machine, name), O_WRONLY | O_CLOEXEC | flags, 0644);

	assert_return_code(fd, errno);
	content_fill(buffer, size - from, from, 0, version);
	assert_int_equal(pwrite(fd, buffer, size - from, (off_t)from), size - from);
	assert_return_code(close(fd), errno);
}

static void assert_content(const char *bytes, size_t length, size_t offset, uint32_t version)
{
	const struct cell expected = {.version = version};
	char reason[160];

	if (content_check(bytes, length, offset, &expected, 0, reason) < 0)
		fail_msg("%s", reason);
}

static void assert_reads(int fd, size_t size, uint32_t version)
{
	ssize_t n, length = 0;

	while ((n = pread(fd, buffer + length, sizeof(buffer) - (size_t)length, length)) > 0)
		length += n;
	assert_return_code(n, errno);
	assert_int_equal(length, size);
	assert_content(buffer, size, 0, version);
}

/* Whether a new open reads that version. */
static bool shows(enum machine machine, size_t size, uint32_t version)
{
	const struct cell expected = {.version = version};
	char reason[160];
	ssize_t n, length = 0;
	int fd = open_own(machine, O_RDONLY);

	while ((n = pread(fd, buffer + length, sizeof(buffer) - (size_t)length, length)) > 0)
		length += n;
	close(fd);
	return length == (ssize_t)size && content_check(buffer, size, 0, &expected, 0, reason) == 0;
}

static void await_late(enum machine machine, size_t size, uint32_t version)
{
	for (int tries = 0; late && tries < LATE_TRIES && !shows(machine, size, version); tries++)
		usleep(LATE_STEP_US);
}

static void assert_shows(enum machine machine, size_t size, uint32_t version)
{
	int fd = open_own(machine, O_RDONLY);
	struct stat st;

	assert_return_code(fstat(fd, &st), errno);
	assert_int_equal(st.st_size, size);
	assert_reads(fd, size, version);
	close(fd);
}

static void a_rewritten_file_shows_what_was_written(void **state)
{
	put(A, own, 0, 0, size_before(), 2);
	await_late(B, size_before(), 2);
	assert_shows(B, size_before(), 2);
	put(B, own, 0, 0, size_before(), 3);
	await_late(A, size_before(), 3);
	assert_shows(A, size_before(), 3);
}

static void a_file_written_anew_has_its_new_size(void **state)
{
	put(A, own, O_TRUNC, 0, size_before() / 2, 2);
	assert_shows(B, size_before() / 2, 2);
}

static void an_appended_file_has_its_new_end(void **state)
{
	for (size_t i = 0; i < 10; i++) {
		put(i % 2 ? B : A, own, O_APPEND, size_before() + i * 100, size_before() + i * 100 + 100, 1);
		assert_shows(i % 2 ? A : B, size_before() + i * 100 + 100, 1);
	}
}

static void a_truncated_file_ends_there(void **state)
{
	assert_return_code(truncate(path_of(A, own), 1001), errno);
	assert_shows(B, 1001, 1);
}

static void replace(enum machine machine, size_t size, uint32_t version)
{
	static char from[4096];

	snprintf(from, sizeof(from), "%s", path_of(machine, "new"));
	put(machine, "new", O_CREAT | O_EXCL, 0, size, version);
	assert_return_code(rename(from, path_of(machine, own)), errno);
}

static void a_replaced_file_is_the_new_one(void **state)
{
	replace(A, size_before(), 2);
	assert_shows(B, size_before(), 2);
	replace(B, size_before() + 1, 3);
	assert_shows(A, size_before() + 1, 3);
}

static void a_recreated_file_is_the_new_one(void **state)
{
	assert_return_code(unlink(path_of(A, own)), errno);
	put(A, own, O_CREAT | O_EXCL, 0, size_before(), 2);
	assert_shows(B, size_before(), 2);
}

static void a_removed_file_is_gone(void **state)
{
	assert_return_code(unlink(path_of(A, own)), errno);
	assert_int_equal(open(path_of(B, own), O_RDONLY), -1);
	assert_int_equal(errno, ENOENT);
	put(A, own, O_CREAT | O_EXCL, 0, 100, 2);
	assert_shows(B, 100, 2);
}

static void a_mapping_made_after_a_change_shows_it(void **state)
{
	char *map;
	int fd;

	put(A, own, 0, 0, size_before(), 2);
	await_late(B, size_before(), 2);
	fd = open_own(B, O_RDONLY);
	map = mmap(NULL, size_before(), PROT_READ, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	assert_content(map, size_before(), 0, 2);
	munmap(map, size_before());
	close(fd);
}

/* Not only whoever opens a file that nobody has open. */
static void a_new_open_sees_a_change_while_another_is_open(void **state)
{
	int before = open_own(B, O_RDONLY);

	assert_reads(before, size_before(), 1);
	put(A, own, 0, 0, size_before(), 2);
	await_late(B, size_before(), 2);
	assert_shows(B, size_before(), 2);
	put(A, own, O_TRUNC, 0, size_before() / 2, 3);
	assert_shows(B, size_before() / 2, 3);
	close(before);
}

static void a_file_replaced_while_it_is_open_stays_what_it_was(void **state)
{
	int before = open_own(B, O_RDONLY);

	assert_int_equal(pread(before, buffer, 1000, 0), 1000);
	replace(A, size_before() + 77, 2);
	assert_shows(B, size_before() + 77, 2);
	assert_reads(before, size_before(), 1);
	close(before);
}

static void a_file_not_read_before_its_replacement_stays_what_it_was(void **state)
{
	int before = open_own(B, O_RDONLY);

	replace(A, size_before() + 77, 2);
	assert_shows(B, size_before() + 77, 2);
	assert_reads(before, size_before(), 1);
	close(before);
}

/* The inode was bound by the first open; the other one reads only when the name leads elsewhere. */
static void a_second_open_not_read_before_the_replacement_stays_what_it_was(void **state)
{
	int first = open_own(B, O_RDONLY), second = open_own(B, O_RDONLY);

	assert_int_equal(pread(first, buffer, 1000, 0), 1000);
	replace(A, size_before() + 77, 2);
	assert_shows(B, size_before() + 77, 2);
	close(first);
	assert_reads(second, size_before(), 1);
	close(second);
}

static void a_file_replaced_while_it_is_open_can_be_written(void **state)
{
	int before = open_own(B, O_RDWR);

	replace(A, size_before() + 77, 2);
	assert_shows(B, size_before() + 77, 2);
	content_fill(buffer, size_before(), 0, 0, 3);
	assert_int_equal(pwrite(before, buffer, size_before(), 0), size_before());
	assert_return_code(fsync(before), errno);
	assert_reads(before, size_before(), 3);
	assert_return_code(close(before), errno);
	assert_shows(B, size_before() + 77, 2);
}

/* As far as it shows them: what another machine appended may not be seen by who had the file open. */
static void assert_reads_no_more_than(int fd, size_t least, size_t most, uint32_t version)
{
	ssize_t n, length = 0;

	while ((n = pread(fd, buffer + length, sizeof(buffer) - (size_t)length, length)) > 0)
		length += n;
	assert_return_code(n, errno);
	assert_in_range(length, least, most);
	assert_content(buffer, (size_t)length, 0, version);
}

static void a_file_that_grew_elsewhere_shows_no_zeros_once_it_is_cut_here(void **state)
{
	size_t size = size_before();
	int reader = open_own(B, O_RDONLY);

	assert_reads(reader, size, 1);
	put(A, own, O_APPEND, size, 2 * size, 1);
	assert_return_code(truncate(path_of(B, own), (off_t)(size + size / 2)), errno);
	assert_reads_no_more_than(reader, size, size + size / 2, 1);
	await_late(B, size + size / 2, 1);
	assert_shows(B, size + size / 2, 1);
	close(reader);
}

static void a_file_that_grew_elsewhere_shows_no_zeros_once_it_is_written_here(void **state)
{
	size_t size = size_before(), end = 2 * size + 1000;
	int reader = open_own(B, O_RDONLY), writer = open_own(B, O_WRONLY);

	assert_reads(reader, size, 1);
	put(A, own, O_APPEND, size, 2 * size, 1);
	content_fill(buffer, 1000, 2 * size, 0, 1);
	assert_int_equal(pwrite(writer, buffer, 1000, (off_t)(2 * size)), 1000);
	assert_reads_no_more_than(reader, size, end, 1);
	close(writer);
	await_late(B, end, 1);
	assert_shows(B, end, 1);
	close(reader);
}

static void a_file_removed_while_it_is_open_stays_what_it_was(void **state)
{
	int before = open_own(B, O_RDONLY);

	assert_return_code(unlink(path_of(A, own)), errno);
	assert_reads(before, size_before(), 1);
	put(A, own, O_CREAT | O_EXCL, 0, 100, 2);
	assert_reads(before, size_before(), 1);
	close(before);
}

/* A copy is a whole version of its file: the second half is of the first half's. */
static void a_cached_file_rewritten_elsewhere_is_read_as_one_version(void **state)
{
	size_t half = size_before() / 2;
	int before = open_own(B, O_RDONLY);

	assert_int_equal(pread(before, buffer, half, 0), half);
	assert_content(buffer, half, 0, 1);
	put(A, own, 0, 0, size_before(), 2);
	assert_int_equal(pread(before, buffer, half, (off_t)half), half);
	assert_content(buffer, half, half, 1);
	close(before);
}

static void writing_a_file_that_was_just_replaced_writes_the_new_one(void **state)
{
	replace(A, size_before(), 2);
	put(B, own, 0, 0, size_before(), 3);
	assert_shows(A, size_before(), 3);
	replace(A, size_before(), 4);
	put(B, own, O_APPEND, size_before(), size_before() + 10, 4);
	assert_shows(A, size_before() + 10, 4);
}

static bool is_cached_after_reading(const char *name)
{
	struct sievefs_file file;
	int fd = open(path_of(B, name), O_RDONLY | O_CLOEXEC), r;

	assert_return_code(fd, errno);
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	close(fd);
	r = sievefs_state_at(AT_FDCWD, path_of(B, name), &file);
	if (r == -ENOTTY)
		return true; /* there is no sievefs */
	assert_return_code(r, -r);
	return !strcmp(file.cache, "hit");
}

static void await_cached(const char *name)
{
	for (int tries = 0; tries < CACHE_TRIES; tries++) {
		if (is_cached_after_reading(name))
			return;
		usleep(CACHE_STEP_US);
	}
	fail_msg("%s is not cached", name);
}

static int begin(void **state)
{
	own = *state;
	return 0;
}

#define CASE(name)                                      \
	{                                               \
#name, name, begin, NULL, (void *)#name \
	}

static const struct CMUnitTest small_cases[] = {
	CASE(a_rewritten_file_shows_what_was_written), CASE(a_file_written_anew_has_its_new_size),
	CASE(an_appended_file_has_its_new_end), CASE(a_truncated_file_ends_there),
	CASE(a_replaced_file_is_the_new_one), CASE(a_recreated_file_is_the_new_one),
	CASE(a_removed_file_is_gone), CASE(a_mapping_made_after_a_change_shows_it),
	CASE(a_new_open_sees_a_change_while_another_is_open),
	CASE(a_file_replaced_while_it_is_open_stays_what_it_was),
	CASE(a_file_not_read_before_its_replacement_stays_what_it_was),
	CASE(a_second_open_not_read_before_the_replacement_stays_what_it_was),
	CASE(a_file_replaced_while_it_is_open_can_be_written),
	CASE(a_file_that_grew_elsewhere_shows_no_zeros_once_it_is_cut_here),
	CASE(a_file_that_grew_elsewhere_shows_no_zeros_once_it_is_written_here),
	CASE(a_file_removed_while_it_is_open_stays_what_it_was),
	CASE(writing_a_file_that_was_just_replaced_writes_the_new_one),
	CASE(a_cached_file_rewritten_elsewhere_is_read_as_one_version), /* the last: not without sievefs */
};

#define CASES (sizeof(small_cases) / sizeof(small_cases[0]))

static struct CMUnitTest named[CASES];
static char names[2][CASES][128];

/* All files are made at once, since a file is cached only some time after it was written. */
static int make_files(void **state)
{
	for (size_t i = 0; i < CASES; i++)
		put(A, cases[i].initial_state, O_CREAT | O_EXCL, 0, size_before(), 1);
	for (size_t i = 0; i < CASES && !large; i++)
		await_cached(cases[i].initial_state);
	return 0;
}

static int run(bool of_large, size_t count)
{
	large = of_large;
	for (size_t i = 0; i < CASES; i++) {
		named[i] = small_cases[i];
		snprintf(names[large][i], sizeof(names[large][i]), "%s%s", large ? "large: " : "",
			small_cases[i].name);
		named[i].name = names[large][i];
		named[i].initial_state = names[large][i];
	}
	cases = named;
	return _cmocka_run_group_tests(large ? "large" : "small", named, count, make_files, NULL);
}

int main(int argc, char **argv)
{
	int failed;

	if (argc < 3)
		return EXIT_FAILURE;
	directories[A] = argv[1];
	directories[B] = argv[2];
	late = argc > 3 && strcmp(argv[3], "late") == 0;
	failed = run(false, argc > 3 && !late ? CASES - 1 : CASES);
	return run(true, CASES - 1) || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
