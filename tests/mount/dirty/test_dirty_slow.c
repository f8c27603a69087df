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

static void start(const char *name, unsigned long rate, const char *options)
{
	char dir[PATH_MAX], disk[64];

	mount_prepare(&mount_slow, name);
	snprintf(disk, sizeof(disk), "%s.disk", name);
	path_below(dir, config.base, disk);
	volume_make_slow(dir, mount_slow.source, "ext4", "256M", rate);
	mount_start(&mount_slow, name, options);
}

static void end(void)
{
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
	assert_int_equal(mount_stat(&mount_slow, "dirty/failures"), 0);
	end();
}

/* A file of 8M, and then a child that opens another one for writing and has to wait for the disk. */
static pid_t start_waiting(void)
{
	static char bytes[8 * SIZE];
	int fd = open_below(mount_slow.point, "first", O_WRONLY | O_CREAT);
	char path[PATH_MAX];
	pid_t child;

	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	child = suite_fork();
	if (child == 0) {
		path_below(path, mount_slow.point, "second");
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		_exit(fd < 0); /* an error where the mount has ended meanwhile */
	}
	poll(NULL, 0, 300);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	return child;
}

static void who_waits_can_be_killed(void **state)
{
	int64_t began_ms;
	pid_t child;
	int status;

	if (config.passthrough && strcmp(config.passthrough, "off") == 0)
		SKIP_TEST("the first writer would wait itself");
	start("killed", 2 * SIZE, "dirty_max=1M");
	child = start_waiting();
	began_ms = clock_now_ms();
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_in_range(clock_now_ms() - began_ms, 0, 2000);
	end();
}

static void the_mount_ends_though_somebody_waits(void **state)
{
	int64_t began_ms;
	pid_t child;

	if (config.passthrough && strcmp(config.passthrough, "off") == 0)
		SKIP_TEST("the first writer would wait itself");
	start("ended", 2 * SIZE, "dirty_max=1M");
	child = start_waiting();
	began_ms = clock_now_ms();
	mount_stop(&mount_slow, MOUNT_END_SIGTERM);
	assert_in_range(clock_now_ms() - began_ms, 0, 5000);
	waitpid(child, NULL, 0);
	umount(mount_slow.source);
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

static void without_thresholds_there_is_nothing_to_flush(void **state)
{
	struct mount mount;
	char output[512];

	mount_start(&mount, "unknown", NULL);
	assert_int_equal(shell(output, sizeof(output), "%s flush %s", getenv("SIEVECTL"), mount.point), 1);
	assert_non_null(strstr(output, "mounted without dirty_expire"));
	mount_stop(&mount, MOUNT_END_UMOUNT);
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
	cmocka_unit_test(without_thresholds_there_is_nothing_to_flush),
	cmocka_unit_test(a_disk_that_hangs_holds_up_its_own_files),
	cmocka_unit_test(nothing_is_older_than_it_may_be),
	cmocka_unit_test(writers_are_slowed_and_none_fails),
	cmocka_unit_test(who_waits_can_be_killed),
	cmocka_unit_test(the_mount_ends_though_somebody_waits),
};

static const struct suite suite = {
	.name = "dirty_slow",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true,
};

SUITE_MAIN(suite)
