/* What users may not gain by keeping what was theirs before it was given away in SOURCE; containers; limits.
 */
#include "tests/mount/users/id_map.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <glib.h>
#include <grp.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define KEPT_S 2        /* longer than attributes are kept */
#define FIRST_ID 200000 /* of a container's users */
#define ID_COUNT 1000

/* Where in the mount the current directory is, "" or "/…"; NULL on a bare directory. */
static const char *place_in_mount(char here[PATH_MAX])
{
	size_t point = strlen(mounted.point);

	if (!getcwd(here, PATH_MAX))
		fail_msg("getcwd: %s", strerror(errno));
	if (strncmp(here, mounted.point, point) != 0 || (here[point] && here[point] != '/'))
		return NULL;
	return here + point;
}

/* The path in SOURCE of a file in the current directory, which is on the mount; on a bare directory the file
 * itself. */
static const char *behind(const char *name)
{
	static char path[PATH_MAX];
	char here[PATH_MAX];
	const char *place = place_in_mount(here);

	if (!place)
		return name;
	snprintf(path, sizeof(path), "%.2000s%.1000s/%s", mounted.source, place, name);
	return path;
}

/* Until the mount has forgotten the attributes that were changed behind it. */
static void wait_for_attributes(void)
{
	char here[PATH_MAX];

	if (place_in_mount(here))
		sleep(KEPT_S);
}

/* user::rwx, user:TEST_UID:rwx, group::r-x, mask::rwx, other::r-x */
static int give_access(int fd)
{
	static const struct {
		uint16_t tag, perm;
		uint32_t id;
	} entries[] = {{1, 7, -1}, {2, 7, TEST_UID}, {4, 5, -1}, {0x10, 7, -1}, {0x20, 5, -1}};
	char acl[4 + sizeof(entries)] = {2};

	memcpy(acl + 4, entries, sizeof(entries));
	return fsetxattr(fd, "system.posix_acl_access", acl, sizeof(acl), 0);
}

static void change_all(int fd)
{
	const struct timespec times[2] = {{1, 2}, {3, 4}}, omitted = {.tv_nsec = UTIME_OMIT};
	const struct timespec one_of_them[2][2] = {{{5, 6}, omitted}, {omitted, {7, 8}}};
	int flags = 0;

	NOTE(fchmod(fd, 06755));
	NOTE(fchown(fd, (uid_t)-1, EXTRA_GID));
	NOTE(futimens(fd, times));
	NOTE(futimens(fd, one_of_them[0]));
	NOTE(futimens(fd, one_of_them[1]));
	NOTE(give_access(fd));
	NOTE(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	flags |= FS_NODUMP_FL;
	NOTE(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

static void who_gave_a_file_away_changes_nothing_of_it(void)
{
	int fd;

	NOTE(put_file("f", 100, 1) | chown("f", TEST_UID, TEST_GID) | chmod("f", 0755));
	fd = NOTE_FD(open("f", O_RDONLY));
	NOTE(chown(behind("f"), 0, 0));
	if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
		change_all(fd);
		user_end();
	}
	wait_for_attributes();
	note_stat("f");
	if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
		NOTE(chmod("f", 04755));
		user_end();
	}
	note_stat("f");
}

static void who_was_given_a_file_changes_all_of_it(void)
{
	int fd;

	NOTE(put_file("f", 100, 1) | chown("f", OTHER_UID, OTHER_GID) | chmod("f", 0755));
	NOTE(chown(behind("f"), TEST_UID, TEST_GID));
	wait_for_attributes();
	fd = NOTE_FD(open("f", O_RDONLY));
	if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
		change_all(fd);
		user_end();
	}
	note_stat("f");
	note_xattrs("f");
}

/* Runs in a child what a container's root does: user_end() ends it. */
static bool container_begin(void)
{
	int ready[2], go[2], status;
	char byte = 0;
	pid_t child;

	if (pipe(ready) || pipe(go))
		fail_msg("pipe: %s", strerror(errno));
	child = suite_fork();
	if (!child) {
		if (unshare(CLONE_NEWUSER) || write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1 ||
			setresgid(0, 0, 0) || setresuid(0, 0, 0))
			_exit(1);
		return true;
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		id_map_write(child, "0 200000 1000"); /* FIRST_ID, ID_COUNT */
		if (write(go[1], &byte, 1) != 1)
			fail_msg("the child is gone");
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	tape_text("the container ended with %d\n", status);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	return false;
}

static void the_root_of_a_container_owns_what_its_users_own(void)
{
	static const char *const ends[] = {"before", "after"};
	int fd, given, beyond[2];

	NOTE(put_file("f", 100, 1) | chown("f", FIRST_ID + 7, FIRST_ID + 8) | chmod("f", 0755));
	NOTE(put_file("given", 100, 1) | chown("given", FIRST_ID + 7, FIRST_ID + 8) | chmod("given", 0755));
	for (int end = 0; end < 2; end++) {
		NOTE(put_file(ends[end], 100, 1) | chown(ends[end], FIRST_ID + 7, FIRST_ID + 8));
		beyond[end] = NOTE_FD(open(ends[end], O_RDONLY));
	}
	NOTE(chown(behind("before"), FIRST_ID - 1, FIRST_ID - 1));
	NOTE(chown(behind("after"), FIRST_ID + ID_COUNT, FIRST_ID + ID_COUNT));
	NOTE(put_file("foreign", 100, 1) | chown("foreign", TEST_UID, FIRST_ID));
	fd = NOTE_FD(open("f", O_RDONLY));
	given = NOTE_FD(open("given", O_RDONLY));
	NOTE(chown(behind("given"), 0, 0));
	if (container_begin()) {
		change_all(fd);
		change_all(given);
		change_all(beyond[0]);
		change_all(beyond[1]);
		NOTE(fchown(fd, 3, 4));
		NOTE(fchown(given, 3, 4));
		NOTE(chmod("foreign", 0777));
		user_end();
	}
	note_stat("f");
	wait_for_attributes();
	note_stat("given");
	note_stat("before");
	note_stat("after");
	note_stat("foreign");
}

/* --- groups of callers ------------------------------------------------------------------------ */

#define MANY_GROUPS 5000

static void make_group_file(const char *name)
{
	NOTE(put_file(name, 20000, 1) | chown(name, OTHER_UID, EXTRA_GID) | chmod(name, 02666));
	warm(name);
}

/* The caller is a member of the group, or not. */
static void change_group_files(bool member)
{
	static const char *const names[] = {"written", "cut", "allocated"};
	gid_t groups[MANY_GROUPS];

	for (size_t i = 0; i < 3; i++)
		make_group_file(names[i]);
	for (gid_t i = 0; i < MANY_GROUPS; i++)
		groups[i] = 1000 + i; /* the kernel sorts them */
	groups[MANY_GROUPS - 1] = member ? EXTRA_GID : OTHER_GID;
	if (user_begin(0, 0)) {
		int fd;

		NOTE(setgroups(MANY_GROUPS, groups) | setresgid(TEST_GID, TEST_GID, TEST_GID) |
			setresuid(TEST_UID, TEST_UID, TEST_UID));
		fd = NOTE_FD(open("written", O_WRONLY));
		NOTE(put(fd, 100, 0, 2));
		NOTE(truncate("cut", 100));
		fd = NOTE_FD(open("allocated", O_WRONLY));
		NOTE(fallocate(fd, 0, 0, 30000));
		user_end();
	}
	for (size_t i = 0; i < 3; i++)
		note_stat(names[i]);
}

static void members_keep_set_gid(void)
{
	change_group_files(true);
}

static void strangers_do_not_keep_set_gid(void)
{
	change_group_files(false);
}

/* A program that starts the daemon in a PID namespace of its own. */
static void make_starter(char path[PATH_MAX])
{
	FILE *file;

	snprintf(path, PATH_MAX, "%.3000s/starter", config.base);
	file = fopen(path, "we");
	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	/* the sanitizer looks for threads in /proc, which is that of another namespace */
	fprintf(file,
		"#!/bin/sh\nASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 exec unshare --pid --fork --kill-child "
		"'%s' "
		"\"$@\"\n",
		getenv("SIEVEFS"));
	fclose(file);
	assert_return_code(chmod(path, 0755), errno);
}

static void members_outside_of_the_daemons_pid_namespace_keep_set_gid(void **state)
{
	struct mount first = mounted;
	void *sequence = (void *)members_keep_set_gid;
	g_autofree char *sievefs = g_strdup(getenv("SIEVEFS"));
	char starter[PATH_MAX];

	if (config.bare)
		SKIP_TEST("a bare directory has no daemon");
	make_starter(starter);
	setenv("SIEVEFS", starter, 1);
	mount_start(&mounted, "inside", NULL);
	setenv("SIEVEFS", sievefs, 1);
	tape_same(&sequence);
	mount_stop(&mounted, MOUNT_END_UMOUNT);
	mounted = first;
}

/* --- limits ----------------------------------------------------------------------------------- */

static void the_shell_that_mounts_does_not_limit_the_size_of_files(void **state)
{
	static struct mount limited;
	char output[1024];

	mount_prepare(&limited, "limited");
	if (shell(output, sizeof(output), "ulimit -S -f 16; '%s' -o passthrough=off,transport=%s '%s' '%s'",
		    getenv("SIEVEFS"), config.transport, limited.source, limited.point))
		fail_msg("%s", output);
	assert_return_code(chdir(limited.point), errno);
	assert_return_code(put_file("f", 1 << 20, 1), errno);
	assert_return_code(truncate("f", 2 << 20), errno);
	assert_return_code(chdir("/"), errno);
	assert_return_code(mount_umount(limited.point), errno);
}

static const struct CMUnitTest tests[] = {
	SAME(who_gave_a_file_away_changes_nothing_of_it),
	SAME(who_was_given_a_file_changes_all_of_it),
	SAME(the_root_of_a_container_owns_what_its_users_own),
	SAME(members_keep_set_gid),
	SAME(strangers_do_not_keep_set_gid),
	cmocka_unit_test(members_outside_of_the_daemons_pid_namespace_keep_set_gid),
	cmocka_unit_test(the_shell_that_mounts_does_not_limit_the_size_of_files),
};

static const struct suite suite = {.name = "trust",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.mounts = true,
	.needs_root = true};

SUITE_MAIN(suite)
