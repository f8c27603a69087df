/* flock, fcntl and open-file-description locks, within one process and between processes. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int range_lock(int fd, int command, short type, off_t start, off_t length)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	return fcntl(fd, command, &lock);
}

/* Who would refuse the lock: 0 nobody, else the type of the lock found and its range. */
static void note_getlk(int fd, short type, off_t start, off_t length)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
	int r = fcntl(fd, F_GETLK, &lock);

	tape_text("getlk = %d type %d at %lld for %lld, holder %s\n", r, lock.l_type, (long long)lock.l_start,
		(long long)lock.l_len,
		lock.l_type == F_UNLCK    ? "none"
		: lock.l_pid == getppid() ? "parent"
					  : "other");
}

/* Runs what follows in a child; the parent waits for it. */
static bool in_child(void)
{
	pid_t child = suite_fork();
	int status = 0;

	if (!child)
		return true;
	waitpid(child, &status, 0);
	if (status)
		tape_text("child ended with %#x\n", status);
	return false;
}

static void flocks_exclude_each_other(void)
{
	int a, b;

	NOTE(put_file("f", 100, 1));
	a = NOTE_FD(open("f", O_RDONLY));
	b = NOTE_FD(open("f", O_RDWR));
	NOTE(flock(a, LOCK_SH | LOCK_NB));
	NOTE(flock(b, LOCK_SH | LOCK_NB));
	NOTE(flock(b, LOCK_EX | LOCK_NB));
	NOTE(flock(a, LOCK_UN));
	NOTE(flock(b, LOCK_EX | LOCK_NB));
	NOTE(flock(a, LOCK_SH | LOCK_NB));
	if (in_child()) {
		int c = NOTE_FD(open("f", O_RDONLY));

		NOTE(flock(c, LOCK_SH | LOCK_NB));
		NOTE(flock(b, LOCK_SH | LOCK_NB));
		NOTE(flock(c, LOCK_SH | LOCK_NB));
		_exit(0);
	}
	NOTE(flock(a, LOCK_SH | LOCK_NB));
	NOTE(close(b));
	NOTE(flock(a, LOCK_EX | LOCK_NB));
	NOTE(close(a));
}

static void range_locks_exclude_other_processes(void)
{
	int fd;

	NOTE(put_file("f", 10000, 1));
	fd = NOTE_FD(open("f", O_RDWR));
	NOTE(range_lock(fd, F_SETLK, F_WRLCK, 0, 100));
	NOTE(range_lock(fd, F_SETLK, F_RDLCK, 200, 100));
	if (in_child()) {
		int own = NOTE_FD(open("f", O_RDWR));

		NOTE(range_lock(own, F_SETLK, F_WRLCK, 50, 10));
		NOTE(range_lock(own, F_SETLK, F_RDLCK, 50, 10));
		NOTE(range_lock(own, F_SETLK, F_WRLCK, 100, 100));
		NOTE(range_lock(own, F_SETLK, F_RDLCK, 200, 10));
		NOTE(range_lock(own, F_SETLK, F_WRLCK, 250, 1000));
		note_getlk(own, F_WRLCK, 0, 0);
		note_getlk(own, F_RDLCK, 150, 1000);
		_exit(0);
	}
	NOTE(range_lock(fd, F_SETLK, F_UNLCK, 40, 20));
	if (in_child()) {
		int own = NOTE_FD(open("f", O_RDWR));

		NOTE(range_lock(own, F_SETLK, F_WRLCK, 45, 10));
		NOTE(range_lock(own, F_SETLK, F_WRLCK, 30, 10));
		NOTE(range_lock(fd, F_SETLK, F_WRLCK, 1000, 0));
		_exit(0);
	}
	/* Closing any descriptor of the file drops the process's locks. */
	NOTE(close(open("f", O_RDONLY)));
	if (in_child()) {
		int own = NOTE_FD(open("f", O_RDWR));

		NOTE(range_lock(own, F_SETLK, F_WRLCK, 0, 0));
		_exit(0);
	}
	NOTE(range_lock(fd, F_SETLK, F_WRLCK, -5, 3));
	NOTE(close(fd));
	fd = NOTE_FD(open("f", O_RDONLY));
	NOTE(range_lock(fd, F_SETLK, F_WRLCK, 0, 3));
	NOTE(close(fd));
}

static void description_locks_belong_to_the_open(void)
{
	int a, b;

	NOTE(put_file("f", 100, 1));
	a = NOTE_FD(open("f", O_RDWR));
	b = NOTE_FD(open("f", O_RDWR));
	NOTE(range_lock(a, F_OFD_SETLK, F_WRLCK, 0, 10));
	NOTE(range_lock(b, F_OFD_SETLK, F_WRLCK, 5, 10));
	NOTE(range_lock(b, F_OFD_SETLK, F_RDLCK, 10, 10));
	NOTE(range_lock(a, F_SETLK, F_WRLCK, 0, 5));
	NOTE(close(open("f", O_RDONLY)));
	NOTE(range_lock(b, F_OFD_SETLK, F_RDLCK, 0, 10));
	if (in_child()) {
		NOTE(range_lock(a, F_OFD_SETLK, F_UNLCK, 0, 10));
		_exit(0);
	}
	NOTE(range_lock(b, F_OFD_SETLK, F_RDLCK, 0, 10));
	NOTE(close(a) | close(b));
}

static void ignore(int signal)
{
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

static int wait_for_lock(int fd, bool ranges)
{
	return ranges ? range_lock(fd, F_SETLKW, F_WRLCK, 0, 0) : flock(fd, LOCK_EX);
}

/* A child holds the lock for a while: the waiter gets it only then. Meanwhile the file can be used. */
static void wait_while_a_child_holds(bool ranges)
{
	struct timespec start;
	int fd, ready[2];
	pid_t child;
	char byte;

	NOTE(pipe(ready));
	child = suite_fork();
	if (!child) {
		int own = open("f", O_RDWR);

		if (wait_for_lock(own, ranges) || write(ready[1], "x", 1) != 1)
			_exit(1);
		poll(NULL, 0, 300);
		put(own, 50, 0, 9);
		_exit(0);
	}
	NOTE(read(ready[0], &byte, 1));
	clock_gettime(CLOCK_MONOTONIC, &start);
	fd = NOTE_FD(open("f", O_RDWR));
	NOTE(wait_for_lock(fd, ranges));
	tape_text("waited: %d\n", elapsed_ms(&start) >= 200);
	note_pread(fd, 100, 0);
	NOTE(close(fd) | close(ready[0]) | close(ready[1]));
	waitpid(child, NULL, 0);
}

static void waiting_ends_when_the_holder_is_gone(void)
{
	NOTE(put_file("f", 100, 1));
	wait_while_a_child_holds(false);
	wait_while_a_child_holds(true);
}

static void waiting_is_interrupted(void)
{
	struct sigaction action = {.sa_handler = ignore};
	int holder, waiter;

	NOTE(put_file("f", 100, 1));
	sigaction(SIGALRM, &action, NULL);
	holder = NOTE_FD(open("f", O_RDWR));
	waiter = NOTE_FD(open("f", O_RDWR));
	NOTE(flock(holder, LOCK_EX));
	ualarm(100000, 0);
	NOTE(flock(waiter, LOCK_EX));
	NOTE(range_lock(holder, F_OFD_SETLK, F_WRLCK, 0, 0));
	ualarm(100000, 0);
	NOTE(range_lock(waiter, F_OFD_SETLKW, F_WRLCK, 0, 0));
	NOTE(close(holder));
	NOTE(flock(waiter, LOCK_EX | LOCK_NB));
	NOTE(range_lock(waiter, F_OFD_SETLK, F_WRLCK, 0, 0));
	NOTE(close(waiter));
	signal(SIGALRM, SIG_DFL);
}

static void a_killed_holder_leaves_no_lock(void)
{
	int ready[2], fd;
	pid_t child;
	char byte;

	NOTE(put_file("f", 100, 1) | pipe(ready));
	child = suite_fork();
	if (!child) {
		int own = open("f", O_RDWR);

		if (flock(own, LOCK_EX) || range_lock(own, F_SETLK, F_WRLCK, 0, 0) ||
			write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	NOTE(read(ready[0], &byte, 1));
	fd = NOTE_FD(open("f", O_RDWR));
	NOTE(flock(fd, LOCK_EX | LOCK_NB));
	NOTE(range_lock(fd, F_SETLK, F_RDLCK, 0, 1));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	NOTE(flock(fd, LOCK_EX));
	NOTE(range_lock(fd, F_SETLK, F_RDLCK, 0, 1));
	NOTE(close(fd) | close(ready[0]) | close(ready[1]));
}

/* Several processes count in one file under a lock: no increment may be lost. */
static void counting_under_a_lock_loses_nothing(void)
{
	NOTE(put_file("f", 0, 0));
	for (int i = 0; i < 4; i++) {
		if (suite_fork())
			continue;
		for (int n = 0; n < 200; n++) {
			int fd = open("f", O_RDWR), value = 0;

			if (fd < 0 || wait_for_lock(fd, i & 1 ? n & 1 : !(n & 1)) || flock(fd, LOCK_EX))
				_exit(1);
			if (pread(fd, &value, sizeof(value), 0) < 0)
				_exit(1);
			value++;
			if (pwrite(fd, &value, sizeof(value), 0) != sizeof(value))
				_exit(1);
			close(fd);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		int status;

		wait(&status);
		tape_text("counter ended with %#x\n", status);
	}
	note_data("f", 100);
}

static void leases_are_answered(void)
{
	int fd;

	NOTE(put_file("f", 10, 1));
	fd = NOTE_FD(open("f", O_RDONLY));
	NOTE(flock(fd, 0x77));
	NOTE(fcntl(fd, F_GETLEASE) == F_UNLCK);
	NOTE(close(fd));
}

static const struct CMUnitTest tests[] = {
	SAME(flocks_exclude_each_other),
	SAME(range_locks_exclude_other_processes),
	SAME(description_locks_belong_to_the_open),
	SAME(waiting_ends_when_the_holder_is_gone),
	SAME(waiting_is_interrupted),
	SAME(a_killed_holder_leaves_no_lock),
	SAME(counting_under_a_lock_loses_nothing),
	SAME(leases_are_answered),
};

static const struct suite suite = {
	.name = "locks", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
