/* large=trail: what large files that are read leave in the page cache, and what they leave alone. */
#include "cache/base/clock.h"
#include "cache/base/page_cache.h"
#include "tests/support/pages.h"
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1ll << 20)
#define STREAM (256 * MIB)
#define BOUND (STREAM / 2) /* the machine may be busy, and the trail gets its turns late */
#define STEP MIB
#define MANY 1000

static int open_source(const char *name, int flags)
{
	return open_below(mounted.source, name, flags);
}

static void unlink_source(const char *name)
{
	char path[PATH_MAX];

	path_below(path, mounted.source, name);
	unlink(path);
}

static long long resident_part(const char *name, off_t from, off_t to)
{
	int fd = open_source(name, O_RDONLY);
	struct page_cache_counts counts;

	assert_return_code(-page_cache_count(fd, from, (uint64_t)(to - from), &counts), 0);
	close(fd);
	return (long long)counts.cached * PAGE_CACHE_PAGE;
}

static long long resident(const char *name)
{
	return resident_part(name, 0, 1ll << 40);
}

/* A file of holes, which the page cache holds as it does others. */
static void make_sparse(const char *name, off_t size)
{
	int fd = open_source(name, O_WRONLY | O_CREAT | O_TRUNC);

	assert_return_code(ftruncate(fd, size), errno);
	close(fd);
	assert_int_equal(resident(name), 0);
}

static void read_part(int fd, off_t from, off_t to)
{
	static char buf[STEP];

	for (off_t at = from; at < to; at += STEP)
		assert_int_equal(pread(fd, buf, STEP, at), STEP);
}

/* As a program would that a disk slows. */
static long long read_slowly(int fd, const char *name, off_t from, off_t to)
{
	long long most = 0, now;

	for (off_t at = from; at < to; at += 4 * STEP) {
		read_part(fd, at, at + 4 * STEP);
		poll(NULL, 0, 10);
		now = resident(name);
		most = now > most ? now : most;
	}
	return most;
}

static void fail_with_what_is_left(const char *name)
{
	off_t from = -1;

	for (off_t at = 0; at <= 2 * STREAM; at += PAGE_CACHE_PAGE) {
		bool there = at < 2 * STREAM && resident_part(name, at, at + PAGE_CACHE_PAGE) > 0;

		if (there && from < 0)
			from = at;
		if (there || from < 0)
			continue;
		print_message("pages %lld to %lld\n", (long long)from / PAGE_CACHE_PAGE,
			(long long)at / PAGE_CACHE_PAGE);
		from = -1;
	}
	fail_msg("%s is left in the page cache; kept %lld, stuck %lld, files %lld", name,
		mount_stat(&mounted, "trail/kept_bytes"), mount_stat(&mounted, "trail/stuck_bytes"),
		mount_stat(&mounted, "trail/files"));
}

static void await_at_most(const char *name, long long bytes)
{
	for (int i = 0; i < 1000 && resident(name) > bytes; i++)
		poll(NULL, 0, 10);
	if (resident(name) > bytes)
		fail_with_what_is_left(name);
}

static void a_stream_is_a_window_in_the_page_cache_and_nothing_afterwards(void **state)
{
	int fd;

	make_sparse("stream", STREAM);
	fd = open_below(mounted.point, "stream", O_RDONLY);
	assert_in_range(read_slowly(fd, "stream", 0, STREAM), 0, BOUND);
	close(fd);
	await_at_most("stream", STREAM / 100);
	assert_true(mount_stat(&mounted, "trail/opens") > 0);
	assert_true(mount_stat(&mounted, "trail/dropped_bytes") >= STREAM / 2);
}

/* Of the device of SOURCE, which must be the test's own. Returns what it was before. */
static int set_readahead(int kib)
{
	struct stat st;
	char path[64], text[32];
	int fd, before;

	assert_return_code(stat(mounted.source, &st), errno);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/read_ahead_kb", major(st.st_dev),
		minor(st.st_dev));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memset(text, 0, sizeof(text));
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	before = atoi(text);
	snprintf(text, sizeof(text), "%d", kib);
	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	close(fd);
	return before;
}

/* Such a readahead makes folios that lie across the ends of what is dropped. */
static void folios_at_the_edge_of_a_window_do_not_stay(void **state)
{
	int before = config.source ? set_readahead(2560) : -ENODEV, fd;
	long long stuck = mount_stat(&mounted, "trail/stuck_bytes");

	if (before < 0)
		SKIP_TEST("SOURCE has no device of the test's own");
	make_sparse("edges", STREAM);
	fd = open_below(mounted.point, "edges", O_RDONLY);
	assert_true(read_slowly(fd, "edges", 0, STREAM) <= BOUND);
	close(fd);
	await_at_most("edges", 0);
	assert_int_equal(mount_stat(&mounted, "trail/stuck_bytes"), stuck);
	unlink_source("edges");
	set_readahead(before);
}

static void the_report_says_how_large_files_travel(void **state)
{
	assert_int_equal(shell(NULL, 0, "%s stat %s | grep -q '^large_used *trailed'", getenv("SIEVECTL"),
				 mounted.point),
		0);
	assert_int_equal(shell(NULL, 0, "%s stat %s | grep -q '^large_why .*cachestat'", getenv("SIEVECTL"),
				 mounted.point),
		0);
}

static void readers_of_one_file_have_a_window_each(void **state)
{
	long long most = 0, now;
	int fd;

	make_sparse("shared", 2 * STREAM);
	fd = open_below(mounted.point, "shared", O_RDONLY);
	for (off_t at = 0; at < STREAM / 2; at += 2 * STEP) {
		read_part(fd, at, at + 2 * STEP);
		read_part(fd, STREAM + at, STREAM + at + 2 * STEP);
		poll(NULL, 0, 10);
		now = resident("shared");
		most = now > most ? now : most;
	}
	assert_in_range(most, 0, BOUND + BOUND / 2);
	close(fd);
	await_at_most("shared", STREAM / 100);
}

static void what_is_written_in_order_is_a_window_too(void **state)
{
	static char buf[STEP];
	long long most = 0, now;
	int fd = open_below(mounted.point, "written", O_WRONLY | O_CREAT | O_TRUNC);

	for (off_t at = 0; at < STREAM; at += STEP) {
		assert_int_equal(write(fd, buf, STEP), STEP);
		now = resident("written");
		most = now > most ? now : most;
	}
	assert_in_range(most, 0, BOUND);
	close(fd);
	await_at_most("written", STREAM / 100);
	unlink_source("written");
}

static void sendfile_leaves_no_more(void **state)
{
	long long most = 0, now;
	int fd, out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	off_t at = 0;

	make_sparse("sent", STREAM);
	fd = open_below(mounted.point, "sent", O_RDONLY);
	while (at < STREAM) {
		assert_true(sendfile(out, fd, &at, (size_t)(4 * STEP)) > 0);
		poll(NULL, 0, 10);
		now = resident("sent");
		most = now > most ? now : most;
	}
	assert_in_range(most, 0, BOUND);
	close(fd);
	close(out);
	await_at_most("sent", STREAM / 100);
}

static void a_resident_half_stays(void **state)
{
	bool disturbed = true;
	int keeps = pages_keep();

	/* others may empty the whole page cache meanwhile */
	for (int tries = 0; disturbed && tries < 5; tries++) {
		int fd;

		unlink_source("half"); /* a file that is read for a second time would stay */
		make_sparse("half", STREAM);
		make_sparse("canary", 8 * MIB);
		fd = open_source("canary", O_RDONLY);
		read_part(fd, 0, 8 * MIB);
		close(fd);
		fd = open_source("half", O_RDONLY);
		posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* reads nothing ahead */
		read_part(fd, STREAM / 2, STREAM);
		close(fd);
		fd = open_below(mounted.point, "half", O_RDONLY);
		read_slowly(fd, "half", 0, STREAM);
		close(fd);
		await_at_most("half", STREAM / 2 + STREAM / 100);
		disturbed = resident("canary") < 7 * MIB; /* the kernel reclaims a few pages now and then */
	}
	close(keeps);
	if (disturbed)
		SKIP_TEST("others empty the page cache all the time");
	assert_in_range(resident_part("half", STREAM / 2, STREAM), STREAM / 16 * 7, STREAM / 2);
}

static void what_is_read_whole_a_second_time_stays(void **state)
{
	int keeps = pages_keep(); /* pages that others drop were not read */

	for (int i = 0; i < 2; i++) {
		int fd;

		if (i == 0)
			make_sparse("again", STREAM);
		fd = open_below(mounted.point, "again", O_RDONLY);
		read_slowly(fd, "again", 0, STREAM);
		close(fd);
		if (i == 0)
			await_at_most("again", STREAM / 100);
		for (int j = 0; j < 100 && mount_stat(&mounted, "trail/files") > 0; j++)
			poll(NULL, 0, 20);
	}
	assert_int_equal(mount_stat(&mounted, "trail/staying"), 1);
	assert_int_equal(mount_stat(&mounted, "trail/staying_bytes"), STREAM);
	close(keeps);
	assert_int_equal(shell(NULL, 0, "rm %s/again", mounted.point), 0);
	for (int j = 0; j < 100 && mount_stat(&mounted, "trail/staying") > 0; j++)
		poll(NULL, 0, 20);
	assert_int_equal(mount_stat(&mounted, "trail/staying"), 0);
}

static void a_mapping_keeps_its_pages_until_it_goes(void **state)
{
	volatile char sum = 0;
	char *map;
	int fd;

	make_sparse("mapped", STREAM);
	fd = open_below(mounted.point, "mapped", O_RDONLY);
	map = mmap(NULL, STREAM, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	for (off_t at = 0; at < STREAM; at += PAGE_CACHE_PAGE)
		sum = (char)(sum + map[at]);
	assert_int_equal(sum, 0);
	assert_int_equal(munmap(map, STREAM), 0);
	await_at_most("mapped", STREAM / 100);
}

static void what_is_read_is_what_the_file_holds_however_it_changes(void **state)
{
	char path[PATH_MAX], other[PATH_MAX];
	static char was[STEP], is[STEP];
	int fd;

	path_below(path, mounted.source, "changing");
	path_below(other, mounted.source, "replacement");
	assert_return_code(put_file(path, 64 * MIB, 1), errno);
	assert_return_code(put_file(other, 64 * MIB, 2), errno);
	fd = open_below(mounted.point, "changing", O_RDONLY);
	read_part(fd, 0, 48 * MIB);
	/* overwritten in SOURCE, around the page cache and through it */
	assert_int_equal(shell(NULL, 0, "dd if=%s of=%s bs=1M count=20 conv=notrunc oflag=direct status=none",
				 other, path),
		0);
	assert_int_equal(
		shell(NULL, 0, "dd if=%s of=%s bs=1M count=20 skip=20 seek=20 conv=notrunc status=none",
			other, path),
		0);
	for (off_t at = 0; at < 40 * MIB; at += STEP) {
		int from = open_source("replacement", O_RDONLY);

		assert_int_equal(pread(from, was, STEP, at), STEP);
		assert_int_equal(pread(fd, is, STEP, at), STEP);
		assert_memory_equal(was, is, STEP);
		close(from);
	}
	assert_return_code(truncate(path, 10 * MIB), errno);
	assert_int_equal(pread(fd, is, STEP, 20 * MIB), 0);
	assert_return_code(truncate(path, 64 * MIB), errno);
	assert_int_equal(pread(fd, is, STEP, 20 * MIB), STEP);
	for (size_t i = 0; i < STEP; i++)
		assert_int_equal(is[i], 0);
	/* the reader keeps the file that was replaced */
	assert_return_code(rename(other, path), errno);
	assert_int_equal(pread(fd, is, STEP, 20 * MIB), STEP);
	assert_int_equal(is[0], 0);
	close(fd);
	unlink_source("changing");
}

static void a_file_that_grows_is_followed_to_its_end(void **state)
{
	static char buf[STEP];
	long long most = 0, now;
	int fd, log;

	make_sparse("log", 40 * MIB);
	log = open_source("log", O_WRONLY | O_APPEND);
	fd = open_below(mounted.point, "log", O_RDONLY);
	read_part(fd, 0, 40 * MIB);
	for (off_t at = 40 * MIB; at < STREAM; at += STEP) {
		memset(buf, (int)(at / STEP), sizeof(buf));
		assert_int_equal(write(log, buf, STEP), STEP);
		assert_int_equal(fdatasync(log), 0);
		memset(buf, 0, sizeof(buf));
		assert_int_equal(pread(fd, buf, STEP, at), STEP);
		assert_int_equal(buf[STEP - 1], (char)(at / STEP));
		now = resident("log");
		most = now > most ? now : most;
	}
	assert_in_range(most, 0, BOUND);
	close(log);
	close(fd);
	await_at_most("log", STREAM / 100);
	unlink_source("log");
}

/* Of the daemon's thread that trails. */
static long long wakeups(void)
{
	char line[64] = "";

	assert_int_equal(shell(line, sizeof(line),
				 "for t in /proc/%d/task/*; do [ \"$(cat $t/comm)\" = sieve-trail ] && awk "
				 "'/^voluntary/ {print $2}' $t/status; done; true",
				 (int)mounted.daemon),
		0);
	return atoll(line);
}

static void await_rest(long long files)
{
	long long known = -1, resting = -1;

	for (int i = 0; i < 500 && (known != files || resting != files); i++) {
		poll(NULL, 0, 20);
		known = mount_stat(&mounted, "trail/files");
		resting = mount_stat(&mounted, "trail/resting");
	}
	assert_int_equal(known, files);
	assert_int_equal(resting, files);
}

static void nothing_wakes_while_nothing_is_open(void **state)
{
	long long before;

	await_rest(0);
	before = wakeups();
	poll(NULL, 0, 2500);
	assert_in_range(wakeups() - before, 0, 1);
}

/* One thread follows all of them, and one tick a second looks whether something came that no read told of. */
static void a_thousand_large_files_cost_a_wakeup_a_second(void **state)
{
	static int fds[MANY];
	long long count, threads = 0;
	char name[32], line[64];
	int64_t began_ms;

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		make_sparse(name, 64 * MIB);
		fds[i] = open_below(mounted.point, name, O_RDONLY);
	}
	await_rest(MANY);
	began_ms = clock_now_ms(); /* on a busy machine it takes a while to count them */
	count = wakeups();
	poll(NULL, 0, 3000);
	count = wakeups() - count;
	assert_in_range(count, 0, (clock_now_ms() - began_ms) / 500);
	assert_int_equal(shell(line, sizeof(line), "ls /proc/%d/task | wc -l", (int)mounted.daemon), 0);
	threads = atoll(line);
	assert_in_range(threads, 1, 100);
	/* each of them is followed all the same */
	read_slowly(fds[7], "many7", 0, 64 * MIB);
	read_slowly(fds[MANY - 1], name, 0, 64 * MIB);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	await_at_most("many7", MIB);
	await_at_most(name, MIB);
	await_rest(0);
}

static void a_stopped_reader_goes_on_where_it_was(void **state)
{
	static char buf[STEP], expected[STEP];
	char path[PATH_MAX];
	int status, fd;
	pid_t pid;

	path_below(path, mounted.source, "stopped");
	assert_return_code(put_file(path, 64 * MIB, 5), errno);
	fd = open_source("stopped", O_RDONLY);
	pid = suite_fork();
	if (pid == 0) {
		int in = open_below(mounted.point, "stopped", O_RDONLY);

		for (off_t at = 0; at < 64 * MIB; at += STEP) {
			if (at == 32 * MIB)
				raise(SIGSTOP);
			if (pread(in, buf, STEP, at) != STEP || pread(fd, expected, STEP, at) != STEP ||
				memcmp(buf, expected, STEP) != 0)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	poll(NULL, 0, 1500);
	assert_return_code(kill(pid, SIGCONT), errno);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
	unlink_source("stopped");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_wakes_while_nothing_is_open),
	cmocka_unit_test(a_stream_is_a_window_in_the_page_cache_and_nothing_afterwards),
	cmocka_unit_test(folios_at_the_edge_of_a_window_do_not_stay),
	cmocka_unit_test(the_report_says_how_large_files_travel),
	cmocka_unit_test(readers_of_one_file_have_a_window_each),
	cmocka_unit_test(what_is_written_in_order_is_a_window_too),
	cmocka_unit_test(sendfile_leaves_no_more),
	cmocka_unit_test(a_resident_half_stays),
	cmocka_unit_test(what_is_read_whole_a_second_time_stays),
	cmocka_unit_test(a_mapping_keeps_its_pages_until_it_goes),
	cmocka_unit_test(what_is_read_is_what_the_file_holds_however_it_changes),
	cmocka_unit_test(a_file_that_grows_is_followed_to_its_end),
	cmocka_unit_test(a_stopped_reader_goes_on_where_it_was),
	cmocka_unit_test(a_thousand_large_files_cost_a_wakeup_a_second),
};

static const struct suite suite = {.name = "trailed",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "large=trail,large_min=32M,large_keep=512M,small_max=64K,cache_size=8M",
	.mounts = true,
	.needs_root = true,
	.needs_daemon = true,
	.needs_cachestat = true};

SUITE_MAIN(suite)
