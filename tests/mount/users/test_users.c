/* Several users on one mount: ownership of what they make, what they may do, and which mode bits their writes
 * clear. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void what_users_make_is_theirs(void)
{
	NOTE(mkdir("d", 0777) | chmod("d", 0777));
	if (user_begin(TEST_UID, TEST_GID)) {
		umask(027);
		NOTE(close(open("d/f", O_CREAT | O_WRONLY, 0666)));
		NOTE(mkdir("d/sub", 0777));
		NOTE(symlink("x", "d/l"));
		NOTE(mkfifo("d/fifo", 0666));
		NOTE(mknod("d/node", S_IFREG | 0666, 0));
		NOTE(mknod("d/device", S_IFCHR | 0666, 0x103));
		NOTE(link("d/f", "d/hard"));
		note_fstat(open("d", O_TMPFILE | O_RDWR, 0666));
		user_end();
	}
	if (user_begin(OTHER_UID, OTHER_GID)) {
		NOTE(put_file("d/other", 100, 1));
		NOTE(open("d/f", O_RDONLY));
		NOTE(mkdir("d/sub/x", 0777));
		user_end();
	}
	note_stat("d/f");
	note_stat("d/sub");
	note_stat("d/l");
	note_stat("d/fifo");
	note_stat("d/other");
}

static void set_gid_directories_pass_their_group_on(void)
{
	NOTE(mkdir("d", 0777) | chown("d", 0, EXTRA_GID) | chmod("d", 02777));
	if (user_begin(TEST_UID, TEST_GID)) {
		umask(0);
		NOTE(close(open("d/f", O_CREAT | O_WRONLY, 0666)));
		NOTE(close(open("d/executable", O_CREAT | O_WRONLY, 02777)));
		NOTE(mkdir("d/sub", 0755));
		NOTE(mkdir("d/sub/sub", 0700));
		NOTE(symlink("x", "d/l"));
		NOTE(mkfifo("d/fifo", 02770));
		note_fstat(open("d", O_TMPFILE | O_RDWR, 0666));
		user_end();
	}
	if (user_begin_with_group(OTHER_UID, OTHER_GID, EXTRA_GID)) {
		umask(0);
		NOTE(close(open("d/member", O_CREAT | O_WRONLY, 02777)));
		user_end();
	}
	note_stat("d/f");
	note_stat("d/executable");
	note_stat("d/sub");
	note_stat("d/sub/sub");
	note_stat("d/fifo");
	note_stat("d/member");
}

static void supplementary_groups_count(void)
{
	NOTE(put_file("f", 100, 1) | chown("f", 0, EXTRA_GID) | chmod("f", 0660));
	NOTE(mkdir("d", 0770) | chown("d", 0, EXTRA_GID) | chmod("d", 0770));
	NOTE(put_file("own", 100, 1) | chown("own", TEST_UID, TEST_GID));
	for (int member = 0; member < 2; member++) {
		if (user_begin_with_group(TEST_UID, TEST_GID, member ? EXTRA_GID : OTHER_GID)) {
			int fd = NOTE_FD(open("f", O_RDWR));

			NOTE(put(fd, 10, 0, 2));
			NOTE(close(open("d/x", O_CREAT | O_WRONLY, 0600)));
			NOTE(chown("own", (uid_t)-1, EXTRA_GID));
			NOTE(chown("own", (uid_t)-1, TEST_GID));
			NOTE(chown("own", OTHER_UID, (gid_t)-1));
			user_end();
		}
	}
	note_stat("d/x");
	note_stat("own");
}

static void rights_are_checked(void)
{
	static const mode_t modes[] = {0, 0400, 0040, 0004, 0200, 0020, 0002, 0100, 0711, 0644, 0755, 0777};
	char name[32];

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(name, sizeof(name), "f%zu", i);
		NOTE(put_file(name, 100, 1) | chown(name, TEST_UID, EXTRA_GID) | chmod(name, modes[i]));
		snprintf(name, sizeof(name), "d%zu", i);
		NOTE(mkdir(name, 0755));
		snprintf(name, sizeof(name), "d%zu/x", i);
		NOTE(put_file(name, 10, 1) | chmod(name, 0666));
		snprintf(name, sizeof(name), "d%zu", i);
		NOTE(chown(name, TEST_UID, EXTRA_GID) | chmod(name, modes[i]));
	}
	for (int who = 0; who < 3; who++) {
		if (!user_begin_with_group(
			    who == 0 ? TEST_UID : OTHER_UID, OTHER_GID, who == 1 ? EXTRA_GID : OTHER_GID))
			continue;
		for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
			snprintf(name, sizeof(name), "f%zu", i);
			NOTE_FD(open(name, O_RDONLY));
			NOTE_FD(open(name, O_WRONLY));
			NOTE_FD(open(name, O_RDWR | O_APPEND));
			NOTE(access(name, R_OK));
			NOTE(access(name, W_OK));
			NOTE(access(name, X_OK));
			NOTE(truncate(name, 100));
			NOTE(utimensat(AT_FDCWD, name, NULL, 0));
			NOTE(setxattr(name, "user.x", "x", 1, 0));
			NOTE(getxattr(name, "user.x", NULL, 0));
			snprintf(name, sizeof(name), "d%zu/x", i);
			NOTE(access(name, F_OK));
			NOTE_FD(open(name, O_RDWR));
			snprintf(name, sizeof(name), "d%zu/new%d", i, who);
			NOTE(mkdir(name, 0755));
			NOTE(rmdir(name));
			snprintf(name, sizeof(name), "d%zu", i);
			NOTE_FD(open(name, O_RDONLY | O_DIRECTORY));
		}
		user_end();
	}
}

static void only_owners_change_modes_and_times(void)
{
	const struct timespec times[2] = {{1, 2}, {3, 4}};

	NOTE(put_file("f", 100, 1) | chown("f", TEST_UID, TEST_GID) | chmod("f", 0666));
	if (user_begin(OTHER_UID, OTHER_GID)) {
		NOTE(chmod("f", 0600));
		NOTE(utimensat(AT_FDCWD, "f", times, 0));
		NOTE(utimensat(AT_FDCWD, "f", NULL, 0));
		NOTE(chown("f", OTHER_UID, (gid_t)-1));
		user_end();
	}
	if (user_begin(TEST_UID, TEST_GID)) {
		NOTE(chmod("f", 0600));
		NOTE(utimensat(AT_FDCWD, "f", times, 0));
		NOTE(chown("f", TEST_UID, TEST_GID));
		NOTE(chown("f", TEST_UID, OTHER_GID));
		user_end();
	}
	note_stat("f");
}

static void sticky_directories_protect_the_files_of_others(void)
{
	NOTE(mkdir("d", 0777) | chmod("d", 01777));
	if (user_begin(TEST_UID, TEST_GID)) {
		NOTE(put_file("d/f", 10, 1) | put_file("d/g", 10, 1) | mkdir("d/sub", 0777) |
			chmod("d/sub", 0777));
		user_end();
	}
	if (user_begin(OTHER_UID, OTHER_GID)) {
		NOTE(unlink("d/f"));
		NOTE(rename("d/f", "d/x"));
		NOTE(rmdir("d/sub"));
		NOTE(put_file("d/own", 10, 1));
		NOTE(rename("d/own", "d/g"));
		NOTE(link("d/f", "d/sub/f"));
		NOTE(unlink("d/own"));
		user_end();
	}
	if (user_begin(TEST_UID, TEST_GID)) {
		NOTE(unlink("d/f"));
		NOTE(rename("d/g", "d/h"));
		NOTE(rmdir("d/sub"));
		user_end();
	}
	note_dir("d");
}

/* The operations that change contents, each of which clears set-uid and set-gid bits and capabilities. */
enum change {
	CHANGE_WRITE,
	CHANGE_EMPTY_WRITE,
	CHANGE_TRUNCATE,
	CHANGE_FTRUNCATE,
	CHANGE_O_TRUNC,
	CHANGE_FALLOCATE,
	CHANGE_PUNCH,
	CHANGE_COPY,
	CHANGE_MMAP,
	CHANGE_DIRECT,
	CHANGE_CHOWN,
	CHANGE_CHGRP,
	CHANGE_READ,
	CHANGE_COUNT,
};

static void change_file(const char *name, enum change change)
{
	int fd = change == CHANGE_TRUNCATE || change == CHANGE_CHOWN || change == CHANGE_CHGRP
			 ? -1
			 : open(name, O_RDWR | (change == CHANGE_O_TRUNC ? O_TRUNC : 0) |
					      (change == CHANGE_DIRECT ? O_DIRECT : 0));
	off_t from = 0, to = 4096;
	char *map;

	tape_text("change %d: ", change);
	switch (change) {
	case CHANGE_WRITE:
		NOTE(put(fd, 10, 0, 1));
		break;
	case CHANGE_EMPTY_WRITE:
		NOTE(put(fd, 0, 0, 1));
		break;
	case CHANGE_TRUNCATE:
		NOTE(truncate(name, 100));
		break;
	case CHANGE_FTRUNCATE:
		NOTE(ftruncate(fd, 100));
		break;
	case CHANGE_FALLOCATE:
		NOTE(fallocate(fd, 0, 0, 30000));
		break;
	case CHANGE_PUNCH:
		NOTE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
		break;
	case CHANGE_COPY:
		NOTE(copy_file_range(fd, &from, fd, &to, 100, 0));
		break;
	case CHANGE_MMAP:
		map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		NOTE(map == MAP_FAILED);
		map[1] = 'x';
		munmap(map, 4096);
		break;
	case CHANGE_DIRECT:
		NOTE(put(fd, 4096, 0, 1));
		break;
	case CHANGE_CHOWN:
		NOTE(chown(name, TEST_UID, (gid_t)-1));
		break;
	case CHANGE_CHGRP:
		NOTE(chown(name, (uid_t)-1, EXTRA_GID));
		break;
	case CHANGE_READ:
		note_pread(fd, 100, 0);
		break;
	default:
		break;
	}
	close(fd);
}

static void make_privileged(const char *name, mode_t mode)
{
	/* Effective and permitted cap_net_raw, revision 2. */
	static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};

	NOTE(put_file(name, 20000, 1) | chown(name, TEST_UID, TEST_GID));
	NOTE(setxattr(name, "security.capability", capability, sizeof(capability), 0));
	NOTE(chmod(name, mode));
	warm(name);
}

static void note_privileges(const char *name)
{
	note_stat(name);
	tape_text("capability: %d\n", getxattr(name, "security.capability", NULL, 0) > 0);
}

static void changes_of_users_clear_privileges(void)
{
	static const mode_t modes[] = {06777, 06767, 02666, 04666};

	for (size_t m = 0; m < sizeof(modes) / sizeof(*modes); m++) {
		for (int change = 0; change < CHANGE_COUNT; change++) {
			char name[32];

			/* Depends on supplementary groups, which FUSE does not tell. */
			if (change == CHANGE_CHGRP && !(modes[m] & S_IXGRP))
				continue;
			snprintf(name, sizeof(name), "f%zu-%d", m, change);
			make_privileged(name, modes[m]);
			if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
				change_file(name, (enum change)change);
				note_privileges(name);
				user_end();
			}
			make_privileged(name, modes[m]);
			if (user_begin(OTHER_UID, OTHER_GID)) {
				if (change != CHANGE_CHOWN && change != CHANGE_CHGRP)
					change_file(name, (enum change)change);
				note_privileges(name);
				user_end();
			}
			note_privileges(name);
		}
	}
}

static void changes_of_root_keep_what_they_may(void)
{
	static const mode_t modes[] = {06777, 06767, 02666, 04666, 0666};

	for (size_t m = 0; m < sizeof(modes) / sizeof(*modes); m++) {
		for (int change = 0; change < CHANGE_COUNT; change++) {
			char name[32];

			snprintf(name, sizeof(name), "f%zu-%d", m, change);
			make_privileged(name, modes[m]);
			change_file(name, (enum change)change);
			note_privileges(name);
		}
	}
}

/* Root is in none of the groups here. */
static void root_gives_set_gid_to_files_of_any_group(void)
{
	NOTE(mkdir("d", 0755) | chown("d", 0, EXTRA_GID) | chmod("d", 02755));
	umask(0);
	NOTE(close(open("d/f", O_CREAT | O_WRONLY, 02777)));
	NOTE(mkfifo("d/fifo", 02770));
	NOTE(mkdir("d/sub", 0755));
	note_fstat(open("d", O_TMPFILE | O_RDWR, 02777));
	NOTE(close(open("d/given", O_CREAT | O_WRONLY, 0777)));
	NOTE(chmod("d/given", 02777));
	note_stat("d/f");
	note_stat("d/fifo");
	note_stat("d/sub");
	note_stat("d/given");
	NOTE(chown("d", TEST_UID, TEST_GID) | chown("d/fifo", TEST_UID, TEST_GID));
	note_stat("d");
	note_stat("d/fifo");
}

static void chmod_by_strangers_to_the_group_drops_set_gid(void)
{
	NOTE(put_file("f", 10, 1) | chown("f", TEST_UID, EXTRA_GID));
	NOTE(mkdir("d", 0755) | chown("d", TEST_UID, EXTRA_GID));
	if (user_begin(TEST_UID, TEST_GID)) {
		NOTE(chmod("f", 02755));
		NOTE(chmod("d", 02755));
		user_end();
	}
	note_stat("f");
	note_stat("d");
	if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
		NOTE(chmod("f", 02755));
		NOTE(chmod("f", 06755));
		NOTE(chmod("d", 03755));
		user_end();
	}
	note_stat("f");
	note_stat("d");
}

static void privileges_given_to_an_open_file_go_with_its_next_write(void)
{
	NOTE(put_file("f", 20000, 1) | chmod("f", 0777) | chown("f", TEST_UID, TEST_GID));
	if (user_begin(TEST_UID, TEST_GID)) {
		int fd = NOTE_FD(open("f", O_WRONLY));

		NOTE(chmod("f", 06777));
		note_stat("f");
		NOTE(put(fd, 100, 0, 2));
		note_stat("f");
		user_end();
	}
	note_stat("f");
}

static void a_descriptor_outlives_the_rights(void)
{
	NOTE(put_file("f", 20000, 1) | chmod("f", 0666) | chown("f", TEST_UID, TEST_GID));
	if (user_begin(OTHER_UID, OTHER_GID)) {
		int fd = NOTE_FD(open("f", O_RDWR));

		NOTE(put(fd, 100, 0, 2));
		note_pread(fd, 200, 0);
		NOTE(fchmod(fd, 0600));
		NOTE(ftruncate(fd, 5000));
		user_end();
	}
	if (user_begin(TEST_UID, TEST_GID)) {
		int fd = NOTE_FD(open("f", O_RDWR));

		NOTE(fchmod(fd, 0));
		NOTE(put(fd, 100, 0, 3));
		NOTE(ftruncate(fd, 4000));
		NOTE(fallocate(fd, 0, 0, 9000));
		note_pread(fd, 200, 0);
		NOTE(open("f", O_RDONLY));
		note_fstat(fd);
		user_end();
	}
}

static void protected_directories_hide_their_files(void)
{
	NOTE(mkdir("d", 0755) | mkdir("d/in", 0777) | chmod("d/in", 0777) | put_file("d/in/f", 10, 1) |
		chmod("d/in/f", 0666));
	warm("d/in/f");
	NOTE(chmod("d", 0700));
	if (user_begin(TEST_UID, TEST_GID)) {
		NOTE(open("d/in/f", O_RDONLY));
		NOTE(access("d/in/f", F_OK));
		NOTE(unlink("d/in/f"));
		note_dir("d");
		user_end();
	}
	NOTE(chmod("d", 0711));
	if (user_begin(TEST_UID, TEST_GID)) {
		note_data("d/in/f", 100);
		note_dir("d");
		note_dir("d/in");
		NOTE(unlink("d/in/f"));
		user_end();
	}
}

static const struct CMUnitTest tests[] = {
	SAME(what_users_make_is_theirs),
	SAME(set_gid_directories_pass_their_group_on),
	SAME(supplementary_groups_count),
	SAME(rights_are_checked),
	SAME(only_owners_change_modes_and_times),
	SAME(sticky_directories_protect_the_files_of_others),
	SAME(changes_of_users_clear_privileges),
	SAME(changes_of_root_keep_what_they_may),
	SAME(root_gives_set_gid_to_files_of_any_group),
	SAME(chmod_by_strangers_to_the_group_drops_set_gid),
	SAME(privileges_given_to_an_open_file_go_with_its_next_write),
	SAME(a_descriptor_outlives_the_rights),
	SAME(protected_directories_hide_their_files),
};

static const struct suite suite = {.name = "users",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.mounts = true,
	.needs_root = true};

SUITE_MAIN(suite)
