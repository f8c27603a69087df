/* Locks between SOURCE, a mount of it and a second mount, for each kind of lock and in each direction. */
#include "cache/base/clock.h"
#include "tests/mount/locks/peer.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_pair(enum side holder, enum side other, enum kind kind, short has, short wants)
{
	struct peer peer = peer_with_lock(holder, kind, has);
	int fd = open_on(other, O_RDWR), expected = has == F_RDLCK && wants == F_RDLCK ? 0 : -EAGAIN;
	int r = lock(fd, kind, wants, false);

	if (r != expected)
		fail_msg("%s: %s has a lock of type %d, %s asks for %d: %d instead of %d", kind_names[kind],
			side_names[holder], has, side_names[other], wants, r, expected);
	peer_end(&peer);
	r = holder == other || kind == PROCESS ? lock(fd, kind, F_WRLCK, false)
					       : lock_soon(fd, kind, F_WRLCK);
	if (r < 0)
		fail_msg("%s: %s has closed the file, %s gets %d", kind_names[kind], side_names[holder],
			side_names[other], r);
	assert_int_equal(lock(fd, kind, F_UNLCK, false), 0);
	close(fd);
}

static void locks_hold_between_source_and_all_mounts(void **state)
{
	static const short types[] = {F_RDLCK, F_WRLCK};

	for (int kind = 0; kind < KINDS; kind++)
		for (int pair = 0; pair < SIDES * SIDES; pair++)
			for (int i = 0; i < 4; i++)
				check_pair(pair / SIDES, pair % SIDES, kind, types[i / 2], types[i % 2]);
}

static void closing_any_descriptor_drops_the_locks_of_a_process(void **state)
{
	static const int flags[] = {O_RDWR, O_RDONLY};
	int judge = open_on(SOURCE, O_RDWR);

	for (int i = 0; i < 2; i++) {
		int fd = open_on(MOUNT, O_RDWR), other;

		assert_int_equal(lock(fd, PROCESS, F_WRLCK, false), 0);
		other = open_on(MOUNT, flags[i]);
		assert_int_equal(lock(judge, DESCRIPTION, F_RDLCK, false), -EAGAIN);
		close(other);
		assert_int_equal(lock(judge, DESCRIPTION, F_WRLCK, false), 0);
		assert_int_equal(lock(judge, DESCRIPTION, F_UNLCK, false), 0);
		close(fd);
	}
	close(judge);
}

static void a_child_that_closes_keeps_the_locks_of_its_parent(void **state)
{
	int judge = open_on(SOURCE, O_RDWR), fd = open_on(MOUNT, O_RDWR), copy;

	assert_int_equal(lock(fd, PROCESS, F_WRLCK, false), 0);
	if (suite_fork() == 0)
		_exit(close(fd));
	wait(NULL);
	assert_int_equal(lock(judge, PROCESS, F_WRLCK, false), -EAGAIN);
	assert_int_equal(lock(fd, PROCESS, F_UNLCK, false), 0);
	assert_int_equal(lock(fd, FLOCK, F_WRLCK, false), 0);
	copy = dup(fd);
	close(fd);
	assert_int_equal(lock(judge, FLOCK, F_WRLCK, false), -EAGAIN);
	if (suite_fork() == 0)
		_exit(flock(copy, LOCK_UN)); /* it is the open file's, whoever unlocks it */
	wait(NULL);
	assert_int_equal(lock(judge, FLOCK, F_WRLCK, false), 0);
	close(copy);
	close(judge);
}

/* What keeps `fd` from writing to the bytes: its range as text, and its pid. */
static const char *found(int fd, int command, off_t start, off_t length, pid_t *pid)
{
	static char text[64];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	assert_return_code(fcntl(fd, command, &lock), errno);
	snprintf(text, sizeof(text), "%s %lld %lld",
		lock.l_type == F_UNLCK   ? "none"
		: lock.l_type == F_RDLCK ? "read"
					 : "write",
		(long long)lock.l_start, (long long)lock.l_len);
	*pid = lock.l_pid;
	return text;
}

static void ranges_are_split_and_merged_and_told(void **state)
{
	int judge = open_on(SOURCE, O_RDWR), fd = open_on(MOUNT, O_RDWR), other = open_on(MOUNT, O_RDWR);
	pid_t pid;

	assert_int_equal(range_lock(fd, F_SETLK, F_WRLCK, 0, 100), 0);
	assert_int_equal(range_lock(fd, F_SETLK, F_UNLCK, 40, 20), 0);
	assert_string_equal(found(judge, F_OFD_GETLK, 0, 0, &pid), "write 0 40");
	assert_string_equal(found(judge, F_OFD_GETLK, 40, 20, &pid), "none 40 20");
	assert_string_equal(found(judge, F_OFD_GETLK, 40, 0, &pid), "write 60 40");
	assert_string_equal(found(other, F_OFD_GETLK, 40, 0, &pid), "write 60 40");
	assert_string_equal(found(other, F_OFD_GETLK, 59, 1, &pid), "none 59 1");
	assert_string_equal(found(other, F_OFD_GETLK, 40, 21, &pid), "write 60 40");
	assert_int_equal(range_lock(fd, F_SETLK, F_RDLCK, 30, 40), 0);
	assert_string_equal(found(judge, F_OFD_GETLK, 30, 0, &pid), "read 30 40");
	assert_int_equal(range_lock(fd, F_SETLK, F_WRLCK, 20, 60), 0);
	assert_string_equal(found(judge, F_OFD_GETLK, 0, 0, &pid), "write 0 100");
	close(other);
	close(fd);
	fd = open_on(MOUNT, O_RDWR);
	assert_string_equal(found(fd, F_GETLK, 0, 0, &pid), "none 0 0");
	close(fd);
	close(judge);
}

static void getlk_names_the_process(void **state)
{
	for (int side = SOURCE; side <= MOUNT; side++) {
		struct peer peer = peer_with_lock(side, PROCESS, F_WRLCK);
		int fd = open_on(MOUNT, O_RDWR);
		pid_t pid;

		assert_string_equal(found(fd, F_GETLK, 0, 10, &pid), "write 0 0");
		assert_int_equal(pid, peer.pid);
		peer_end(&peer);
		peer = peer_with_lock(side, DESCRIPTION, F_WRLCK);
		assert_string_equal(found(fd, F_GETLK, 0, 10, &pid), "write 0 0");
		assert_int_equal(pid, side == SOURCE ? 0 : peer.pid);
		peer_end(&peer);
		close(fd);
	}
}

/* Both read: what is in the way of a write is the other's lock. */
static void getlk_names_the_other_of_two_readers(void **state)
{
	struct peer peer = peer_with_lock(MOUNT, PROCESS, F_RDLCK);
	int fd = open_on(MOUNT, O_RDWR);
	pid_t pid;

	assert_int_equal(lock(fd, PROCESS, F_RDLCK, false), 0);
	assert_string_equal(found(fd, F_GETLK, 0, 10, &pid), "read 0 0");
	assert_int_equal(pid, peer.pid);
	peer_end(&peer);
	close(fd);
}

static void read_locks_survive_a_lock_through_a_writable_descriptor(void **state)
{
	int judge = open_on(SOURCE, O_RDWR), reads = open_on(MOUNT, O_RDONLY), writes;

	assert_int_equal(range_lock(reads, F_SETLK, F_WRLCK, 0, 10), -EBADF);
	assert_int_equal(range_lock(reads, F_SETLK, F_RDLCK, 0, 10), 0);
	assert_int_equal(range_lock(reads, F_SETLK, F_RDLCK, 20, 10), 0);
	writes = open_on(MOUNT, O_RDWR);
	assert_int_equal(range_lock(writes, F_SETLK, F_WRLCK, 25, 10), 0);
	assert_int_equal(range_lock(judge, F_OFD_SETLK, F_WRLCK, 0, 1), -EAGAIN);
	assert_int_equal(range_lock(judge, F_OFD_SETLK, F_RDLCK, 0, 25), 0);
	assert_int_equal(range_lock(judge, F_OFD_SETLK, F_RDLCK, 30, 1), -EAGAIN);
	/* a reader prevents the conversion, which leaves the lock unchanged */
	assert_int_equal(range_lock(writes, F_SETLK, F_WRLCK, 0, 0), -EAGAIN);
	assert_int_equal(range_lock(writes, F_SETLK, F_RDLCK, 25, 10), 0);
	assert_int_equal(range_lock(judge, F_OFD_SETLK, F_RDLCK, 30, 1), 0);
	assert_int_equal(range_lock(judge, F_OFD_SETLK, F_WRLCK, 30, 1), -EAGAIN);
	close(writes);
	assert_int_equal(range_lock(judge, F_OFD_SETLK, F_WRLCK, 0, 0), 0);
	close(reads);
	close(judge);
}

/* A flock(2) lock and a range, which are two owners' to the daemon. */
static void closing_an_open_file_drops_both_of_its_kinds_of_locks(void **state)
{
	int judge = open_on(SOURCE, O_RDWR), fd = open_on(MOUNT, O_RDWR);

	assert_int_equal(lock(fd, FLOCK, F_WRLCK, false) | lock(fd, DESCRIPTION, F_WRLCK, false), 0);
	close(fd);
	assert_int_equal(lock_soon(judge, FLOCK, F_WRLCK) | lock_soon(judge, DESCRIPTION, F_WRLCK), 0);
	close(judge);
}

static int set_append_only(int fd, bool on)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? -errno : 0;
}

/* chattr +a */
static void a_file_that_may_only_grow_is_locked_for_writing(void **state)
{
	int own[KINDS], others[KINDS], judge, fd;

	make_file();
	judge = open_on(SOURCE, O_RDONLY);
	fd = open_on(MOUNT, O_WRONLY | O_APPEND);
	if (set_append_only(judge, true) < 0) {
		close(fd);
		close(judge);
		SKIP_TEST("this user can make no file append-only here");
	}
	for (int kind = 0; kind < KINDS; kind++) {
		own[kind] = lock(fd, kind, F_WRLCK, false);
		others[kind] = lock(judge, kind, F_RDLCK, false);
		lock(fd, kind, F_UNLCK, false);
	}
	assert_int_equal(set_append_only(judge, false), 0); /* for whatever comes next */
	for (int kind = 0; kind < KINDS; kind++) {
		assert_int_equal(own[kind], 0);
		assert_int_equal(others[kind], -EAGAIN);
	}
	close(fd);
	close(judge);
}

/* The close of the first file to be locked is announced after close(2) has returned. */
static void a_lock_is_gone_when_close_returns(void **state)
{
	for (int i = 0; i < 3 * 20; i++) {
		static const int flags[] = {O_RDONLY, O_RDWR};
		int a, b;

		if (i % 20 == 0)
			make_file();
		a = open_on(MOUNT, flags[i & 1]);
		b = open_on(MOUNT, O_RDWR);
		assert_int_equal(lock(a, i % 3, F_RDLCK, false), 0);
		close(a);
		assert_int_equal(lock(b, i % 3 == PROCESS ? DESCRIPTION : i % 3, F_WRLCK, false), 0);
		close(b);
	}
}

/* It would be waited for only if its owner had just closed the file. */
static void a_lock_of_an_open_file_is_told_at_once(void **state)
{
	struct peer holder;
	int64_t fastest_ns = INT64_MAX;
	int fd = open_on(MOUNT, O_RDWR);

	assert_int_equal(lock(fd, FLOCK, F_WRLCK, false), 0);
	close(fd);
	holder = peer_with_lock(SOURCE, FLOCK, F_WRLCK);
	fd = open_on(MOUNT, O_RDWR);
	for (int i = 0; i < 10; i++) {
		int64_t began_ns = clock_now_ns(), took_ns;

		assert_int_equal(lock(fd, FLOCK, F_WRLCK, false), -EAGAIN);
		took_ns = clock_now_ns() - began_ns;
		fastest_ns = took_ns < fastest_ns ? took_ns : fastest_ns;
	}
	close(fd);
	peer_end(&holder);
	assert_true(fastest_ns < 50 * CLOCK_NS_PER_MS);
}

/* The first close is announced after the second lock, or at the same time. */
static void a_late_close_takes_no_later_lock(void **state)
{
	for (int i = 0; i < 50; i++) {
		char name[PATH_MAX + 16], inside[PATH_MAX + 16];
		int first, then, judge;

		snprintf(name, sizeof(name), "%.3000s/late%d", mounted.point, i);
		snprintf(inside, sizeof(inside), "%.3000s/late%d", mounted.source, i);
		close(open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
		judge = open(inside, O_RDWR | O_CLOEXEC);
		first = open(name, O_RDONLY | O_CLOEXEC);
		then = open(name, O_RDWR | O_CLOEXEC);
		assert_int_equal(range_lock(first, F_SETLK, F_RDLCK, 0, 10), 0);
		close(first);
		assert_int_equal(range_lock(then, F_SETLK, F_WRLCK, 10, 10), 0);
		poll(NULL, 0, i % 5);
		assert_int_equal(range_lock(judge, F_OFD_SETLK, F_RDLCK, 10, 10), -EAGAIN);
		close(then);
		assert_int_equal(range_lock(judge, F_OFD_SETLK, F_WRLCK, 0, 0), 0);
		close(judge);
		unlink(name);
	}
}

/* Although names and attributes are cached for a second. */
static void a_lock_shows_earlier_changes_of_other_processes(void **state)
{
	char beside[PATH_MAX + 16], inside[PATH_MAX + 16], byte;
	struct stat st;
	int fd, writer, mode;

	make_file();
	snprintf(beside, sizeof(beside), "%.3000s/journal", mounted.point);
	snprintf(inside, sizeof(inside), "%.3000s/journal", mounted.source);
	warm(path_on(MOUNT));
	for (mode = O_RDONLY; mode <= O_RDWR; mode += O_RDWR) {
		fd = open_on(MOUNT, mode);
		assert_int_equal(lock(fd, PROCESS, F_RDLCK, false) | lock(fd, PROCESS, F_UNLCK, false), 0);
		close(open(beside, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
		assert_int_equal(stat(beside, &st), 0);
		assert_int_equal(pread(fd, &byte, 1, 0), 1); /* first: it makes the kernel forget the times */
		assert_int_equal(fstat(fd, &st), 0);
		writer = open_on(SOURCE, O_RDWR);
		assert_int_equal(pwrite(writer, "new", 3, st.st_size), 3);
		assert_int_equal(pwrite(writer, "x", 1, 0), 1);
		close(writer);
		unlink(inside);
		assert_int_equal(lock(fd, PROCESS, F_RDLCK, false), 0);
		assert_int_equal(stat(beside, &st), -1);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, mode == O_RDONLY ? 7 : 10);
		assert_int_equal(pread(fd, &byte, 1, 0), 1);
		assert_int_equal(byte, 'x');
		assert_int_equal(pread(fd, &byte, 1, st.st_size - 1), 1);
		assert_int_equal(byte, 'w');
		close(fd);
	}
}

static void local_locks_stay_in_the_mount(void **state)
{
	static const char *const options[] = {"locks=local", "coherence=exclusive"};

	mount_stop(&second, MOUNT_END_UMOUNT);
	for (int i = 0; i < 2; i++) {
		mount_start(&second, "second", options[i]);
		for (int kind = 0; kind < KINDS; kind++) {
			struct peer holder = peer_with_lock(SECOND, kind, F_WRLCK);
			int fd = open_on(SOURCE, O_RDWR), other = open_on(SECOND, O_RDWR);

			assert_int_equal(lock(fd, kind, F_WRLCK, false), 0);
			assert_int_equal(lock(other, kind, F_WRLCK, false), -EAGAIN);
			close(fd);
			close(other);
			peer_end(&holder);
		}
		mount_stop(&second, MOUNT_END_UMOUNT);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(locks_hold_between_source_and_all_mounts, start_second),
	cmocka_unit_test(closing_any_descriptor_drops_the_locks_of_a_process),
	cmocka_unit_test(a_child_that_closes_keeps_the_locks_of_its_parent),
	cmocka_unit_test(ranges_are_split_and_merged_and_told),
	cmocka_unit_test(getlk_names_the_process),
	cmocka_unit_test(getlk_names_the_other_of_two_readers),
	cmocka_unit_test(read_locks_survive_a_lock_through_a_writable_descriptor),
	cmocka_unit_test(closing_an_open_file_drops_both_of_its_kinds_of_locks),
	cmocka_unit_test(a_file_that_may_only_grow_is_locked_for_writing),
	cmocka_unit_test(a_lock_is_gone_when_close_returns),
	cmocka_unit_test(a_lock_of_an_open_file_is_told_at_once),
	cmocka_unit_test(a_late_close_takes_no_later_lock),
	cmocka_unit_test(a_lock_shows_earlier_changes_of_other_processes),
	cmocka_unit_test(local_locks_stay_in_the_mount),
};

static const struct suite suite = {
	.name = "shared_locks",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.mounts = true,
	.needs_daemon = true,
};

SUITE_MAIN(suite)
