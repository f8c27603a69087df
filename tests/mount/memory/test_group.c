/* In a memory cgroup the defaults follow the group's limit: streams don't get the daemon killed. */
#include "tests/support/group.h"
#include "tests/support/pages.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STREAMS 8
#define FILE_SIZE (64 << 20)
#define PIECE (1 << 20)

static void path_of(char path[PATH_MAX], const char *folder, unsigned number)
{
	snprintf(path, PATH_MAX, "%.3000s/stream%u", folder, number);
}

/* Where each page of the stream says whose it is and where it lies. */
static void mark(char *piece, unsigned number, off_t offset)
{
	for (size_t at = 0; at < PIECE; at += 4096) {
		const unsigned long long words[] = {number, (unsigned long long)offset + at};

		memcpy(piece + at, words, sizeof(words));
	}
}

static int write_stream(const char *folder, unsigned number)
{
	static char piece[PIECE];
	char path[PATH_MAX];
	int fd;

	path_of(path, folder, number);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	for (off_t at = 0; fd >= 0 && at < FILE_SIZE; at += PIECE) {
		mark(piece, number, at);
		if (write(fd, piece, PIECE) != PIECE)
			return errno;
	}
	return fd < 0 || close(fd) ? errno : 0;
}

static int read_stream(const char *folder, unsigned number)
{
	static char piece[PIECE], wanted[PIECE];
	char path[PATH_MAX];
	int fd;

	path_of(path, folder, number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (off_t at = 0; fd >= 0 && at < FILE_SIZE; at += PIECE) {
		mark(wanted, number, at);
		if (read(fd, piece, PIECE) != PIECE)
			return errno;
		if (memcmp(piece, wanted, PIECE))
			return EILSEQ;
	}
	return fd < 0 || close(fd) ? errno : 0;
}

static void all_together(const char *folder, int (*work)(const char *folder, unsigned number))
{
	pid_t children[STREAMS];
	int status, failed = 0;

	for (unsigned i = 0; i < STREAMS; i++) {
		children[i] = suite_fork();
		assert_return_code(children[i], errno);
		if (!children[i])
			_exit(work(folder, i));
	}
	for (unsigned i = 0; i < STREAMS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		if (status)
			failed = status;
	}
	if (failed)
		fail_msg("a stream ended with status %#x: %s", failed, strerror(WEXITSTATUS(failed)));
}

static void assert_nobody_was_killed(const struct mount *mount)
{
	assert_int_equal(group_oom_kills(), 0);
	assert_true(mount_stat(mount, "version") >= 0);
}

static void streams_fit_into(const char *limit, const char *options)
{
	char path[PATH_MAX];
	struct mount mount;

	if (SUITE_IS_SANITIZED)
		SKIP_TEST("sanitizers take what is limited here");
	if (!group_begin("memory"))
		SKIP_TEST("no memory controller");
	group_set("memory.limit_in_bytes", "memory.max", limit);
	group_enter();
	mount_start(&mount, "group", options);
	group_leave();
	all_together(mount.source, write_stream);
	for (unsigned i = 0; i < STREAMS; i++) {
		path_of(path, mount.source, i);
		pages_drop(path);
	}
	all_together(mount.point, read_stream);
	assert_nobody_was_killed(&mount);
	all_together(mount.point, write_stream);
	all_together(mount.source, read_stream);
	assert_nobody_was_killed(&mount);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void eight_streams_fit_into_64_mib(void **state)
{
	streams_fit_into("67108864", NULL);
}

static void eight_served_streams_fit_into_64_mib(void **state)
{
	streams_fit_into("67108864", "passthrough=off");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_teardown(eight_streams_fit_into_64_mib, group_end),
	cmocka_unit_test_teardown(eight_served_streams_fit_into_64_mib, group_end),
};

static const struct suite suite = {.name = "group",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_daemon = true,
	.needs_root = true};

SUITE_MAIN(suite)
