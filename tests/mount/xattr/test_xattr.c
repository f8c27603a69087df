/* Extended attributes and POSIX ACLs. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void attributes_are_set_read_listed_and_removed(void)
{
	char value[100], names[1000];
	int fd;

	NOTE(put_file("f", 100, 1) | mkdir("d", 0755) | symlink("f", "l"));
	NOTE(setxattr("f", "user.a", "value", 5, 0));
	NOTE(setxattr("f", "user.a", "value", 5, XATTR_CREATE));
	NOTE(setxattr("f", "user.b", "", 0, XATTR_REPLACE));
	NOTE(setxattr("f", "user.b", "", 0, 0));
	NOTE(setxattr("f", "user.a", "longer value\0with zero", 22, XATTR_REPLACE));
	NOTE(getxattr("f", "user.a", value, sizeof(value)));
	NOTE(getxattr("f", "user.a", value, 3));
	NOTE(getxattr("f", "user.a", NULL, 0));
	NOTE(getxattr("f", "user.b", value, 0));
	NOTE(getxattr("f", "user.none", value, sizeof(value)));
	NOTE(listxattr("f", names, sizeof(names)));
	NOTE(listxattr("f", names, 3));
	NOTE(listxattr("f", NULL, 0));
	note_xattrs("f");
	fd = NOTE_FD(open("f", O_RDWR));
	NOTE(fsetxattr(fd, "user.c", "x", 1, 0));
	NOTE(fgetxattr(fd, "user.c", value, sizeof(value)));
	NOTE(fremovexattr(fd, "user.a"));
	NOTE(flistxattr(fd, names, sizeof(names)));
	NOTE(close(fd));
	NOTE(removexattr("f", "user.a"));
	NOTE(setxattr("d", "user.d", "on a directory", 14, 0));
	NOTE(lsetxattr("l", "user.l", "on a link", 9, 0));
	NOTE(setxattr("l", "user.through", "x", 1, 0));
	note_xattrs("f");
	note_xattrs("d");
	note_xattrs("l");
	NOTE(setxattr("missing", "user.x", "x", 1, 0));
	NOTE(link("f", "g"));
	note_xattrs("g");
}

static void limits_of_names_and_values_are_those_below(void)
{
	static char value[70000], name[300];
	static const size_t lengths[] = {1, 255, 4000, 4096, 60000, 65536, 65537};

	NOTE(put_file("f", 100, 1));
	memset(value, 'v', sizeof(value));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		NOTE(setxattr("f", "user.value", value, lengths[i], 0));
		NOTE(getxattr("f", "user.value", value, sizeof(value)));
		NOTE(removexattr("f", "user.value"));
	}
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[255] = 0;
	NOTE(setxattr("f", name, "x", 1, 0));
	NOTE(getxattr("f", name, value, 10));
	name[255] = 'n';
	name[256] = 0;
	NOTE(setxattr("f", name, "x", 1, 0));
	NOTE(setxattr("f", "user.", "x", 1, 0));
	NOTE(setxattr("f", "nonsense.x", "x", 1, 0));
	NOTE(setxattr("f", "", "x", 1, 0));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "user.many.%d", i);
		NOTE(setxattr("f", name, value, 60, 0));
	}
	NOTE(listxattr("f", value, sizeof(value)));
	note_xattrs("f");
}

static void privileged_names_are_passed_down(void)
{
	char value[100];

	NOTE(put_file("f", 100, 1));
	NOTE(setxattr("f", "trusted.t", "x", 1, 0));
	NOTE(setxattr("f", "security.test", "x", 1, 0));
	NOTE(getxattr("f", "trusted.t", value, sizeof(value)));
	NOTE(getxattr("f", "security.test", value, sizeof(value)));
	NOTE(getxattr("f", "security.capability", value, sizeof(value)));
	NOTE(getxattr("f", "system.nonsense", value, sizeof(value)));
	note_xattrs("f");
	if (user_begin(TEST_UID, TEST_GID)) {
		NOTE(setxattr("f", "trusted.u", "x", 1, 0));
		NOTE(getxattr("f", "trusted.t", value, sizeof(value)));
		NOTE(setxattr("f", "user.u", "x", 1, 0));
		NOTE(getxattr("f", "security.test", value, sizeof(value)));
		NOTE(listxattr("f", value, sizeof(value)));
		user_end();
	}
}

/* Through the programs that people use, which check what they get. */
static void run(const char *command)
{
	static char output[8192];

	tape_text("%s = %d\n", command, shell(output, sizeof(output), "%s", command));
	tape_text("%s", output);
}

static bool acl_programs_exist(void)
{
	return shell(NULL, 0, "command -v setfacl && command -v getfacl") == 0;
}

static void default_acls_are_inherited(void)
{
	static const mode_t masks[] = {022, 0, 077, 0777};
	char name[16];

	NOTE(mkdir("d", 0755));
	run("setfacl -d -m u:61001:rwx,g:61002:r-x,o::--- d");
	run("getfacl -n d");
	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		umask(masks[i]);
		snprintf(name, sizeof(name), "d/f%zu", i);
		NOTE(close(open(name, O_CREAT | O_WRONLY, 0666)));
		snprintf(name, sizeof(name), "d/s%zu", i);
		NOTE(mkdir(name, 0777));
		snprintf(name, sizeof(name), "d/n%zu", i);
		NOTE(mknod(name, S_IFIFO | 0640, 0));
		snprintf(name, sizeof(name), "d/l%zu", i);
		NOTE(symlink("x", name));
	}
	umask(022);
	run("getfacl -n -P -R d");
	run("setfacl -k d; getfacl -n d");
}

static void acls_follow_chmod_and_back(void)
{
	NOTE(put_file("f", 10, 1));
	run("setfacl -m u:61001:rw,m::r f; getfacl -n f");
	NOTE(chmod("f", 0660));
	run("getfacl -n f");
	NOTE(chmod("f", 0604));
	run("getfacl -n f");
	run("setfacl -m m::rwx f; stat -c %a f");
	run("setfacl -b f; getfacl -n f; stat -c %a f");
	run("setfacl -m u::r,g::-,o::- f; getfacl -n f; stat -c %a f");
	run("setfacl -d -m u:1:r f");
	NOTE(setxattr("f", "system.posix_acl_access", "bad", 3, 0));
}

static void acls_grant_and_deny(void)
{
	NOTE(put_file("f", 10, 1) | chmod("f", 0600) | put_file("g", 10, 1) | chmod("g", 0666));
	run("setfacl -m u:61001:r f; setfacl -m u:61001:- g");
	if (user_begin(TEST_UID, TEST_GID)) {
		NOTE_FD(open("f", O_RDONLY));
		NOTE_FD(open("f", O_WRONLY));
		NOTE_FD(open("g", O_RDONLY));
		NOTE(access("f", R_OK) | access("g", W_OK));
		user_end();
	}
	run("setfacl -x u:61001 f; setfacl -x u:61001 g");
	if (user_begin(TEST_UID, TEST_GID)) {
		NOTE_FD(open("f", O_RDONLY));
		NOTE_FD(open("g", O_RDONLY));
		user_end();
	}
	run("setfacl -m g:61005:rw f");
	if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
		NOTE_FD(open("f", O_RDWR));
		run("setfacl -m u:5:r f");
		user_end();
	}
}

/* Which carry the group's rights, as chmod(2) does. */
static void acls_of_strangers_to_the_group_drop_set_gid(void)
{
	static const char *const names[] = {"root", "member", "stranger"};

	for (int i = 0; i < 3; i++)
		NOTE(put_file(names[i], 10, 1) | chown(names[i], i ? TEST_UID : 0, EXTRA_GID) |
			chmod(names[i], 02755));
	run("setfacl -m u:61005:rw root");
	if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
		run("setfacl -m u:61005:rw member");
		user_end();
	}
	if (user_begin(TEST_UID, TEST_GID)) {
		run("setfacl -m u:61005:rw stranger");
		user_end();
	}
	for (int i = 0; i < 3; i++)
		note_stat(names[i]);
}

static void acl_test(void **state)
{
	if (!acl_programs_exist())
		SKIP_TEST("setfacl and getfacl are not installed");
	tape_same(state);
}

static void acl_test_as_root(void **state)
{
	if (geteuid())
		SKIP_TEST("needs root");
	acl_test(state);
}

static const struct CMUnitTest tests[] = {
	SAME(attributes_are_set_read_listed_and_removed),
	SAME(limits_of_names_and_values_are_those_below),
	SAME_AS_ROOT(privileged_names_are_passed_down),
	{"default_acls_are_inherited", acl_test, NULL, NULL, (void *)default_acls_are_inherited},
	{"acls_follow_chmod_and_back", acl_test, NULL, NULL, (void *)acls_follow_chmod_and_back},
	{"acls_of_strangers_to_the_group_drop_set_gid", acl_test_as_root, NULL, NULL,
		(void *)acls_of_strangers_to_the_group_drop_set_gid},
	{"acls_grant_and_deny", acl_test_as_root, NULL, NULL, (void *)acls_grant_and_deny},
};

static const struct suite suite = {
	.name = "xattr", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
