/* What users may not gain by keeping what was theirs before it was given away in SOURCE; containers; limits.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define KEPT_S 2        /* longer than attributes are kept */
#define FIRST_ID 200000 /* of a container's users */

/* The path in SOURCE of a file in the current directory, which is on the mount; on a bare directory the file
 * itself. */
static const char *behind(const char *name)
{
	static char path[PATH_MAX];
	char here[PATH_MAX];
	size_t point = strlen(mounted.point);

	if (!getcwd(here, sizeof(here)))
		fail_msg("getcwd: %s", strerror(errno));
	if (strncmp(here, mounted.point, point) != 0 || (here[point] && here[point] != '/'))
		return name;
	snprintf(path, sizeof(path), "%.2000s%.1000s/%s", mounted.source, here + point, name);
	return path;
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
	const struct timespec times[2] = {{1, 2}, {3, 4}};
	int flags = 0;

	NOTE(fchmod(fd, 06755));
	NOTE(fchown(fd, (uid_t)-1, EXTRA_GID));
	NOTE(futimens(fd, times));
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
	sleep(KEPT_S);
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
	sleep(KEPT_S);
	fd = NOTE_FD(open("f", O_RDONLY));
	if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
		change_all(fd);
		user_end();
	}
	note_stat("f");
	note_xattrs("f");
}

static void write_map(pid_t pid, const char *name)
{
	char path[64], map[64];
	int fd, n = snprintf(map, sizeof(map), "0 %d 1000", FIRST_ID);

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (write(fd, map, (size_t)n) != n)
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
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
		write_map(child, "uid_map");
		write_map(child, "gid_map");
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
	int fd, given;

	NOTE(put_file("f", 100, 1) | chown("f", FIRST_ID + 7, FIRST_ID + 8) | chmod("f", 0755));
	NOTE(put_file("given", 100, 1) | chown("given", FIRST_ID + 7, FIRST_ID + 8) | chmod("given", 0755));
	NOTE(put_file("foreign", 100, 1) | chown("foreign", TEST_UID, FIRST_ID));
	fd = NOTE_FD(open("f", O_RDONLY));
	given = NOTE_FD(open("given", O_RDONLY));
	NOTE(chown(behind("given"), 0, 0));
	if (container_begin()) {
		change_all(fd);
		change_all(given);
		NOTE(fchown(fd, 3, 4));
		NOTE(fchown(given, 3, 4));
		NOTE(chmod("foreign", 0777));
		user_end();
	}
	note_stat("f");
	sleep(KEPT_S);
	note_stat("given");
	note_stat("foreign");
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
	cmocka_unit_test(the_shell_that_mounts_does_not_limit_the_size_of_files),
};

static const struct suite suite = {.name = "trust",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.mounts = true,
	.needs_root = true};

SUITE_MAIN(suite)
