/* xattr=off: no attribute is seen or set through the mount, and what a change takes away in SOURCE goes as it
 * does without the mount. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CAPABILITY "security.capability"
#define ACL "system.posix_acl_access"

static char above[PATH_MAX], below[PATH_MAX], bare[PATH_MAX];

static void name_file(const char *name)
{
	path_below(above, mounted.point, name);
	path_below(below, mounted.source, name);
	path_below(bare, bare_dir, name);
}

static void assert_unsupported(ssize_t r)
{
	assert_int_equal(r, -1);
	assert_int_equal(errno, EOPNOTSUPP);
}

static void assert_has_none(const char *path)
{
	char value[100];

	for (int again = 0; again < 2; again++) { /* the first request of a kind is answered by the daemon */
		assert_unsupported(lgetxattr(path, "user.a", value, sizeof(value)));
		assert_unsupported(lgetxattr(path, "user.sievefs.lane", value, sizeof(value)));
		assert_unsupported(lgetxattr(path, CAPABILITY, value, sizeof(value)));
		assert_int_equal(lgetxattr(path, ACL, value, sizeof(value)), -1);
		assert_unsupported(llistxattr(path, value, sizeof(value)));
		assert_unsupported(lsetxattr(path, "user.a", "other", 5, 0));
		assert_unsupported(lremovexattr(path, "user.a"));
	}
}

static void nothing_has_attributes(void **state)
{
	char value[100];

	(void)state;
	name_file("d");
	assert_return_code(mkdir(below, 0755) | setxattr(below, "user.a", "value", 5, 0), errno);
	assert_has_none(above);
	name_file("l");
	assert_return_code(symlink("d", below), errno);
	assert_unsupported(llistxattr(above, value, sizeof(value)));
	assert_unsupported(lgetxattr(above, CAPABILITY, value, sizeof(value)));
	name_file("f");
	assert_return_code(put_file(below, 100, 1) | setxattr(below, "user.a", "value", 5, 0), errno);
	assert_has_none(above);
	assert_int_equal(getxattr(below, "user.a", value, sizeof(value)), 5);
	assert_memory_equal(value, "value", 5);
}

static void new_files_inherit_the_default_acl(void **state)
{
	/* version 2; user::rwx, user:61005:rwx, group::r-x, mask::rwx, other::--- */
	static const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 7, 0, 0x4d,
		0xee, 0, 0, 4, 0, 5, 0, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 0x20,
		0, 0, 0, 0xff, 0xff, 0xff, 0xff};
	char expected[100], value[100];
	struct stat ours, theirs;
	ssize_t size;

	(void)state;
	name_file("shared");
	assert_return_code(mkdir(below, 0777) | mkdir(bare, 0777), errno);
	if (setxattr(below, "system.posix_acl_default", acl, sizeof(acl), 0) < 0 && errno == EOPNOTSUPP)
		SKIP_TEST("SOURCE has no ACLs");
	assert_return_code(setxattr(bare, "system.posix_acl_default", acl, sizeof(acl), 0), errno);
	name_file("shared/f");
	umask(077); /* does not count there */
	assert_return_code(put_file(above, 100, 1) | put_file(bare, 100, 1), errno);
	umask(022);
	assert_return_code(stat(below, &ours) | stat(bare, &theirs), errno);
	assert_int_equal(ours.st_mode, theirs.st_mode);
	size = getxattr(bare, ACL, expected, sizeof(expected));
	assert_true(size > 0);
	assert_int_equal(getxattr(below, ACL, value, sizeof(value)), size);
	assert_memory_equal(value, expected, (size_t)size);
}

/* --- what changes take away --------------------------------------------------------------------- */

static int with_open_file(const char *path, int flags, int (*change)(int fd))
{
	int fd = open(path, flags | O_CLOEXEC), r;

	if (fd < 0)
		return -1;
	r = change(fd);
	close(fd);
	return r;
}

static int write_some(int fd)
{
	return put(fd, 10, 0, 2) == 10 ? 0 : -1;
}

static int truncate_it(int fd)
{
	return ftruncate(fd, 50);
}

static int allocate(int fd)
{
	return fallocate(fd, 0, 0, 30000);
}

static int nothing(int fd)
{
	(void)fd;
	return 0;
}

static int do_write(const char *path)
{
	return with_open_file(path, O_WRONLY, write_some);
}

static int do_ftruncate(const char *path)
{
	return with_open_file(path, O_WRONLY, truncate_it);
}

static int do_fallocate(const char *path)
{
	return with_open_file(path, O_WRONLY, allocate);
}

static int do_empty(const char *path)
{
	return with_open_file(path, O_WRONLY | O_TRUNC, nothing);
}

static int do_truncate(const char *path)
{
	return truncate(path, 100);
}

static int do_chown(const char *path)
{
	return chown(path, (uid_t)-1, EXTRA_GID);
}

static int do_read(const char *path)
{
	return with_open_file(path, O_RDONLY, nothing);
}

static const struct {
	const char *name;
	int (*change)(const char *path);
} changes[] = {{"write", do_write}, {"ftruncate", do_ftruncate}, {"fallocate", do_fallocate},
	{"empty", do_empty}, {"truncate", do_truncate}, {"chown", do_chown}, {"read", do_read}};

static void make_privileged(const char *path, mode_t mode)
{
	/* effective and permitted cap_net_raw, revision 2 */
	static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};

	assert_return_code(put_file(path, 20000, 1) | chown(path, TEST_UID, TEST_GID), errno);
	assert_return_code(setxattr(path, CAPABILITY, capability, sizeof(capability), 0), errno);
	assert_return_code(chmod(path, mode), errno);
}

/* Both get the change, by this process or as the file's owner. */
static void change_both(int (*change)(const char *path), bool by_root)
{
	if (by_root) {
		assert_return_code(change(above), errno);
		assert_return_code(change(bare), errno);
	} else if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
		change(above);
		change(bare);
		user_end();
	}
}

static void assert_same_privileges(const char *what, bool read_only)
{
	bool ours = getxattr(below, CAPABILITY, NULL, 0) > 0,
	     theirs = getxattr(bare, CAPABILITY, NULL, 0) > 0;
	struct stat st, bare_st;

	assert_return_code(stat(below, &st) | stat(bare, &bare_st), errno);
	assert_int_equal(theirs, read_only);
	if (st.st_mode != bare_st.st_mode || ours != theirs)
		fail_msg("%s: mode %o, capability %d; without the mount %o, %d", what, st.st_mode, ours,
			bare_st.st_mode, theirs);
}

static void changes_take_privileges_away(void **state)
{
	static const mode_t modes[] = {06777, 02666};

	(void)state;
	if (geteuid())
		SKIP_TEST("needs root");
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++)
		for (int n = 0; n < 4; n++) {
			mode_t mode = modes[n / 2];
			char name[64];

			snprintf(name, sizeof(name), "%s-%o-%s", changes[i].name, mode,
				n % 2 ? "root" : "owner");
			name_file(name);
			make_privileged(below, mode);
			make_privileged(bare, mode);
			change_both(changes[i].change, n % 2);
			assert_same_privileges(name, changes[i].change == do_read);
		}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_has_attributes),
	cmocka_unit_test(new_files_inherit_the_default_acl),
	cmocka_unit_test(changes_take_privileges_away),
};

static const struct suite suite = {.name = "xattr_off",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.options = "xattr=off",
	.mounts = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
