/* How a mount starts in surroundings that are not a shell's: closed descriptors, an automounter. */
#include "tests/mount/command/command.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void with_standard_descriptors_closed_it_mounts_and_serves(void **state)
{
	static const char *const closed[] = {"<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"};
	struct mount mount;

	command_prepare(&mount, "closed");
	for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++) {
		assert_int_equal(shell(command_output, sizeof(command_output),
					 "timeout -k 1 20 '%s' -o admit=1,settle=0 '%s' '%s' %s",
					 getenv("SIEVEFS"), mount.source, mount.point, closed[i]),
			0);
		command_assert_answers(&mount);
		assert_int_equal(shell(command_output, sizeof(command_output),
					 "cd '%s' && for n in 1 2 3; do timeout 20 cmp hello '%s/hello' || "
					 "exit 1; done && "
					 "timeout 20 cp hello copy%zu && cmp hello '%s/copy%zu'",
					 mount.point, mount.source, i, mount.source, i),
			0);
		assert_int_equal(mount_umount(mount.point), 0);
		command_assert_gone(&mount);
	}
}

static void every_program_takes_closed_descriptors(void **state)
{
	struct mount mount;

	command_prepare(&mount, "programs");
	assert_int_equal(command_start(&mount, "admit=0"), 0);
	/* its own messages must not end up in the request to the mount, and lost output is an error */
	assert_int_equal(shell(NULL, 0, "timeout 20 '%s' stat '%s' <&- 2>&- | grep -q '^version '",
				 getenv("SIEVECTL"), mount.point),
		0);
	assert_int_equal(
		shell(NULL, 0, "timeout 20 '%s' stat '%s' <&- >&-", getenv("SIEVECTL"), mount.point), 1);
	assert_int_equal(
		shell(NULL, 0, "timeout 20 '%s' -h <&- 2>&- | grep -q cache_size", getenv("SIEVEFS")), 0);
	assert_int_equal(mount_umount(mount.point), 0);
	command_assert_gone(&mount);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(with_standard_descriptors_closed_it_mounts_and_serves),
	cmocka_unit_test(every_program_takes_closed_descriptors),
};

static const struct suite suite = {
	.name = "start", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .needs_daemon = true};

SUITE_MAIN(suite)
