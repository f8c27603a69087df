/* What a mounted daemon has given up, as /proc shows it, and what becomes of a call that it may not make. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <unistd.h>

#define FILTERED 2 /* of /proc/PID/status: Seccomp */

/* /proc/…/status; false: the thread is gone. */
static bool read_status(const char *task, char text[4096])
{
	char path[PATH_MAX];
	FILE *status;
	size_t size;

	snprintf(path, sizeof(path), "%.3000s/status", task);
	status = fopen(path, "re");
	if (!status)
		return false;
	size = fread(text, 1, 4095, status);
	text[size] = '\0';
	fclose(status);
	return size > 0;
}

static unsigned long long number_in(const char *status, const char *name, int base)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\n%s:", name);
	at = strstr(status, line);
	if (!at)
		fail_msg("no %s in %s", name, status);
	return strtoull(at + strlen(line), NULL, base);
}

static unsigned long long number_of(pid_t pid, const char *name, int base)
{
	char task[64], status[4096];

	snprintf(task, sizeof(task), "/proc/%d", (int)pid);
	assert_true(read_status(task, status));
	return number_in(status, name, base);
}

/* For each thread of the process. */
static void for_each_thread(pid_t pid, void (*look)(const char *status))
{
	char path[64], task[PATH_MAX], status[4096];
	struct dirent *entry;
	unsigned count = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		snprintf(task, sizeof(task), "%s/%.200s", path, entry->d_name);
		if (entry->d_name[0] == '.' || !read_status(task, status))
			continue;
		look(status);
		count++;
	}
	closedir(tasks);
	assert_true(count > 3);
}

/* The daemon's first process of that name; 0: it has none. */
static pid_t process_of(pid_t daemon, const char *name)
{
	char output[64] = "";

	shell(output, sizeof(output), "pgrep -P %d -x %s | head -n 1", (int)daemon, name);
	return atoi(output);
}

/* The list of the manual page, of capabilities that the daemon keeps. */
static unsigned long long documented(void)
{
	const char *page = getenv("SIEVEFS_MAN_PAGE");
	char output[4096], *name, *rest = output;
	unsigned long long set = 0;

	assert_non_null(page);
	assert_int_equal(
		shell(output, sizeof(output),
			"sed -n '/^.Sh SANDBOX/,/^.Sh LIMITS/s/^.It Cm \\(CAP_.*\\)/\\1/p' '%s' | tr -d ,",
			page),
		0);
	while ((name = strtok_r(rest, " \n", &rest))) {
		cap_value_t number;
		char lower[64] = "";

		for (size_t i = 0; name[i] && i < sizeof(lower) - 1; i++)
			lower[i] = (char)(name[i] | ('A' <= name[i] && name[i] <= 'Z' ? 0x20 : 0));
		if (cap_from_name(lower, &number) < 0)
			fail_msg("%s is documented, and is no capability", name);
		set |= 1ull << number;
	}
	return set;
}

/* The one is kept where /proc hides processes, and with sanitizers; the other where RLIMIT_NICE can't be
 * raised. */
#define SOMETIMES (1ull << CAP_SYS_PTRACE | 1ull << CAP_SYS_NICE)

static void look_at_root_s(const char *status)
{
	assert_int_equal(number_in(status, "NoNewPrivs", 10), 1);
	assert_int_equal(number_in(status, "Seccomp", 10), FILTERED);
	assert_int_equal(number_in(status, "CapBnd", 16) | SOMETIMES, documented());
	assert_int_equal(number_in(status, "CapPrm", 16) | SOMETIMES, documented());
	assert_int_equal(number_in(status, "CapInh", 16), 0);
}

static void look_at_a_user_s(const char *status)
{
	assert_int_equal(number_in(status, "NoNewPrivs", 10), 1);
	assert_int_equal(number_in(status, "Seccomp", 10), FILTERED);
	assert_int_equal(number_in(status, "CapPrm", 16), 0);
}

static void look_at_a_free_one(const char *status)
{
	assert_int_equal(number_in(status, "NoNewPrivs", 10), 0);
	assert_int_equal(number_in(status, "Seccomp", 10), 0);
}

static void every_thread_has_what_the_manual_says_and_no_more(void **state)
{
	struct mount mount;

	mount_start(&mount, "kept", "cache_size=16M");
	for_each_thread(mount.daemon, geteuid() == 0 ? look_at_root_s : look_at_a_user_s);
	mount_stop(&mount, MOUNT_END_SIGTERM);
}

static void a_keeper_may_lock_memory_and_nothing_else(void **state)
{
	struct mount mount;
	pid_t keeper;

	mount_start(&mount, "keeper", "cache_size=16M");
	keeper = process_of(mount.daemon, "sievefs-keeper");
	if (keeper) {
		assert_int_equal(number_of(keeper, "NoNewPrivs", 10), 1);
		assert_int_equal(number_of(keeper, "Seccomp", 10), FILTERED);
		assert_int_equal(number_of(keeper, "CapPrm", 16), 1ull << CAP_IPC_LOCK);
	}
	mount_stop(&mount, MOUNT_END_SIGTERM);
	if (!keeper)
		skip();
}

static void the_asker_may_reach_the_mount_and_nothing_else(void **state)
{
	struct mount mount;
	pid_t asker;

	mount_start(&mount, "asker", "cache_size=16M");
	asker = process_of(mount.daemon, "sieve-asker");
	assert_true(asker > 0);
	for (int tries = 0; tries < 500 && number_of(asker, "Seccomp", 10) != FILTERED; tries++)
		poll(NULL, 0, 10);
	assert_int_equal(number_of(asker, "NoNewPrivs", 10), 1);
	assert_int_equal(number_of(asker, "Seccomp", 10), FILTERED);
	assert_int_equal(number_of(asker, "CapPrm", 16), geteuid() == 0 ? 1ull << CAP_DAC_READ_SEARCH : 0);
	assert_int_equal(number_of(asker, "Threads", 10), 1);
	mount_stop(&mount, MOUNT_END_SIGTERM);
}

static bool sees_hidden_processes(const char *name)
{
	struct mount mount;
	bool sees;

	mount_start(&mount, name, "cache_size=16M");
	sees = number_of(mount.daemon, "CapPrm", 16) & 1ull << CAP_SYS_PTRACE;
	mount_stop(&mount, MOUNT_END_SIGTERM);
	return sees;
}

static void callers_are_seen_where_proc_hides_them(void **state)
{
	bool hidden_already = shell(NULL, 0, "grep -q ' - proc .*hidepid=' /proc/self/mountinfo") == 0;

	if (geteuid())
		skip();
	if (!hidden_already && !SUITE_IS_SANITIZED)
		assert_false(sees_hidden_processes("shown"));
	/* in this test's mount namespace */
	assert_int_equal(mount("proc", "/proc", "proc", 0, "hidepid=2"), 0);
	assert_true(sees_hidden_processes("hidden"));
	assert_int_equal(umount2("/proc", MNT_DETACH), 0);
}

static void a_mount_that_changes_no_scheduling_class_may_not(void **state)
{
	struct mount mount;

	if (geteuid())
		skip();
	mount_start(&mount, "normal", "cache_size=16M,queue_class=normal");
	assert_int_equal(number_of(mount.daemon, "CapPrm", 16) & 1ull << CAP_SYS_NICE, 0);
	mount_stop(&mount, MOUNT_END_SIGTERM);
}

static void sandbox_off_gives_up_nothing(void **state)
{
	struct mount mount;

	mount_start(&mount, "free", "cache_size=16M,sandbox=off");
	for_each_thread(mount.daemon, look_at_a_free_one);
	mount_stop(&mount, MOUNT_END_SIGTERM);
}

static bool log_has(const struct mount *mount, const char *text)
{
	return shell(NULL, 0, "grep -qF '%s' '%s'", text, mount->log) == 0;
}

static void a_call_outside_of_the_list_is_logged_by_name_and_loses_nothing(void **state)
{
	static const char *const lines[] = {"sandbox: refused the daemon the system call acct (",
		"sandbox: refused a keeper the system call getsid ("};
	char path[PATH_MAX], elsewhere[PATH_MAX], log[PATH_MAX];
	struct mount mount;

	if (geteuid() || SUITE_IS_SANITIZED)
		skip(); /* a user's mount pins nothing; a sanitizer's library has to be the first that is
			   loaded */
	mount_prepare(&mount, "refused");
	path_below(path, mount.source, "hot");
	assert_return_code(put_file(path, 100000, 1), errno);
	path_below(elsewhere, config.base, "expected.log");
	snprintf(log, sizeof(log), "%s", getenv("SIEVEFS_SANDBOX_LOG"));
	setenv("SIEVEFS_SANDBOX_LOG", elsewhere, 1);
	setenv("LD_PRELOAD", getenv("SIEVEFS_REFUSED_CALLS"), 1);
	mount_start(&mount, "refused", "admit=1,settle=0,store=pin,cache_size=16M");
	unsetenv("LD_PRELOAD");
	setenv("SIEVEFS_SANDBOX_LOG", log, 1);
	close(mount_open_cached(&mount, "hot"));
	mount_stop(&mount, MOUNT_END_SIGTERM);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		assert_true(log_has(&mount, lines[i]));
		assert_int_equal(
			shell(NULL, 0, "test \"$(grep -cF '%s' '%s')\" = 1", lines[i], elsewhere), 0);
	}
}

/* An ordinary user's is unmounted by fusermount3, which the daemon can't execute any more. */
static void a_mount_is_ended_by_signal_while_it_is_busy(void **state)
{
	struct mount mount;
	int fd;

	mount_start(&mount, "busy", "cache_size=16M");
	fd = open_below(mount.point, "open", O_RDWR | O_CREAT);
	mount_stop(&mount, MOUNT_END_SIGTERM);
	close(fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_thread_has_what_the_manual_says_and_no_more),
	cmocka_unit_test(a_keeper_may_lock_memory_and_nothing_else),
	cmocka_unit_test(the_asker_may_reach_the_mount_and_nothing_else),
	cmocka_unit_test(callers_are_seen_where_proc_hides_them),
	cmocka_unit_test(a_mount_that_changes_no_scheduling_class_may_not),
	cmocka_unit_test(sandbox_off_gives_up_nothing),
	cmocka_unit_test(a_call_outside_of_the_list_is_logged_by_name_and_loses_nothing),
	cmocka_unit_test(a_mount_is_ended_by_signal_while_it_is_busy),
};

static const struct suite suite = {.name = "sandbox",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_daemon = true};

SUITE_MAIN(suite)
