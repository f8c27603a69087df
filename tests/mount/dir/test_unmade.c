/* Names that are made and then can't be told to the kernel, since there is no memory to identify their files.
 */
#include "tests/support/refuse.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <unistd.h>

/* The daemon's descriptor of SOURCE, the same at each start. */
static unsigned root_descriptor(const struct mount *mount)
{
	char link[64], target[PATH_MAX];
	ssize_t n;

	for (unsigned fd = 3; fd < 100; fd++) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%u", (int)mount->daemon, fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[MAX(n, 0)] = '\0';
		if (strcmp(target, mount->source) == 0)
			return fd;
	}
	fail_msg("the daemon has no descriptor of %s", mount->source);
	return 0;
}

/* This process, and the daemons that it starts, are refused the handles of files that they open later than
 * `first`. Never to be taken back: there is one test in this program. */
static void refuse_handles_after(unsigned first)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_name_to_handle_at, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, first, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	refuse_calls(code, sizeof(code) / sizeof(*code));
}

static int make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int make_directory(const char *path)
{
	return mkdir(path, 0755);
}

static int make_fifo(const char *path)
{
	return mkfifo(path, 0644);
}

static int make_symlink(const char *path)
{
	return symlink("target", path);
}

static void a_request_that_fails_leaves_no_name(void **state)
{
	int (*const ways[])(const char *path) = {make_file, make_directory, make_fifo, make_symlink};
	char path[PATH_MAX], below[PATH_MAX];
	struct mount mount;
	struct stat st;

	mount_start(&mount, "unmade", NULL);
	refuse_handles_after(root_descriptor(&mount));
	mount_stop(&mount, MOUNT_END_UMOUNT);
	mount_start(&mount, "unmade", NULL);
	path_below(path, mount.point, "name");
	path_below(below, mount.source, "name");
	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		assert_int_equal(ways[i](path), -1);
		assert_int_equal(errno, ENOMEM);
		assert_int_equal(lstat(below, &st), -1);
		assert_int_equal(errno, ENOENT);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_request_that_fails_leaves_no_name),
};

static const struct suite suite = {.name = "unmade",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
