/* On a slow disk: with dirty_max who writes is slowed to its pace, and never failed; with dirty_expire
 * nothing gets old. */
#include "cache/base/clock.h"
#include "cache/base/page_cache.h"
#include "tests/support/suite.h"
#include "tests/support/volume.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE (1 << 20)
#define RATE (20l * SIZE) /* of the disk, bytes a second */
#define WRITERS 4
#define FILES 12 /* for each of them */
#define MAX_DIRTY (8l * SIZE)
#define LIMIT_MS 20000
#define EXPIRE_MS 1000
#define PERIOD_MS 100

static struct mount mount_slow;
static char slow_dir[PATH_MAX]; /* of its disk */

static void start(const char *name, unsigned long rate, const char *options)
{
	char disk[64];

	mount_prepare(&mount_slow, name);
	snprintf(disk, sizeof(disk), "%s.disk", name);
	path_below(slow_dir, config.base, disk);
	volume_make_slow(slow_dir, mount_slow.source, "ext4", "256M", rate);
	mount_start(&mount_slow, name, options);
}

/* What is still dirty proves nothing more. */
static void end(void)
{
	volume_slow_no_more(slow_dir);
	mount_stop(&mount_slow, MOUNT_END_UMOUNT);
	umount(mount_slow.source);
}

static void name_of(char name[32], int writer, int file)
{
	snprintf(name, 32, "%d-%d", writer, file);
}

/* What is dirty or being written back of all files. */
static long all_dirty(void)
{
	struct page_cache_counts counts;
	char name[32], path[PATH_MAX];
	long pages = 0;

	for (int i = 0; i < WRITERS * FILES; i++) {
		int fd;

		name_of(name, i / FILES, i % FILES);
		path_below(path, mount_slow.source, name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (page_cache_count(fd, 0, 0, &counts) == 0)
			pages += (long)(counts.dirty + counts.writeback);
		close(fd);
	}
	return pages * PAGE_CACHE_PAGE;
}

static void write_files(int writer)
{
	static char bytes[SIZE / 8];
	char name[32];

	for (int file = 0; file < FILES; file++) {
		int fd;

		name_of(name, writer, file);
		fd = open_below(mount_slow.point, name, O_WRONLY | O_CREAT | O_EXCL);
		for (int i = 0; i < 8; i++)
			if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
				_exit(1);
		if (close(fd) < 0)
			_exit(1);
	}
	_exit(0);
}

static void writers_are_slowed_and_none_fails(void **state)
{
	int64_t began_ms;
	long most = 0, now;
	int status, left = WRITERS;

	start("slowed", RATE, "dirty_max=8M,dirty_background=2M");
	began_ms = clock_now_ms();
	for (int i = 0; i < WRITERS; i++)
		if (suite_fork() == 0)
			write_files(i);
	while (left) {
		now = all_dirty();
		most = now > most ? now : most;
		poll(NULL, 0, 5);
		while (left && waitpid(-1, &status, WNOHANG) > 0) {
			assert_int_equal(status, 0);
			left--;
		}
	}
	print_message("%ld of %d MiB dirty at most, %lld ms\n", most / SIZE, WRITERS * FILES,
		(long long)(clock_now_ms() - began_ms));
	/* each may have begun a file by then, and what is written is counted 50 times a second */
	assert_in_range(most, MAX_DIRTY / 4, MAX_DIRTY + 2 * WRITERS * SIZE);
	assert_true(mount_stat(&mount_slow, "dirty/throttled") > 0);
	assert_true(mount_stat(&mount_slow, "dirty/throttled_ms") > 0);
	/* all wait at the close, until whose answer FLUSH is timed */
	assert_true(mount_stat(&mount_slow, "operations/flush/sum_seconds") >=
		    mount_stat(&mount_slow, "dirty/throttled_ms") / 1000 * 3 / 4);
	assert_int_equal(mount_stat(&mount_slow, "dirty/failures"), 0);
	end();
}

/* One process writes a file of 8M and keeps it open; another opens or closes a second one, and has to wait
 * for the disk. */
struct waiting {
	pid_t writer, child;
};

static void write_much(void)
{
	static char bytes[8 * SIZE];
	int fd = open_below(mount_slow.point, "first", O_WRONLY | O_CREAT);

	if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		_exit(1);
	pause();
}

static void open_or_close(bool opens)
{
	char path[PATH_MAX];
	int fd;

	path_below(path, mount_slow.point, opens ? "second" : "third");
	fd = open(path, opens ? O_WRONLY | O_CLOEXEC : O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	/* an error where the mount has ended meanwhile */
	_exit(write(fd, "x", 1) != 1 || close(fd) < 0);
}

static long long on_its_way(void)
{
	return mount_stat(&mount_slow, "dirty/dirty_bytes") +
	       mount_stat(&mount_slow, "dirty/writeback_bytes");
}

static struct waiting start_waiting(bool opens)
{
	struct waiting waiting;

	close(open_below(mount_slow.point, "second", O_WRONLY | O_CREAT));
	waiting.writer = suite_fork();
	if (waiting.writer == 0)
		write_much();
	for (int ms = 0; ms < LIMIT_MS && on_its_way() < 4 * SIZE; ms += 10)
		poll(NULL, 0, 10);
	waiting.child = suite_fork();
	if (waiting.child == 0)
		open_or_close(opens);
	poll(NULL, 0, 300);
	assert_int_equal(waitpid(waiting.child, NULL, WNOHANG), 0);
	return waiting;
}

static void stop_writer(const struct waiting *waiting)
{
	kill(waiting->writer, SIGKILL);
	waitpid(waiting->writer, NULL, 0);
}

static void kill_it(const char *name, const char *options, bool opens)
{
	struct waiting waiting;
	int64_t began_ms;
	int status;

	start(name, 2 * SIZE, options);
	waiting = start_waiting(opens);
	began_ms = clock_now_ms();
	kill(waiting.child, SIGKILL);
	assert_int_equal(waitpid(waiting.child, &status, 0), waiting.child);
	assert_in_range(clock_now_ms() - began_ms, 0, 2000);
	stop_writer(&waiting);
	end();
}

static void who_waits_can_be_killed(void **state)
{
	if (config.passthrough && strcmp(config.passthrough, "off") == 0)
		SKIP_TEST("the first writer would wait itself");
	kill_it("opens", "dirty_max=1M,large=plain", true);
	kill_it("closes", "dirty_max=1M,large=plain", false);
	kill_it("local", "dirty_max=1M,large=plain,locks=local", false); /* no lock is waited for */
}

static void the_mount_ends_though_somebody_waits(void **state)
{
	struct waiting waiting;
	int64_t began_ms;

	if (config.passthrough && strcmp(config.passthrough, "off") == 0)
		SKIP_TEST("the first writer would wait itself");
	start("ended", 2 * SIZE, "dirty_max=1M,large=plain");
	waiting = start_waiting(false);
	began_ms = clock_now_ms();
	mount_stop(&mount_slow, MOUNT_END_SIGTERM);
	assert_in_range(clock_now_ms() - began_ms, 0, 5000);
	volume_slow_no_more(slow_dir);
	waitpid(waiting.child, NULL, 0);
	stop_writer(&waiting);
	umount(mount_slow.source);
}

/* Who creates a file holds its directory meanwhile, and does not wait. */
static void a_directory_is_not_held_up(void **state)
{
	struct waiting waiting;
	int64_t began_ms;
	char path[PATH_MAX];

	if (config.passthrough && strcmp(config.passthrough, "off") == 0)
		SKIP_TEST("the first writer would wait itself");
	start("directory", 2 * SIZE, "dirty_max=1M,large=plain");
	waiting = start_waiting(false);
	began_ms = clock_now_ms();
	path_below(path, mount_slow.point, "missing");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(shell(NULL, 0, "ls %s", mount_slow.point), 0);
	assert_in_range(clock_now_ms() - began_ms, 0, 1000);
	assert_int_equal(waitpid(waiting.child, NULL, WNOHANG), 0);
	volume_slow_no_more(slow_dir);
	waitpid(waiting.child, NULL, 0);
	stop_writer(&waiting);
	end();
}

/* --- on request ------------------------------------------------------------------------------- */

static void what_is_flushed_is_on_the_disk_when_waited_for(void **state)
{
	char output[256];

	start("flushed", RATE, "dirty_expire=1h,dirty_writeback=10s");
	if (suite_fork() == 0)
		write_files(0);
	wait(NULL);
	assert_int_equal(
		shell(output, sizeof(output), "%s flush %s", getenv("SIEVECTL"), mount_slow.point), 0);
	assert_non_null(strstr(output, " files, "));
	assert_int_equal(
		shell(output, sizeof(output), "%s flush --wait %s", getenv("SIEVECTL"), mount_slow.point), 0);
	assert_int_equal(all_dirty(), 0);
	assert_int_equal(mount_stat(&mount_slow, "dirty/files"), 0);
	end();
}

static void without_thresholds_files_are_flushed_one_by_one(void **state)
{
	char output[512];

	start("one_by_one", RATE, NULL);
	if (suite_fork() == 0)
		write_files(0);
	wait(NULL);
	assert_int_equal(
		shell(output, sizeof(output), "%s flush --wait %s", getenv("SIEVECTL"), mount_slow.point), 0);
	assert_int_equal(all_dirty(), 0);
	end();
}

/* --- a disk that hangs ------------------------------------------------------------------------ */

static void await_clean(const char *name)
{
	struct page_cache_counts counts = {.dirty = 1};
	int fd = open_below(mount_slow.source, name, O_RDONLY);

	for (int ms = 0; ms < LIMIT_MS && counts.dirty; ms += 10) {
		assert_int_equal(page_cache_count(fd, 0, 0, &counts), 0);
		poll(NULL, 0, 10);
	}
	close(fd);
	assert_int_equal(counts.dirty, 0);
}

#define HANGING_FILES 32

/* A file system below SOURCE hangs: what is written to the others goes to their disks at its age. */
static void a_disk_that_hangs_holds_up_its_own_files(void **state)
{
	static char bytes[SIZE];
	char dir[PATH_MAX], point[PATH_MAX], name[32];
	int fd;

	mount_prepare(&mount_slow, "beside");
	path_below(dir, config.base, "beside.disk");
	path_below(point, mount_slow.source, "hanging");
	volume_make_slow(dir, point, "ext4", "256M", 100 * RATE);
	mount_start(&mount_slow, "beside", "dirty_expire=1s,dirty_writeback=100ms");
	for (int i = 0; i < HANGING_FILES; i++) {
		snprintf(name, sizeof(name), "hanging/%d", i);
		fd = open_below(mount_slow.point, name, O_WRONLY | O_CREAT);
		assert_int_equal(write(fd, bytes, SIZE), SIZE);
		close(fd);
	}
	volume_hang(dir, true);
	poll(NULL, 0, 2 * EXPIRE_MS);
	fd = open_below(mount_slow.point, "beside", O_WRONLY | O_CREAT);
	assert_int_equal(write(fd, bytes, SIZE), SIZE);
	close(fd);
	assert_true(mount_stat(&mount_slow, "dirty/dirty_bytes") +
			    mount_stat(&mount_slow, "dirty/writeback_bytes") >
		    SIZE);
	await_clean("beside");
	volume_hang(dir, false);
	for (int ms = 0; ms < LIMIT_MS && mount_stat(&mount_slow, "dirty/files"); ms += 50)
		poll(NULL, 0, 50);
	assert_int_equal(mount_stat(&mount_slow, "dirty/files"), 0);
	mount_stop(&mount_slow, MOUNT_END_UMOUNT);
	umount(point);
}

/* --- age, under load -------------------------------------------------------------------------- */

#define LOAD_MS 5000
#define STEP (64 << 10)
#define PAUSE_MS 25 /* four writers make 10M a second */

/* The first one appends to one file. */
static void write_on(int writer)
{
	static char bytes[STEP];
	int64_t began_ms = clock_now_ms();
	int fd = -1;

	for (int file = 0; clock_now_ms() - began_ms < LOAD_MS; file++) {
		char name[32];

		if (fd < 0 || writer > 0) {
			close(fd);
			name_of(name, writer, file % FILES);
			fd = open_below(mount_slow.point, name, O_WRONLY | O_CREAT);
		}
		if (write(fd, bytes, STEP) != STEP)
			_exit(1);
		poll(NULL, 0, PAUSE_MS);
	}
	_exit(0);
}

static void nothing_is_older_than_it_may_be(void **state)
{
	int64_t began_ms = clock_now_ms();
	long long most = 0, now;
	int status;

	start("aged", RATE, "dirty_expire=1s,dirty_writeback=100ms");
	for (int i = 0; i < WRITERS; i++)
		if (suite_fork() == 0)
			write_on(i);
	while (clock_now_ms() - began_ms < LOAD_MS) {
		now = mount_stat(&mount_slow, "dirty/oldest_ms");
		most = now > most ? now : most;
		poll(NULL, 0, 50);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	print_message("%lld ms at most\n", most);
	assert_in_range(most, EXPIRE_MS, EXPIRE_MS + PERIOD_MS + 1000); /* the machine may be busy */
	end();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_flushed_is_on_the_disk_when_waited_for),
	cmocka_unit_test(without_thresholds_files_are_flushed_one_by_one),
	cmocka_unit_test(a_disk_that_hangs_holds_up_its_own_files),
	cmocka_unit_test(nothing_is_older_than_it_may_be),
	cmocka_unit_test(writers_are_slowed_and_none_fails),
	cmocka_unit_test(who_waits_can_be_killed),
	cmocka_unit_test(a_directory_is_not_held_up),
	cmocka_unit_test(the_mount_ends_though_somebody_waits),
};

static const struct suite suite = {
	.name = "dirty_slow",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true,
	.needs_cachestat = true,
};

SUITE_MAIN(suite)
