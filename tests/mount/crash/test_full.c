/*
 * What the file system below refuses while a copy is in use. A full disk under what mappings store: fsync and
 * close say so for as long as it lasts, nothing is lost, and once there is space again all of it arrives.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (64 << 10) /* a hole, but for the page at THERE */
#define HOLE 4096
#define OTHER_HOLE 20480
#define THERE 40960
#define BOUND_MS 2000

static struct mount mount_of_full;
static char path[PATH_MAX];

/* A file whose copy a reader holds, mapped by one who may write it. */
struct mapped {
	char name[32];
	int reader, fd, other;
	char *map;
};

static int open_file(const char *root, const char *name, int flags)
{
	int fd;

	snprintf(path, sizeof(path), "%.3000s/%s", root, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	return fd;
}

static bool is_in_source(const struct mapped *file, off_t offset, char byte)
{
	int fd = open_file(mount_of_full.source, file->name, O_RDONLY);
	char there = 0;
	bool is = pread(fd, &there, 1, offset) == 1 && there == byte;

	close(fd);
	return is;
}

static void assert_arrives(const struct mapped *file, off_t offset, char byte)
{
	for (int waited = 0; waited < BOUND_MS && !is_in_source(file, offset, byte); waited += 50)
		poll(NULL, 0, 50);
	assert_true(is_in_source(file, offset, byte));
}

static void make(struct mapped *file, const char *name)
{
	int fd;

	snprintf(file->name, sizeof(file->name), "%s", name);
	fd = open_file(mount_of_full.source, name, O_WRONLY | O_CREAT);
	assert_return_code(ftruncate(fd, SIZE), errno);
	assert_int_equal(put(fd, 4096, THERE, 1), 4096);
	assert_return_code(fsync(fd), errno);
	close(fd);
	file->reader = mount_open_cached(&mount_of_full, name);
	file->fd = open_file(mount_of_full.point, name, O_RDWR);
	file->other = open_file(mount_of_full.point, name, O_RDWR);
	file->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
	assert_ptr_not_equal(file->map, MAP_FAILED);
}

static void fill_disk(void)
{
	static char block[4096];
	int fd = open_file(mount_of_full.source, "filler", O_WRONLY | O_CREAT | O_APPEND);

	/* what the file system set aside while it did not know yet where blocks come to lie is free
	 * afterwards */
	for (int full_rounds = 0; full_rounds < 4; full_rounds++) {
		while (write(fd, block, sizeof(block)) > 0)
			full_rounds = 0;
		fsync(fd);
	}
	close(fd);
}

static void free_disk(void)
{
	assert_int_equal(shell(NULL, 0, "rm %s/filler", mount_of_full.source), 0);
}

static void start(const char *name)
{
	char dir[PATH_MAX];

	mount_prepare(&mount_of_full, name);
	snprintf(dir, PATH_MAX, "%.3000s/%s.disk", config.base, name);
	volume_make(dir, mount_of_full.source, "ext4", "16M");
	mount_start(&mount_of_full, name, NULL);
}

static int lines_in_log(const char *text)
{
	char output[64];

	assert_int_not_equal(shell(output, sizeof(output), "grep -c \"%s\" %s", text, mount_of_full.log), 2);
	return atoi(output);
}

static void await_failures(long long count)
{
	/* a second each; the disk may be busy */
	for (int tries = 0; tries < 400 && mount_stat(&mount_of_full, "writeback_failures") < count; tries++)
		poll(NULL, 0, 50);
	assert_true(mount_stat(&mount_of_full, "writeback_failures") >= count);
}

static void end(const struct mapped *file)
{
	munmap(file->map, SIZE);
	close(file->reader);
	mount_stop(&mount_of_full, MOUNT_END_UMOUNT);
	assert_int_equal(shell(NULL, 0, "umount %s", mount_of_full.source), 0);
}

#define assert_fails(call)                                             \
	do {                                                           \
		assert_int_equal(call, -1);                            \
		assert_string_equal(strerrorname_np(errno), "ENOSPC"); \
	} while (0)

static void fsync_and_close_say_that_the_disk_is_full_until_it_is_not(void **state)
{
	struct mapped file;
	struct stat st;

	start("full");
	make(&file, "f");
	assert_true(mount_stat(&mount_of_full, "cached-write/opens") >= 2);
	fill_disk();
	file.map[HOLE] = 'a';
	file.map[THERE] = 'b';
	assert_return_code(fstat(file.fd, &st), errno); /* tries it first, and takes nobody's error */
	assert_fails(fsync(file.fd));
	assert_fails(fsync(file.fd)); /* it still is not there */
	assert_fails(fsync(file.reader));
	assert_fails(close(file.other));
	assert_true(is_in_source(&file, THERE, 'b')); /* what has its place on the disk */
	assert_false(is_in_source(&file, HOLE, 'a'));
	free_disk();
	file.map[OTHER_HOLE] = 'c';
	assert_return_code(fsync(file.fd), errno);
	assert_true(is_in_source(&file, HOLE, 'a'));
	assert_true(is_in_source(&file, OTHER_HOLE, 'c'));
	assert_return_code(close(file.fd), errno);
	file.map[OTHER_HOLE] = 'd';
	assert_arrives(&file, OTHER_HOLE, 'd');
	end(&file);
}

/* Everybody has let go of the file before there is space. */
static void what_a_full_disk_did_not_take_arrives_by_itself_later(void **state)
{
	struct mapped file;
	char byte = 0;
	int fd;

	start("later");
	make(&file, "f");
	fill_disk();
	file.map[HOLE] = 'a';
	await_failures(1);
	assert_fails(close(file.fd));
	assert_fails(close(file.other));
	file.map[OTHER_HOLE] = 'b';
	munmap(file.map, SIZE);
	close(file.reader);
	await_failures(mount_stat(&mount_of_full, "writeback_failures") + 2);
	snprintf(path, sizeof(path), "%.3000s/f", mount_of_full.source);
	assert_return_code(chmod(path, 0640), errno); /* a change that is none of the contents */
	fd = open_file(mount_of_full.point, "f", O_RDONLY);
	assert_int_equal(pread(fd, &byte, 1, OTHER_HOLE), 1);
	assert_int_equal(byte, 'b');
	close(fd);
	fd = open_file(mount_of_full.point, "f", O_WRONLY);
	assert_int_equal(pwrite(fd, "c", 1, THERE), 1);
	close(fd);
	await_failures(mount_stat(&mount_of_full, "writeback_failures") + 2);
	assert_int_equal(lines_in_log("No space left on device.*/f$"), 1);
	assert_int_equal(lines_in_log("is written to SOURCE again"), 0);
	free_disk();
	assert_arrives(&file, HOLE, 'a');
	assert_arrives(&file, OTHER_HOLE, 'b');
	assert_true(is_in_source(&file, THERE, 'c'));
	for (int tries = 0; tries < 40 && !lines_in_log("is written to SOURCE again.*/f$"); tries++)
		poll(NULL, 0, 50);
	assert_int_equal(lines_in_log("is written to SOURCE again"), 1);
	mount_stop(&mount_of_full, MOUNT_END_UMOUNT);
	assert_int_equal(shell(NULL, 0, "umount %s", mount_of_full.source), 0);
}

/* The change wins: nothing can be made up for any more. */
static void each_handle_is_told_once_of_stores_that_a_change_in_source_cost(void **state)
{
	struct mapped file;
	int fd;

	start("lost");
	make(&file, "f");
	fill_disk();
	file.map[HOLE] = 'a';
	await_failures(1);
	fd = open_file(mount_of_full.source, "f", O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, THERE), 1);
	close(fd);
	assert_fails(fsync(file.fd));
	assert_return_code(fsync(file.fd), errno);
	assert_fails(close(file.other));
	fd = open_file(mount_of_full.point, "f", O_RDWR);
	assert_int_equal(file.map[HOLE], 0);
	assert_int_equal(file.map[THERE], 'x');
	assert_return_code(fsync(fd), errno);
	assert_return_code(close(fd), errno);
	close(file.fd);
	end(&file);
}

static void what_never_found_space_is_named_when_the_mount_ends(void **state)
{
	struct mapped file;

	start("never");
	make(&file, "f");
	fill_disk();
	file.map[HOLE] = 'a';
	close(file.fd);
	close(file.other);
	end(&file);
	assert_int_equal(lines_in_log("is lost: No space left on device.*/f$"), 1);
}

/* --- a truncation that is refused ------------------------------------------------------------- */

static void set_immutable(bool immutable)
{
	int fd = open_file(mount_of_full.source, "f", O_RDONLY), flags = 0;

	assert_return_code(ioctl(fd, FS_IOC_GETFLAGS, &flags), errno);
	flags = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	assert_return_code(ioctl(fd, FS_IOC_SETFLAGS, &flags), errno);
	close(fd);
}

static void assert_same(int a, int b)
{
	static char in_a[SIZE + 1], in_b[SIZE + 1];

	assert_int_equal(pread(a, in_a, sizeof(in_a), 0), SIZE);
	assert_int_equal(pread(b, in_b, sizeof(in_b), 0), SIZE);
	assert_memory_equal(in_a, in_b, SIZE);
}

/* By the descriptor first: a new open may copy the file again. */
static void assert_whole(int reader)
{
	int source = open_file(mount_of_full.source, "f", O_RDONLY), again;

	assert_same(reader, source);
	again = open_file(mount_of_full.point, "f", O_RDONLY);
	assert_same(again, source);
	close(source);
	close(again);
}

/* The kernel knows nothing of the reasons: it leaves them to the daemon. */
static void a_truncation_that_fails_leaves_the_copy_whole(void **state)
{
	int reader, cut, emptied, grown;

	mount_start(&mount_of_full, "refused", NULL);
	snprintf(path, sizeof(path), "%.3000s/f", mount_of_full.source);
	assert_return_code(put_file(path, SIZE, 1), errno);
	reader = mount_open_cached(&mount_of_full, "f");
	snprintf(path, sizeof(path), "%.3000s/f", mount_of_full.point);
	grown = truncate(path, 1LL << 60);
	assert_whole(reader);
	set_immutable(true);
	snprintf(path, sizeof(path), "%.3000s/f", mount_of_full.point);
	cut = truncate(path, 100);
	emptied = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	set_immutable(false);
	assert_int_equal(grown, -1);
	assert_int_equal(cut, -1);
	assert_int_equal(emptied, -1);
	assert_whole(reader);
	assert_int_equal(mount_stat(&mount_of_full, "frozen"), 0);
	close(reader);
	mount_stop(&mount_of_full, MOUNT_END_UMOUNT);
}

/* Who has one is asked to give it up, and has some time for that. */
static void a_lease_in_source_puts_stores_off_and_is_no_failure(void **state)
{
	struct mapped file;
	int leased;

	start("leased");
	make(&file, "f");
	close(file.fd);
	close(file.other);
	leased = open_file(mount_of_full.source, "f", O_RDONLY);
	signal(SIGIO, SIG_IGN); /* with which it is asked */
	for (int tries = 0; fcntl(leased, F_SETLEASE, F_RDLCK) < 0; tries++) {
		assert_true(tries < 500); /* a moment after the last close there is no writer any more */
		poll(NULL, 0, 10);
	}
	file.map[HOLE] = 'a';
	poll(NULL, 0, BOUND_MS);
	assert_false(is_in_source(&file, HOLE, 'a'));
	assert_int_equal(mount_stat(&mount_of_full, "writeback_failures"), 0);
	assert_int_equal(lines_in_log("cannot write to SOURCE"), 0);
	assert_return_code(fcntl(leased, F_SETLEASE, F_UNLCK), errno);
	close(leased);
	assert_arrives(&file, HOLE, 'a');
	end(&file);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(fsync_and_close_say_that_the_disk_is_full_until_it_is_not),
	cmocka_unit_test(each_handle_is_told_once_of_stores_that_a_change_in_source_cost),
	cmocka_unit_test(what_never_found_space_is_named_when_the_mount_ends),
	cmocka_unit_test(a_truncation_that_fails_leaves_the_copy_whole),
	cmocka_unit_test(what_a_full_disk_did_not_take_arrives_by_itself_later),
	cmocka_unit_test(a_lease_in_source_puts_stores_off_and_is_no_failure),
};

static const struct suite suite = {.name = "full",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
