/* A listing while the kernel has no memory for some of the lookups behind it. */
#include "tests/support/refuse.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAMES 16 /* older kernels ask for a page of names at first, and then without what they stand for */
#define LOOKS (O_PATH | O_NOFOLLOW)
#define SOME 64 /* of the addresses of names in a list of entries of 32 bytes, half have this bit */

/* This process, and the daemons that it starts, are refused lookups of names at some addresses. Never to be
 * taken back: there is one test in this program. */
static void refuse_some_lookups(void)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, LOOKS),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOOKS, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SOME, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	refuse_calls(code, sizeof(code) / sizeof(*code));
}

static void names_are_given_once_each(const char *path)
{
	static unsigned seen[NAMES];
	struct dirent *entry;
	unsigned number;
	DIR *stream = opendir(path);

	assert_non_null(stream);
	while ((errno = 0, entry = readdir(stream)))
		if (sscanf(entry->d_name, "name-%u", &number) == 1 && number < NAMES)
			seen[number]++;
	assert_int_equal(errno, 0);
	closedir(stream);
	for (number = 0; number < NAMES; number++)
		if (seen[number] != 1)
			fail_msg("name-%u was given %u times", number, seen[number]);
}

static void names_that_there_is_no_memory_to_look_up_are_listed(void **state)
{
	char path[PATH_MAX];
	struct mount mount;
	long long known;

	refuse_some_lookups();
	mount_prepare(&mount, "listed");
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(path, sizeof(path), "%.3000s/name-%u", mount.source, i);
		assert_return_code(put_file(path, 0, 0), errno);
	}
	mount_start(&mount, "listed", NULL);
	names_are_given_once_each(mount.point);
	known = mount_stat(&mount, "inodes");
	assert_in_range(known, NAMES / 4, NAMES * 3 / 4);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(names_that_there_is_no_memory_to_look_up_are_listed),
};

static const struct suite suite = {.name = "no_memory",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
