/* When a mount that does not answer is excused, and whom the service manager wants to hear. */
#include "fs/watchdog.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache/sandbox/sanitized.h"
#include "fs/notify.h"

static volatile pid_t waited_for;

/* Until a child of vfork(2) ends its parent sleeps as one that waits for a disk does. */
static void *sleep_as_for_a_disk(void *unused)
{
	pid_t child;

	child = vfork();
	if (child == 0) {
		waited_for = getpid();
		for (;;)
			pause();
	}
	waitpid(child, NULL, 0);
	return NULL;
}

static bool comes_true(bool wanted)
{
	for (int tries = 0; tries < 500; tries++) {
		if (watchdog_sees_waiting() == wanted)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

static void a_thread_that_waits_for_a_disk_is_seen(void **state)
{
	pthread_t thread;

	if (IS_SANITIZED)
		skip(); /* TSan makes a fork of it */
	assert_false(watchdog_sees_waiting());
	assert_int_equal(pthread_create(&thread, NULL, sleep_as_for_a_disk, NULL), 0);
	assert_true(comes_true(true));
	assert_true(waited_for > 0);
	kill(waited_for, SIGKILL);
	pthread_join(thread, NULL);
	assert_true(comes_true(false));
}

static uint64_t period(const char *us, const char *pid, const char *socket)
{
	uint64_t result;

	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("NOTIFY_SOCKET");
	if (us)
		setenv("WATCHDOG_USEC", us, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	if (socket)
		setenv("NOTIFY_SOCKET", socket, 1);
	result = notify_watchdog_us();
	unsetenv("NOTIFY_SOCKET");
	return result;
}

static void the_period_is_this_process_s_and_a_number(void **state)
{
	char own[16];

	snprintf(own, sizeof(own), "%d", getpid());
	assert_int_equal(period("30000000", own, "/run/manager"), 30000000);
	assert_int_equal(period("30000000", NULL, "/run/manager"), 30000000);
	assert_int_equal(period("30000000", "1", "/run/manager"), 0);
	assert_int_equal(period("30000000", own, NULL), 0);
	assert_int_equal(period(NULL, own, "/run/manager"), 0);
	assert_int_equal(period("30s", own, "/run/manager"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_that_waits_for_a_disk_is_seen),
		cmocka_unit_test(the_period_is_this_process_s_and_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
