/* When it is asked how near a file system is to the blocks that it keeps for root. */
#include "fs/users/space.h"

#include "fs/users/creds.h"
#include "tests/support/check.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

enum {
	USER = 61001,
	MIB = 1 << 20,
};

static int small = -1; /* a file system that runs short whenever it is asked */

static int make_small(void **state)
{
	int context = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (context < 0)
		return 0;
	if (fsconfig(context, FSCONFIG_SET_STRING, "size", "1M", 0) == 0 &&
		fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		small = fsmount(context, FSMOUNT_CLOEXEC, 0);
	close(context);
	return 0;
}

static int close_small(void **state)
{
	close(small);
	return 0;
}

static void need_root(void)
{
	if (small < 0 || !creds_privileged())
		SKIP_TEST("needs root, and a file system of its own");
}

/* Without a look at the file system, since there was plenty a moment ago. */
static void what_is_taken_unasked_is_counted(void **state)
{
	struct space space = {.kept = true, .room = 20 * MIB, .until_ms = UINT64_MAX};

	need_root();
	assert_false(space_is_short(&space, USER, small, 8 * MIB));
	assert_false(space_is_short(&space, USER, small, 8 * MIB));
	assert_true(space_is_short(&space, USER, small, 8 * MIB));
}

static void the_last_byte_that_may_be_taken_is_taken_unasked(void **state)
{
	struct space space = {.kept = true, .room = 8 * MIB, .until_ms = UINT64_MAX};

	need_root();
	assert_false(space_is_short(&space, USER, small, 8 * MIB));
	assert_true(space_is_short(&space, USER, small, 1));
}

static void what_was_found_long_ago_does_not_count(void **state)
{
	struct space space = {.kept = true, .room = 20 * MIB, .until_ms = 1};

	need_root();
	assert_true(space_is_short(&space, USER, small, 1));
}

static void root_may_take_all_of_it(void **state)
{
	struct space space = {.kept = true};

	need_root();
	assert_false(space_is_short(&space, 0, small, MIB));
	assert_true(space_is_short(&space, USER, small, MIB));
}

static void a_file_system_that_keeps_nothing_is_not_asked(void **state)
{
	struct space space = {.kept = false};

	assert_false(space_is_short(&space, USER, -1, MIB));
}

static void one_that_can_not_be_asked_is_short(void **state)
{
	struct space space = {.kept = true};

	need_root();
	assert_true(space_is_short(&space, USER, -1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_unasked_is_counted),
		cmocka_unit_test(the_last_byte_that_may_be_taken_is_taken_unasked),
		cmocka_unit_test(what_was_found_long_ago_does_not_count),
		cmocka_unit_test(root_may_take_all_of_it),
		cmocka_unit_test(a_file_system_that_keeps_nothing_is_not_asked),
		cmocka_unit_test(one_that_can_not_be_asked_is_short),
	};

	if (creds_init() < 0)
		return 77;
	return cmocka_run_group_tests(tests, make_small, close_small);
}
