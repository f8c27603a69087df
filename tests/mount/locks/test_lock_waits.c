/* Waiting for locks that others have, in SOURCE, through a mount and through a second one. */
#include "tests/mount/locks/peer.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(a_waiter_gets_the_lock_when_the_other_side_closes, start_second),
	cmocka_unit_test(a_signal_interrupts_a_waiter),
	cmocka_unit_test(a_killed_waiter_exits_and_gets_no_lock),
	cmocka_unit_test(a_lock_waited_for_survives_a_lock_through_a_writable_descriptor),
	cmocka_unit_test(a_lock_waited_for_shows_earlier_changes_of_other_processes),
	cmocka_unit_test(counting_from_all_sides_loses_nothing),
	cmocka_unit_test(many_waiters_do_not_block_other_requests),
	cmocka_unit_test(who_has_waited_leaves_room_for_others),
	cmocka_unit_test(a_killed_daemon_leaves_no_lock),
	cmocka_unit_test(a_mount_ends_while_a_process_waits),
};

static const struct suite suite = {
	.name = "lock_waits",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.mounts = true,
	.needs_daemon = true,
};

SUITE_MAIN(suite)
