/* Locks between SOURCE, a mount of it and a second mount, for each kind of lock and in each direction. */
#include "cache/base/clock.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mount second;

enum kind { FLOCK, PROCESS, DESCRIPTION, KINDS };
static const char *const kind_names[] = {"flock", "fcntl", "OFD"};

enum side { SOURCE, MOUNT, SECOND, SIDES };
static const char *const side_names[] = {"SOURCE", "the mount", "another mount"};

static const char *path_on(enum side side)
{
	static char paths[SIDES][PATH_MAX];
	const char *const roots[] = {mounted.source, mounted.point, second.point};

	snprintf(paths[side], PATH_MAX, "%.3000s/file", roots[side]);
	return paths[side];
}

static int open_on(enum side side, int flags)
{
	int fd = open(path_on(side), flags | O_CLOEXEC);

	assert_return_code(fd, errno);
	return fd;
}

static void make_file(void)
{
	int fd;

	unlink(path_on(SOURCE));
	fd = open(path_on(SOURCE), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, "\0\0\0\0", 4), 4);
	close(fd);
	/* wait until the mounts have forgotten the file that it replaces */
	for (int side = MOUNT; side < SIDES; side++) {
		struct stat st, real;

		assert_return_code(stat(path_on(SOURCE), &real), errno);
		for (int ms = 0; ms < 3000 && (stat(path_on(side), &st) < 0 || st.st_ino != real.st_ino);
			ms += 20)
			poll(NULL, 0, 20);
	}
}

static int range_lock(int fd, int command, short type, off_t start, off_t length)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	return fcntl(fd, command, &lock) < 0 ? -errno : 0;
}

/* type: F_RDLCK, F_WRLCK or F_UNLCK, of the whole file. 0 or -errno. */
static int lock(int fd, enum kind kind, short type, bool wait)
{
	int operation = type == F_RDLCK ? LOCK_SH : type == F_WRLCK ? LOCK_EX : LOCK_UN;

	switch (kind) {
	case FLOCK:
		return flock(fd, operation | (wait ? 0 : LOCK_NB)) < 0 ? -errno : 0;
	case PROCESS:
		return range_lock(fd, wait ? F_SETLKW : F_SETLK, type, 0, 0);
	default:
		return range_lock(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, type, 0, 0);
	}
}

/* What an open file has locked goes in SOURCE a moment after close(2) has returned, if it was opened by a
 * mount. */
static int lock_soon(int fd, enum kind kind, short type)
{
	int r = lock(fd, kind, type, false);

	for (int ms = 0; r == -EAGAIN && ms < 5000; ms += 5) {
		poll(NULL, 0, 5);
		r = lock(fd, kind, type, false);
	}
	return r;
}

/* --- another process with a lock, or waiting for one ------------------------------------------ */

struct peer {
	pid_t pid;
	int said, tell; /* pipes from it and to it */
};

static void say(int fd, int result)
{
	if (write(fd, &result, sizeof(result)) != sizeof(result))
		_exit(9);
}

static int wait_for_word(struct peer *peer, int ms)
{
	struct pollfd said = {.fd = peer->said, .events = POLLIN};
	int result = -ETIMEDOUT;

	if (poll(&said, 1, ms) == 1 && read(peer->said, &result, sizeof(result)) != sizeof(result))
		result = -EPIPE;
	return result;
}

/* Reports its lock once, and keeps it until it is told to exit. */
static struct peer peer_start(enum side side, enum kind kind, short type, bool wait)
{
	struct peer peer;
	int from[2], to[2];
	char byte;

	assert_int_equal(pipe2(from, O_CLOEXEC) | pipe2(to, O_CLOEXEC), 0);
	peer = (struct peer){.pid = suite_fork(), .said = from[0], .tell = to[1]};
	assert_return_code(peer.pid, errno);
	if (!peer.pid) {
		int fd = open(path_on(side), O_RDWR | O_CLOEXEC);

		close(to[1]);
		say(from[1], fd < 0 ? -errno : wait ? lock(fd, kind, type, true) : lock_soon(fd, kind, type));
		_exit(read(to[0], &byte, 1) != 1 || close(fd) != 0);
	}
	close(from[1]);
	close(to[0]);
	return peer;
}

static struct peer peer_with_lock(enum side side, enum kind kind, short type)
{
	struct peer peer = peer_start(side, kind, type, false);

	assert_int_equal(wait_for_word(&peer, 10000), 0);
	return peer;
}

static struct peer peer_that_waits(enum side side, enum kind kind, short type)
{
	struct peer peer = peer_start(side, kind, type, true);

	assert_int_equal(wait_for_word(&peer, 50), -ETIMEDOUT);
	return peer;
}

static void peer_end(struct peer *peer)
{
	int status;

	/* not EOF: peers forked later have the pipe open too */
	assert_int_equal(write(peer->tell, "x", 1), 1);
	close(peer->tell);
	assert_int_equal(waitpid(peer->pid, &status, 0), peer->pid);
	close(peer->said);
	assert_int_equal(status, 0);
}

/* False if it was not gone after so long. */
static bool ends_within(pid_t pid, int ms)
{
	for (; ms > 0; ms -= 10) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

/* For a peer that may exit with any status. */
static void peer_forget(struct peer *peer)
{
	(void)!write(peer->tell, "x", 1);
	close(peer->tell);
	close(peer->said);
	assert_true(ends_within(peer->pid, 5000));
}

/* --- a thread of this process that waits ------------------------------------------------------- */

struct thread_that_waits {
	pthread_t thread;
	int fd;
	off_t start, length;
	int result;
};

static void *wait_to_read(void *arg)
{
	struct thread_that_waits *waits = arg;

	waits->result = range_lock(waits->fd, F_SETLKW, F_RDLCK, waits->start, waits->length);
	return NULL;
}

/* Returns once it waits for these bytes. */
static void thread_start(struct thread_that_waits *waits)
{
	waits->result = -ETIMEDOUT;
	assert_int_equal(pthread_create(&waits->thread, NULL, wait_to_read, waits), 0);
	poll(NULL, 0, 100);
}

static void thread_end(struct thread_that_waits *waits)
{
	alarm(20);
	assert_int_equal(pthread_join(waits->thread, NULL), 0);
	alarm(0);
	assert_int_equal(waits->result, 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

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

static void a_waiter_gets_the_lock_when_the_other_side_closes(void **state)
{
	for (int kind = 0; kind < KINDS; kind++) {
		for (int pair = 0; pair < SIDES * SIDES; pair++) {
			struct peer holder = peer_with_lock(pair / SIDES, kind, F_WRLCK);
			struct peer waiter = peer_that_waits(pair % SIDES, kind, F_WRLCK);

			peer_end(&holder);
			assert_int_equal(wait_for_word(&waiter, 10000), 0);
			peer_end(&waiter);
		}
	}
}

static void ignore(int number)
{
}

/* Waits by the mount with a handler for SIGALRM, which is sent until the wait ends. */
static int wait_interrupted(enum kind kind, int flags, struct peer *holder)
{
	const struct sigaction action = {.sa_handler = ignore, .sa_flags = flags};
	int said[2], result = -ETIMEDOUT;
	pid_t pid;

	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	pid = suite_fork();
	if (!pid) {
		int fd = open(path_on(MOUNT), O_RDWR | O_CLOEXEC);

		sigaction(SIGALRM, &action, NULL);
		ualarm(50000, 0);
		say(said[1], lock(fd, kind, F_WRLCK, true));
		_exit(0);
	}
	close(said[1]);
	if (flags & SA_RESTART) {
		poll(NULL, 0, 200);
		peer_end(holder);
	}
	assert_int_equal(poll(&(struct pollfd){.fd = said[0], .events = POLLIN}, 1, 10000), 1);
	assert_int_equal(read(said[0], &result, sizeof(result)), sizeof(result));
	close(said[0]);
	waitpid(pid, NULL, 0);
	return result;
}

static void a_signal_interrupts_a_waiter(void **state)
{
	for (int kind = 0; kind < KINDS; kind++) {
		struct peer holder = peer_with_lock(SOURCE, kind, F_WRLCK);
		int fd;

		assert_int_equal(wait_interrupted(kind, 0, &holder), -EINTR);
		assert_int_equal(wait_interrupted(kind, SA_RESTART, &holder), 0);
		fd = open_on(SOURCE, O_RDWR);
		assert_int_equal(lock(fd, kind, F_WRLCK, true), 0);
		close(fd);
	}
}

static void a_killed_waiter_exits_and_gets_no_lock(void **state)
{
	for (int kind = 0; kind < KINDS; kind++) {
		struct peer holder = peer_with_lock(SOURCE, kind, F_WRLCK);
		struct peer waiter = peer_that_waits(MOUNT, kind, F_WRLCK);
		int fd = open_on(SOURCE, O_RDWR);

		kill(waiter.pid, SIGKILL);
		peer_forget(&waiter);
		peer_end(&holder);
		assert_int_equal(lock(fd, kind, F_WRLCK, false), 0);
		close(fd);
	}
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

/* One thread waits through the description that another one's lock replaces. */
static void a_lock_waited_for_survives_a_lock_through_a_writable_descriptor(void **state)
{
	int judge = open_on(SOURCE, O_RDWR), other = open_on(SOURCE, O_RDWR);
	int reads = open_on(MOUNT, O_RDONLY), writes = open_on(MOUNT, O_RDWR);
	struct thread_that_waits waits = {.fd = reads, .length = 10};

	assert_int_equal(range_lock(other, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	assert_int_equal(range_lock(reads, F_SETLK, F_RDLCK, 20, 10), 0);
	thread_start(&waits);
	assert_int_equal(range_lock(writes, F_SETLK, F_WRLCK, 40, 10), 0);
	close(other);
	thread_end(&waits);
	assert_int_equal(range_lock(judge, F_OFD_SETLK, F_WRLCK, 0, 10), -EAGAIN);
	assert_int_equal(range_lock(judge, F_OFD_SETLK, F_RDLCK, 0, 10), 0);
	close(writes);
	close(reads);
	assert_int_equal(range_lock(judge, F_OFD_SETLK, F_WRLCK, 0, 0), 0);
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

static void a_lock_waited_for_shows_earlier_changes_of_other_processes(void **state)
{
	struct thread_that_waits waits = {.fd = -1};
	char byte;
	int writer;

	make_file();
	warm(path_on(MOUNT));
	writer = open_on(SOURCE, O_RDWR);
	waits.fd = open_on(MOUNT, O_RDONLY);
	assert_int_equal(pread(waits.fd, &byte, 1, 0), 1);
	assert_int_equal(lock(writer, DESCRIPTION, F_WRLCK, false), 0);
	thread_start(&waits);
	assert_int_equal(pwrite(writer, "x", 1, 0), 1);
	close(writer);
	thread_end(&waits);
	assert_int_equal(pread(waits.fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	close(waits.fd);
}

static int count_up(enum side side, int times)
{
	for (int i = 0; i < times; i++) {
		int fd = open(path_on(side), O_RDWR | O_CLOEXEC), value;
		enum kind kind = FLOCK;

		if (fd < 0 || lock(fd, kind, F_WRLCK, true) || lock(fd, PROCESS, F_WRLCK, true) ||
			pread(fd, &value, sizeof(value), 0) != sizeof(value))
			return 1;
		value++;
		if (pwrite(fd, &value, sizeof(value), 0) != sizeof(value) || close(fd))
			return 1;
	}
	return 0;
}

static void counting_from_all_sides_loses_nothing(void **state)
{
	int fd, value, status;

	make_file();
	for (int i = 0; i < 2 * SIDES; i++)
		if (suite_fork() == 0)
			_exit(count_up(i / 2, 100));
	for (int i = 0; i < 2 * SIDES; i++) {
		wait(&status);
		assert_int_equal(status, 0);
	}
	fd = open_on(SOURCE, O_RDONLY);
	assert_int_equal(pread(fd, &value, sizeof(value), 0), sizeof(value));
	assert_int_equal(value, 2 * SIDES * 100);
	close(fd);
}

static void use_one_cpu(cpu_set_t *all)
{
	cpu_set_t one;

	assert_return_code(sched_getaffinity(0, sizeof(*all), all), errno);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, all))
			CPU_SET(cpu, &one);
	assert_return_code(sched_setaffinity(0, sizeof(one), &one), errno);
}

static bool is_uring(void)
{
	return config.transport && strcmp(config.transport, "uring") == 0;
}

/* As many as a CPU permits over io_uring, where one more is refused. */
static void many_waiters_do_not_block_other_requests(void **state)
{
	struct peer holder = peer_with_lock(SOURCE, FLOCK, F_WRLCK), waiters[32], late;
	cpu_set_t all;
	int fd;

	use_one_cpu(&all);
	for (int i = 0; i < 32; i++)
		waiters[i] = peer_start(MOUNT, FLOCK, F_RDLCK, true);
	for (int i = 0; i < 32; i++)
		assert_int_equal(wait_for_word(&waiters[i], 10), -ETIMEDOUT);
	late = peer_start(MOUNT, FLOCK, F_RDLCK, true);
	assert_int_equal(wait_for_word(&late, is_uring() ? 10000 : 50), is_uring() ? -ENOLCK : -ETIMEDOUT);
	alarm(20);
	fd = open_on(MOUNT, O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_int_equal(lock(fd, PROCESS, F_WRLCK, false), 0);
	close(fd);
	alarm(0);
	peer_end(&holder);
	for (int i = 0; i < 32; i++)
		assert_int_equal(wait_for_word(&waiters[i], 10000), 0);
	for (int i = 0; i < 32; i++)
		peer_end(&waiters[i]);
	peer_end(&late);
	assert_return_code(sched_setaffinity(0, sizeof(all), &all), errno);
}

/* Waits 1,100 times, which is more often than processes may wait at once. */
static int wait_often(void)
{
	const struct sigaction action = {.sa_handler = ignore};
	const struct itimerval each_ms = {{0, 1000}, {0, 1000}};
	int fd = open(path_on(MOUNT), O_RDWR | O_CLOEXEC), r = -EINTR;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &each_ms, NULL);
	for (int i = 0; i < 1100 && r == -EINTR; i++)
		r = lock(fd, FLOCK, F_WRLCK, true);
	return r != -EINTR;
}

static void who_has_waited_leaves_room_for_others(void **state)
{
	struct peer holder;
	pid_t pid;
	int status;

	if (is_uring())
		SKIP_TEST("over io_uring the kernel loses an interrupt now and then");
	holder = peer_with_lock(SOURCE, FLOCK, F_WRLCK);
	pid = suite_fork();
	if (!pid)
		_exit(wait_often());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	peer_end(&holder);
}

static void a_killed_daemon_leaves_no_lock(void **state)
{
	struct peer holder = peer_with_lock(SECOND, PROCESS, F_WRLCK);
	struct peer waiter = peer_that_waits(SECOND, PROCESS, F_WRLCK);
	int fd = open_on(SOURCE, O_RDWR);

	assert_int_equal(lock(fd, PROCESS, F_WRLCK, false), -EAGAIN);
	kill(second.daemon, SIGKILL);
	assert_true(ends_within(second.daemon, 5000));
	second.daemon = 0;
	assert_true(wait_for_word(&waiter, 10000) < 0);
	peer_forget(&waiter);
	peer_forget(&holder);
	assert_int_equal(lock(fd, PROCESS, F_WRLCK, false), 0);
	close(fd);
	assert_int_equal(mount_umount(second.point), 0);
}

static void a_mount_ends_while_a_process_waits(void **state)
{
	struct peer holder = peer_with_lock(SOURCE, FLOCK, F_WRLCK), waiter;

	mount_start(&second, "second", NULL);
	waiter = peer_that_waits(SECOND, FLOCK, F_WRLCK);
	mount_stop(&second, MOUNT_END_SIGTERM);
	assert_true(wait_for_word(&waiter, 10000) < 0);
	peer_forget(&waiter);
	peer_end(&holder);
}

static void local_locks_stay_in_the_mount(void **state)
{
	static const char *const options[] = {"locks=local", "coherence=exclusive"};

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

static int start_second(void **state)
{
	char link[PATH_MAX];

	umask(0);
	snprintf(link, sizeof(link), "%.3000s/second.source", config.base);
	assert_return_code(symlink(mounted.source, link), errno);
	mount_start(&second, "second", NULL);
	make_file();
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(locks_hold_between_source_and_all_mounts, start_second),
	cmocka_unit_test(a_waiter_gets_the_lock_when_the_other_side_closes),
	cmocka_unit_test(a_signal_interrupts_a_waiter),
	cmocka_unit_test(a_killed_waiter_exits_and_gets_no_lock),
	cmocka_unit_test(closing_any_descriptor_drops_the_locks_of_a_process),
	cmocka_unit_test(a_child_that_closes_keeps_the_locks_of_its_parent),
	cmocka_unit_test(ranges_are_split_and_merged_and_told),
	cmocka_unit_test(getlk_names_the_process),
	cmocka_unit_test(getlk_names_the_other_of_two_readers),
	cmocka_unit_test(read_locks_survive_a_lock_through_a_writable_descriptor),
	cmocka_unit_test(a_lock_waited_for_survives_a_lock_through_a_writable_descriptor),
	cmocka_unit_test(closing_an_open_file_drops_both_of_its_kinds_of_locks),
	cmocka_unit_test(a_file_that_may_only_grow_is_locked_for_writing),
	cmocka_unit_test(a_lock_is_gone_when_close_returns),
	cmocka_unit_test(a_lock_of_an_open_file_is_told_at_once),
	cmocka_unit_test(a_late_close_takes_no_later_lock),
	cmocka_unit_test(a_lock_shows_earlier_changes_of_other_processes),
	cmocka_unit_test(a_lock_waited_for_shows_earlier_changes_of_other_processes),
	cmocka_unit_test(counting_from_all_sides_loses_nothing),
	cmocka_unit_test(many_waiters_do_not_block_other_requests),
	cmocka_unit_test(who_has_waited_leaves_room_for_others),
	cmocka_unit_test(a_killed_daemon_leaves_no_lock),
	cmocka_unit_test(a_mount_ends_while_a_process_waits),
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
