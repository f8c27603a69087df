/* An open that is refused leaves the file as it was. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/param.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void copy_program(const char *from, const char *to)
{
	char buffer[1 << 16];
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t n;

	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		NOTE(write(out, buffer, (size_t)n));
	close(in);
	NOTE(close(out));
}

/* Returns once the program runs. */
static pid_t run_program(const char *path)
{
	int ends[2];
	pid_t child;
	char none;

	NOTE(pipe2(ends, O_CLOEXEC));
	child = suite_fork();
	if (!child) {
		execl(path, path, "100", NULL);
		_exit(1);
	}
	close(ends[1]);
	NOTE(read(ends[0], &none, 1)); /* the other end goes with the exec */
	close(ends[0]);
	return child;
}

static void try_to_empty(const char *path)
{
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDONLY | O_DIRECT};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int fd = NOTE_FD(open(path, flags[i] | O_TRUNC | O_CLOEXEC));

		close(fd);
		note_stat(path);
	}
	NOTE(truncate(path, 0));
}

static void a_running_program_is_not_emptied(void)
{
	pid_t first, second;

	copy_program("/bin/sleep", "program");
	warm("program");
	first = run_program("./program");
	second = run_program("./program");
	try_to_empty("program");
	NOTE(put_file("other", 5000, 1));
	NOTE(close(open("other", O_RDONLY | O_TRUNC | O_CLOEXEC)));
	note_stat("other");
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	try_to_empty("program");
	kill(second, SIGKILL);
	waitpid(second, NULL, 0);
	note_data("program", 4096);
	/* and from now on anybody may, at once */
	NOTE(close(open("program", O_RDONLY | O_TRUNC | O_CLOEXEC)));
	note_stat("program");
}

static void what_only_read_a_program_does_not_keep_it(void)
{
	int reader;

	copy_program("/bin/sleep", "program");
	reader = NOTE_FD(open("program", O_RDONLY | O_CLOEXEC));
	NOTE(close(open("program", O_RDONLY | O_TRUNC | O_CLOEXEC)));
	note_stat("program");
	NOTE(close(reader));
}

/* The kernel opens the backing file with the program's flags, after the daemon has opened and truncated it.
 */
static void an_open_without_o_direct_below_empties_nothing(void **state)
{
	struct mount ram;
	struct stat st;
	char path[PATH_MAX];
	int fd;

	if (config.user || geteuid())
		SKIP_TEST("needs root");
	mount_prepare(&ram, "ram");
	assert_return_code(mount("none", ram.source, "ramfs", 0, NULL), errno);
	mount_start(&ram, "ram", NULL);
	snprintf(path, sizeof(path), "%.3000s/file", ram.point);
	assert_return_code(put_file(path, 5000, 1), errno);
	fd = open(path, O_RDWR | O_DIRECT | O_TRUNC | O_CLOEXEC);
	assert_return_code(stat(path, &st), errno);
	assert_int_equal(st.st_size, fd < 0 ? 5000 : 0); /* the daemon can serve such an open */
	close(fd);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, "abc", 3), 3);
	close(fd);
	mount_stop(&ram, MOUNT_END_UMOUNT);
	umount(ram.source);
}

static void who_has_no_descriptor_left_empties_nothing(void)
{
	struct rlimit before, none;

	NOTE(put_file("file", 5000, 1));
	NOTE(getrlimit(RLIMIT_NOFILE, &before));
	none = (struct rlimit){0, before.rlim_max};
	NOTE(setrlimit(RLIMIT_NOFILE, &none));
	NOTE_FD(open("file", O_WRONLY | O_TRUNC | O_CLOEXEC));
	NOTE_FD(open("file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
	NOTE_FD(open("new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
	NOTE(setrlimit(RLIMIT_NOFILE, &before));
	note_stat("file");
	note_dir(".");
}

static rlim_t highest_descriptor(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	rlim_t highest = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		highest = MAX(highest, strtoul(entry->d_name, NULL, 10));
	closedir(dir);
	return highest;
}

/* Each asserts that the file is as it was unless the open succeeds, and returns whether it does. */
static bool empties(const struct mount *mount)
{
	char path[PATH_MAX], below[PATH_MAX];
	struct stat st;
	int fd;

	path_below(path, mount->point, "file");
	path_below(below, mount->source, "file");
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_return_code(stat(below, &st), errno);
	assert_int_equal(st.st_size, fd < 0 ? 5000 : 0);
	return fd >= 0 && close(fd) == 0;
}

static bool creates(const struct mount *mount)
{
	char path[PATH_MAX], below[PATH_MAX];
	struct stat st;
	int fd;

	path_below(path, mount->point, "new");
	path_below(below, mount->source, "new");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(stat(below, &st), fd < 0 ? -1 : 0);
	return fd >= 0 && close(fd) == 0;
}

/* Leaves the daemon with one descriptor more from try to try. It may have one for the first step, and none
 * for what comes after that. */
static void assert_refused_until_there_are_descriptors(bool (*opens)(const struct mount *mount))
{
	const char *wanted = config.descriptors;
	struct rlimit before, few;
	unsigned refused = 0;
	struct mount mount;
	char path[PATH_MAX];
	bool done = false;

	if (config.bare)
		SKIP_TEST("a bare directory has no daemon");
	config.descriptors = "none"; /* or it would give back those that it can spare */
	mount_start(&mount, "few", "admit=0");
	config.descriptors = wanted;
	path_below(path, mount.point, "file");
	assert_return_code(put_file(path, 5000, 1), errno);
	assert_return_code(prlimit(mount.daemon, RLIMIT_NOFILE, NULL, &before), errno);
	few = (struct rlimit){3, before.rlim_max};
	for (rlim_t highest = highest_descriptor(mount.daemon); !done; few.rlim_cur++) {
		assert_true(few.rlim_cur < highest + 10);
		assert_return_code(prlimit(mount.daemon, RLIMIT_NOFILE, &few, NULL), errno);
		done = opens(&mount);
		refused += !done;
	}
	assert_true(refused > 0);
	assert_return_code(prlimit(mount.daemon, RLIMIT_NOFILE, &before, NULL), errno);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_daemon_that_runs_out_of_descriptors_empties_nothing(void **state)
{
	assert_refused_until_there_are_descriptors(empties);
}

static void a_daemon_that_runs_out_of_descriptors_creates_nothing(void **state)
{
	assert_refused_until_there_are_descriptors(creates);
}

static const struct CMUnitTest tests[] = {
	SAME(a_running_program_is_not_emptied),
	SAME(what_only_read_a_program_does_not_keep_it),
	SAME(who_has_no_descriptor_left_empties_nothing),
	cmocka_unit_test(a_daemon_that_runs_out_of_descriptors_empties_nothing),
	cmocka_unit_test(a_daemon_that_runs_out_of_descriptors_creates_nothing),
	cmocka_unit_test(an_open_without_o_direct_below_empties_nothing),
};

static const struct suite suite = {
	.name = "refused", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
