/* Changes behind the mount: after the next open the mount shows what lies in SOURCE, however it came there.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/tree.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char below[PATH_MAX], above[PATH_MAX];

static void name_file(const char *name)
{
	snprintf(below, sizeof(below), "%.3000s/%s", mounted.source, name);
	snprintf(above, sizeof(above), "%.3000s/%s", mounted.point, name);
}

static void read_whole(const char *path, char *buffer, size_t size, ssize_t *got)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	*got = read(fd, buffer, size);
	close(fd);
}

static void assert_same_contents(const char *what)
{
	static char a[300000], b[300000];
	ssize_t length_a, length_b;

	read_whole(below, a, sizeof(a), &length_a);
	read_whole(above, b, sizeof(b), &length_b);
	if (length_a != length_b || memcmp(a, b, (size_t)length_a))
		fail_msg("%s: the mount's %zd bytes are not the %zd below", what, length_b, length_a);
}

static void set_back_times(const char *path, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	assert_return_code(utimensat(AT_FDCWD, path, times, 0), errno);
}

static void replace_by_rename(const char *path, size_t length, unsigned salt)
{
	char temporary[PATH_MAX + 8];

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	assert_return_code(put_file(temporary, length, salt), errno);
	assert_return_code(rename(temporary, path), errno);
}

static void overwrite_in_place(const char *path, size_t length, unsigned salt)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	assert_int_equal(put(fd, length, 0, salt), length);
	close(fd);
}

#define TIMEOUTS "entry_timeout=0.3,attr_timeout=0.3"
#define KEPT_MS 400 /* longer than those */

/* Names may be kept for entry_timeout; the handle of a replaced file is not what this asks, so a rename waits
 * for that. */
static void wait_for_names(void)
{
	poll(NULL, 0, config.bare ? 0 : KEPT_MS);
}

static const size_t sizes[] = {100, 10000, 200000};

static void a_write_behind_the_mount_is_seen_by_the_next_open(void **state)
{
	name_file("write");
	for (size_t i = 0; i < 3; i++) {
		assert_return_code(put_file(below, sizes[i], 1), errno);
		warm(above);
		for (unsigned round = 0; round < 20; round++) {
			overwrite_in_place(below, 90, round);
			assert_same_contents("write");
			if (round % 4 == 0)
				warm(above);
		}
	}
}

static void truncation_and_growth_behind_the_mount_are_seen(void **state)
{
	name_file("truncate");
	assert_return_code(put_file(below, 10000, 1), errno);
	warm(above);
	for (int round = 0; round < 20; round++) {
		assert_return_code(truncate(below, round % 2 ? 12000 : 500 + round), errno);
		assert_same_contents("truncate");
		warm(above);
	}
}

static void a_file_cut_and_regrown_at_once_behind_the_mount_is_seen(void **state)
{
	name_file("regrown");
	for (size_t i = 0; i < 3; i++) {
		for (unsigned round = 0; round < 10; round++) {
			int reader;

			assert_return_code(put_file(below, sizes[i], round), errno);
			warm(above);
			reader = open(above, O_RDONLY | O_CLOEXEC);
			assert_return_code(reader, errno);
			assert_return_code(truncate(below, (off_t)round), errno);
			assert_return_code(truncate(below, (off_t)sizes[i]), errno);
			assert_same_contents("of its old size");
			if (round % 2) {
				assert_return_code(truncate(above, 90), errno);
				assert_return_code(truncate(above, (off_t)sizes[i]), errno);
				assert_same_contents("of its old size, from both sides");
			}
			close(reader);
		}
	}
}

static void a_write_with_its_times_set_back_is_seen(void **state)
{
	struct stat st;

	name_file("utimes");
	for (size_t i = 0; i < 3; i++) {
		assert_return_code(put_file(below, sizes[i], 1), errno);
		assert_return_code(stat(below, &st), errno);
		warm(above);
		for (unsigned round = 0; round < 10; round++) {
			overwrite_in_place(below, 100, round + 5);
			set_back_times(below, &st);
			assert_same_contents("same size, same mtime");
			warm(above);
		}
	}
}

static void a_file_replaced_behind_the_mount_is_seen(void **state)
{
	struct stat st;

	name_file("replace");
	assert_return_code(put_file(below, 10000, 1), errno);
	assert_return_code(stat(below, &st), errno);
	warm(above);
	for (unsigned round = 0; round < 3; round++) {
		replace_by_rename(below, 10000, round + 2);
		set_back_times(below, &st);
		wait_for_names();
		assert_same_contents("replaced, same size, same mtime");
		warm(above);
	}
}

static void a_mapping_made_behind_the_mount_is_seen(void **state)
{
	char *map;
	int fd;

	name_file("mapped");
	assert_return_code(put_file(below, 8192, 1), errno);
	warm(above);
	fd = open(below, O_RDWR | O_CLOEXEC);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	for (int round = 0; round < 20; round++) {
		map[100 * round] = (char)round;
		assert_return_code(msync(map, 8192, MS_SYNC), errno);
		assert_same_contents("stored through a mapping");
		warm(above);
	}
	munmap(map, 8192);
}

static void what_the_mount_writes_is_below_at_once(void **state)
{
	static char got[5000];
	int fd;

	name_file("through");
	assert_return_code(put_file(above, 5000, 1), errno);
	assert_same_contents("closed");
	warm(above);
	fd = open(above, O_RDWR | O_CLOEXEC);
	for (int round = 0; round < 50; round++) {
		char byte = (char)round, seen = 0;
		int under = open(below, O_RDONLY | O_CLOEXEC);

		assert_int_equal(pwrite(fd, &byte, 1, round * 50), 1);
		assert_int_equal(pread(under, &seen, 1, round * 50), 1);
		assert_int_equal(seen, byte);
		assert_int_equal(pread(under, got, sizeof(got), 0), sizeof(got));
		close(under);
	}
	close(fd);
	assert_same_contents("after close");
}

static void replace_contents(const char *path, const char *text, size_t length)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	assert_int_equal(pwrite(fd, text, length, 0), length);
	close(fd);
}

/* A file changed while it is being copied into the cache must not leave a mixed copy. */
static void changes_during_fills_leave_no_mixture(void **state)
{
	static char text[200000], got[200000];
	ssize_t length;

	name_file("fill");
	assert_return_code(put_file(below, sizeof(text), 1), errno);
	for (int round = 0; round < 150; round++) {
		memset(text, 'a' + round % 26, sizeof(text));
		if (round % 3 == 0) {
			/* Asks for the file, so that a fill starts just before the change. */
			read_whole(above, got, sizeof(got), &length);
			read_whole(above, got, sizeof(got), &length);
		}
		replace_contents(below, text, sizeof(text));
		poll(NULL, 0, round % 4);
		assert_same_contents("after a change");
	}
}

static void names_that_come_and_go_behind_the_mount_follow(void **state)
{
	name_file("name");
	assert_int_equal(access(above, F_OK), -1);
	assert_return_code(put_file(below, 10, 1), errno);
	wait_for_names();
	assert_return_code(access(above, F_OK), errno);
	assert_return_code(unlink(below), errno);
	wait_for_names();
	assert_int_equal(open(above, O_RDONLY), -1);
	assert_int_equal(errno, ENOENT);
}

static void attributes_changed_behind_the_mount_follow(void **state)
{
	struct stat a, b;

	name_file("attributes");
	assert_return_code(put_file(below, 10, 1), errno);
	assert_return_code(stat(above, &a), errno);
	assert_return_code(chmod(below, 0601), errno);
	assert_return_code(truncate(below, 777), errno);
	wait_for_names();
	assert_return_code(stat(above, &a), errno);
	assert_return_code(stat(below, &b), errno);
	assert_int_equal(a.st_mode, b.st_mode);
	assert_int_equal(a.st_size, b.st_size);
}

/* As two machines over one shared file system: what one closed, the other sees on its next open. */
enum { AMID_ROUNDS = 2000 };

static atomic_uint amid_begun, amid_done;

/* One byte in each round, at the moment that the round begins and a little later each time. */
static void *scribble(void *unused)
{
	int fd = open(below, O_WRONLY | O_CLOEXEC);

	for (unsigned round = 1; round <= AMID_ROUNDS; round++) {
		unsigned char byte = (unsigned char)round;

		while (amid_begun < round)
			sched_yield();
		for (volatile unsigned wait = 0; wait < round % 100 * 200; wait++)
			continue;
		if (pwrite(fd, &byte, 1, 9000) != 1)
			break;
		amid_done = round;
	}
	close(fd);
	return NULL;
}

static void a_change_behind_the_mount_in_the_middle_of_its_own_is_seen(void **state)
{
	int reader, writer;
	pthread_t thread;

	name_file("amid");
	assert_return_code(put_file(above, 10000, 1), errno);
	warm(above);
	/* its copy has to follow the writes */
	reader = open(above, O_RDONLY | O_CLOEXEC);
	writer = open(above, O_WRONLY | O_CLOEXEC);
	assert_return_code(reader | writer, errno);
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (unsigned round = 1; round <= AMID_ROUNDS; round++) {
		unsigned char byte = (unsigned char)round;

		amid_begun = round;
		assert_int_equal(pwrite(writer, &byte, 1, 0), 1);
		while (amid_done < round)
			sched_yield();
		assert_same_contents("after writes from both sides");
	}
	pthread_join(thread, NULL);
	close(reader);
	close(writer);
}

/* The descriptor that a mapping was made with may be long gone, and with it what the kernel bound the inode
 * to. */
static void a_mapping_that_stayed_sees_what_later_ones_store(void **state)
{
	unsigned char *early, *late;
	int fd, reader;

	name_file("stayed");
	assert_return_code(put_file(above, 9000, 1), errno);
	fd = open(above, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	early = mmap(NULL, 9000, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(early, MAP_FAILED);
	close(fd);
	warm(above);
	reader = open(above, O_RDONLY | O_CLOEXEC);
	fd = open(above, O_RDWR | O_CLOEXEC);
	assert_return_code(reader | fd, errno);
	late = mmap(NULL, 9000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(late, MAP_FAILED);
	late[5000] = (unsigned char)~late[5000];
	if (!config.overlay)
		assert_int_equal(early[5000], late[5000]);
	close(fd);
	close(reader);
	/* mappings of overlayfs files cannot be detected: see LIMITS in sievefs(8) */
	for (int ms = 0; early[5000] != late[5000] && ms < 5000; ms += 10)
		usleep(10000);
	assert_int_equal(early[5000], late[5000]);
	munmap(early, 9000);
	munmap(late, 9000);
}

/* A program that asks for the birth time too, as stat(1) does, asks by another request. */
static void times_asked_for_with_the_birth_time_are_those_of_the_last_store(void **state)
{
	struct statx before, after;
	unsigned char *map;
	int fd, reader;

	if (config.lane && !strcmp(config.lane, "served"))
		SKIP_TEST("there a store moves the times when the kernel writes the page back");
	name_file("dated");
	assert_return_code(put_file(above, 9000, 1), errno);
	warm(above);
	reader = open(above, O_RDONLY | O_CLOEXEC);
	fd = open(above, O_RDWR | O_CLOEXEC);
	assert_return_code(reader | fd, errno);
	map = mmap(NULL, 9000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_return_code(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &before), errno);
	poll(NULL, 0, 20); /* a tick of the clock at least */
	map[5000] = 0x5a;
	assert_return_code(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &after), errno);
	assert_memory_not_equal(&before.stx_mtime, &after.stx_mtime, sizeof(after.stx_mtime));
	munmap(map, 9000);
	close(fd);
	close(reader);
}

/* No copy is made of a file that a mapping may still write. */
static void what_a_mapping_without_a_descriptor_stores_is_read(void **state)
{
	char *map, byte = 0;
	int fd, reader;

	name_file("mapped_on");
	assert_return_code(put_file(above, 9000, 1), errno);
	fd = open(above, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	map = mmap(NULL, 9000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	poll(NULL, 0, 100); /* RELEASE comes some time after close(2) */
	warm(above);
	reader = open(above, O_RDONLY | O_CLOEXEC);
	assert_return_code(reader, errno);
	map[5000] = 0x5a;
	assert_int_equal(pread(reader, &byte, 1, 5000), 1);
	assert_int_equal(byte, 0x5a);
	close(reader);
	munmap(map, 9000);
}

/* A new name changes ctime alone; the mapping and its descriptor are gone when the file is opened next. */
static void the_last_stores_of_a_mapping_survive_a_new_name(void **state)
{
	char other[PATH_MAX + 8], byte = 0;
	unsigned char *map;
	int fd, reader;

	name_file("stored");
	snprintf(other, sizeof(other), "%s.other", above);
	assert_return_code(put_file(above, 9000, 1), errno);
	assert_return_code(link(above, other), errno);
	warm(above);
	reader = open(above, O_RDONLY | O_CLOEXEC);
	fd = open(above, O_RDWR | O_CLOEXEC);
	assert_return_code(reader | fd, errno);
	map = mmap(NULL, 9000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	poll(NULL, 0, 1200); /* RELEASE comes some time after close(2); copies are looked at each second */
	map[5000] = 0x5a;
	munmap(map, 9000);
	assert_return_code(unlink(other), errno);
	fd = open(above, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pread(fd, &byte, 1, 5000), 1);
	assert_int_equal(byte, 0x5a);
	close(fd);
	close(reader);
}

static void two_mounts_over_one_source_are_close_to_open(void **state)
{
	static char path_a[PATH_MAX], path_b[PATH_MAX];
	struct mount second;

	if (config.bare)
		skip();
	mount_prepare(&second, "second");
	assert_return_code(rmdir(second.source), errno);
	assert_return_code(symlink(mounted.source, second.source), errno);
	mount_start(&second, "second", "attr_timeout=0,entry_timeout=0");
	snprintf(path_a, sizeof(path_a), "%.3000s/two", mounted.point);
	snprintf(path_b, sizeof(path_b), "%.3000s/two", second.point);
	assert_return_code(put_file(path_a, 10000, 1), errno);
	for (unsigned round = 0; round < 60; round++) {
		snprintf(below, sizeof(below), "%s", round % 2 ? path_a : path_b);
		snprintf(above, sizeof(above), "%s", round % 2 ? path_b : path_a);
		warm(above);
		overwrite_in_place(below, 5000, round);
		assert_same_contents("the other mount");
	}
	mount_stop(&second, MOUNT_END_UMOUNT);
}

/* With a cached negative dentry the kernel sends CREATE for a name that exists in SOURCE. */
static void what_was_made_behind_the_mount_meanwhile_is_opened_not_made(void **state)
{
	struct mount believing;
	struct stat st;
	char byte = 0;
	int fd;

	if (config.bare)
		skip();
	mount_start(&believing, "believing", "negative_timeout=600");
	snprintf(below, sizeof(below), "%.3000s/raced", believing.source);
	snprintf(above, sizeof(above), "%.3000s/raced", believing.point);
	assert_int_equal(stat(above, &st), -1);
	assert_return_code(put_file(below, 1000, 1), errno);
	fd = open(above, O_CREAT | O_EXCL | O_RDWR, 0600);
	assert_int_equal(fd, -1);
	assert_int_equal(errno, EEXIST);
	fd = open(above, O_CREAT | O_RDWR, 0600);
	assert_return_code(fd, errno);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_return_code(fstat(fd, &st), errno);
	assert_int_equal(st.st_size, 1000);
	close(fd);

	/* a FIFO must be opened by the kernel */
	assert_return_code(unlink(above), errno);
	assert_int_equal(stat(above, &st), -1);
	assert_return_code(mkfifo(below, 0600), errno);
	fd = open(above, O_CREAT | O_RDWR | O_NONBLOCK, 0600);
	assert_return_code(fd, errno);
	assert_return_code(fstat(fd, &st), errno);
	assert_true(S_ISFIFO(st.st_mode));
	close(fd);
	mount_stop(&believing, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_write_behind_the_mount_is_seen_by_the_next_open),
	cmocka_unit_test(truncation_and_growth_behind_the_mount_are_seen),
	cmocka_unit_test(a_file_cut_and_regrown_at_once_behind_the_mount_is_seen),
	cmocka_unit_test(a_write_with_its_times_set_back_is_seen),
	cmocka_unit_test(a_file_replaced_behind_the_mount_is_seen),
	cmocka_unit_test(a_mapping_made_behind_the_mount_is_seen),
	cmocka_unit_test(what_the_mount_writes_is_below_at_once),
	cmocka_unit_test(changes_during_fills_leave_no_mixture),
	cmocka_unit_test(names_that_come_and_go_behind_the_mount_follow),
	cmocka_unit_test(attributes_changed_behind_the_mount_follow),
	cmocka_unit_test(a_change_behind_the_mount_in_the_middle_of_its_own_is_seen),
	cmocka_unit_test(a_mapping_that_stayed_sees_what_later_ones_store),
	cmocka_unit_test(times_asked_for_with_the_birth_time_are_those_of_the_last_store),
	cmocka_unit_test(what_a_mapping_without_a_descriptor_stores_is_read),
	cmocka_unit_test(the_last_stores_of_a_mapping_survive_a_new_name),
	cmocka_unit_test(two_mounts_over_one_source_are_close_to_open),
	cmocka_unit_test(what_was_made_behind_the_mount_meanwhile_is_opened_not_made),
};

static const struct suite suite = {.name = "coherence",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = TIMEOUTS,
	.mounts = true};

SUITE_MAIN(suite)
