/* queue_class: the threads that serve requests over io_uring are in the class SCHED_IDLE while that helps. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 20000
/* So that each stat(2) comes to the daemon. */
#define ASK_ALWAYS "attr_timeout=0,entry_timeout=0"
#define MOST_QUEUES 1024

static pid_t queues[MOST_QUEUES]; /* libfuse's threads */
static unsigned queue_count;

static bool is_queue(pid_t thread)
{
	for (unsigned i = 0; i < queue_count; i++)
		if (queues[i] == thread)
			return true;
	return false;
}

static unsigned threads_of_that_name(const struct mount *mount)
{
	char output[8192] = "", *rest = output, *word;

	queue_count = 0;
	shell(output, sizeof(output), "cd /proc/%d/task && grep -l '^fuse-ring' */comm | cut -d/ -f1",
		(int)mount->daemon);
	while (queue_count < MOST_QUEUES && (word = strtok_r(rest, "\n", &rest)))
		queues[queue_count++] = atoi(word);
	return queue_count;
}

/* A thread that one of them starts has its name for a moment. */
static void find_queues(const struct mount *mount)
{
	for (int waited_ms = 0; threads_of_that_name(mount) != (unsigned)get_nprocs_conf(); waited_ms += 50) {
		assert_true(waited_ms < PATIENCE_MS);
		poll(NULL, 0, 50);
	}
}

static unsigned idle_queues(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < queue_count; i++)
		count += sched_getscheduler(queues[i]) == SCHED_IDLE;
	return count;
}

static bool another_thread_is_idle(const struct mount *mount)
{
	struct dirent *entry;
	bool is_idle = false;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)mount->daemon);
	tasks = opendir(path);
	assert_non_null(tasks);
	while (!is_idle && (entry = readdir(tasks))) {
		pid_t thread = atoi(entry->d_name);

		is_idle = thread > 0 && !is_queue(thread) && sched_getscheduler(thread) == SCHED_IDLE;
	}
	closedir(tasks);
	return is_idle;
}

/* A new thread leaves the class itself, once it runs. */
static void assert_no_other_thread_stays_idle(const struct mount *mount)
{
	for (int waited_ms = 0; another_thread_is_idle(mount); waited_ms += 50) {
		assert_true(waited_ms < PATIENCE_MS);
		poll(NULL, 0, 50);
	}
}

/* Requests, a pause between them, until the condition holds. */
static bool ask_until(const struct mount *mount, bool (*holds)(const struct mount *mount), int most_ms)
{
	struct stat st;

	for (int asked_ms = 0; asked_ms < most_ms; asked_ms++) {
		for (int i = 0; i < 4; i++)
			assert_return_code(stat(mount->point, &st), errno);
		if (holds(mount))
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

static bool a_queue_is_idle(const struct mount *mount)
{
	(void)mount;
	return idle_queues() > 0;
}

static bool a_queue_returned(const struct mount *mount)
{
	return mount_stat(mount, "queue_returns") > 0;
}

static void start(struct mount *mount, const char *name, const char *options)
{
	mount_start(mount, name, options);
	find_queues(mount);
}

/* Ends the test where the daemon may not leave the class again, as in a container without CAP_SYS_NICE. */
static void start_and_enter(struct mount *mount, const char *name)
{
	start(mount, name, ASK_ALWAYS);
	if (ask_until(mount, a_queue_is_idle, PATIENCE_MS))
		return;
	fail_msg("no thread entered SCHED_IDLE");
}

static bool may_be_left(void)
{
	pid_t child = suite_fork();
	int status;

	if (child == 0)
		_exit(sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0}) != 0 ||
			sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0}) != 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status == 0;
}

/* Until each queue's thread is known to rest: as long as there are no requests for a second. */
static void rest(void)
{
	for (int waited_ms = 0; idle_queues() > 0; waited_ms += 50) {
		assert_true(waited_ms < PATIENCE_MS);
		poll(NULL, 0, 50);
	}
	poll(NULL, 0, 1100);
}

static void a_thread_that_serves_requests_enters_the_idle_class_and_leaves_it_at_rest(void **state)
{
	struct mount mount;

	if (!may_be_left())
		SKIP_TEST("a thread may not leave SCHED_IDLE here");
	start_and_enter(&mount, "served");
	assert_no_other_thread_stays_idle(&mount);
	rest();
	assert_int_equal(mount_stat(&mount, "idle_queues"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* Looks that came once a second would let few rounds succeed. Not all need succeed: other tests may keep a
 * thread waiting meanwhile. */
static void a_thread_enters_the_idle_class_soon_after_a_rest(void **state)
{
	struct mount mount;
	unsigned soon = 0;

	if (!may_be_left())
		SKIP_TEST("a thread may not leave SCHED_IDLE here");
	start_and_enter(&mount, "rested");
	for (int round = 0; round < 5; round++) {
		rest();
		soon += ask_until(&mount, a_queue_is_idle, 60);
	}
	assert_true(soon >= 3);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_thread_that_waits_for_a_lock_is_not_in_the_idle_class(void **state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct mount mount;
	char path[PATH_MAX];
	pid_t waiting[4];
	int fd;

	if (!may_be_left())
		SKIP_TEST("a thread may not leave SCHED_IDLE here");
	mount_prepare(&mount, "locked");
	snprintf(path, sizeof(path), "%.3000s/file", mount.source);
	assert_return_code(put_file(path, 100, 1), errno);
	start_and_enter(&mount, "locked");
	snprintf(path, sizeof(path), "%.3000s/file", mount.point);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_return_code(fcntl(fd, F_SETLK, &lock), errno);
	for (int i = 0; i < 4; i++) {
		waiting[i] = suite_fork();
		if (waiting[i] == 0)
			_exit(fcntl(open(path, O_RDWR | O_CLOEXEC), F_SETLKW, &lock) != 0);
		ask_until(&mount, a_queue_is_idle, 100);
	}
	assert_no_other_thread_stays_idle(&mount);
	close(fd);
	for (int i = 0; i < 4; i++)
		waitpid(waiting[i], NULL, 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_thread_that_other_tasks_keep_waiting_leaves_the_class(void **state)
{
	unsigned hog_count = 2 * (unsigned)get_nprocs();
	pid_t hogs[64];
	struct mount mount;
	bool returned;

	if (!may_be_left() || hog_count > 64)
		SKIP_TEST("a thread may not leave SCHED_IDLE here, or there are too many CPUs");
	start_and_enter(&mount, "waits");
	for (unsigned i = 0; i < hog_count; i++) {
		hogs[i] = suite_fork();
		if (hogs[i] == 0)
			for (;;)
				;
	}
	returned = ask_until(&mount, a_queue_returned, PATIENCE_MS);
	for (unsigned i = 0; i < hog_count; i++) {
		kill(hogs[i], SIGKILL);
		waitpid(hogs[i], NULL, 0);
	}
	assert_true(returned);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void with_queue_class_normal_threads_keep_their_class(void **state)
{
	struct mount mount;

	start(&mount, "normal", ASK_ALWAYS ",queue_class=normal");
	assert_false(ask_until(&mount, a_queue_is_idle, 3000));
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_thread_that_serves_requests_enters_the_idle_class_and_leaves_it_at_rest),
	cmocka_unit_test(a_thread_enters_the_idle_class_soon_after_a_rest),
	cmocka_unit_test(a_thread_that_waits_for_a_lock_is_not_in_the_idle_class),
	cmocka_unit_test(a_thread_that_other_tasks_keep_waiting_leaves_the_class),
	cmocka_unit_test(with_queue_class_normal_threads_keep_their_class),
};

static const struct suite suite = {.name = "queue_class",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
