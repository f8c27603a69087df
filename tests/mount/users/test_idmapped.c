/* Idmapped mounts, as containers with user IDs of their own ask for: as SOURCE, below it, and of the mount.
 */
#include "tests/mount/users/id_map.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_ID 200000 /* of the container's users */
#define A_USER (FIRST_ID + 7)
#define A_GROUP (FIRST_ID + 8)
#define IDLE_S 6                       /* descriptors that nobody uses are closed meanwhile */
#define MAP "0 200000 1000\n60000 0 1" /* root, who makes the tests' directories, is 60000 on the disk */

static void make_all(void)
{
	int fd;

	NOTE(put_file("f", 100, 1));
	NOTE(mkdir("d", 0755));
	NOTE(symlink("f", "l"));
	NOTE(mkfifo("p", 0600));
	NOTE(link("f", "d/f"));
	fd = NOTE_FD(open("d", O_TMPFILE | O_WRONLY, 0600));
	NOTE(put(fd, 100, 0, 1));
	NOTE(close(fd));
}

static void change_all(const char *name)
{
	const struct timespec times[2] = {{1, 0}, {1, 0}};

	NOTE(put_file(name, 200, 1));
	NOTE(truncate(name, 50));
	NOTE(chmod(name, 0640));
	NOTE(utimensat(AT_FDCWD, name, times, 0));
	NOTE(chown(name, (uid_t)-1, A_GROUP));
	NOTE(access(name, R_OK | W_OK));
	note_stat(name);
}

static void mapped_users_own_what_they_make(void)
{
	NOTE(put_file("given", 100, 1) | chown("given", A_USER, A_GROUP));
	if (user_begin(A_USER, A_GROUP)) {
		make_all();
		change_all("f");
		change_all("given");
		NOTE(unlink("d/f"));
		user_end();
	}
	note_stat("f");
	note_stat("d");
	note_stat("l");
	note_stat("p");
}

static void users_without_a_number_make_nothing(void)
{
	NOTE(put_file("given", 100, 1) | chmod("given", 0666));
	if (user_begin(TEST_UID, TEST_GID)) {
		make_all();
		change_all("given");
		user_end();
	}
	note_dir(".");
	note_stat("given");
}

static void nothing_is_given_to_who_has_no_number(void)
{
	NOTE(put_file("f", 100, 1));
	NOTE(chown("f", TEST_UID, (gid_t)-1));
	NOTE(chown("f", (uid_t)-1, TEST_GID));
	NOTE(chown("f", A_USER, A_GROUP));
	NOTE(shell(NULL, 0, "setfacl -m u:%d:rw f", FIRST_ID + 9));
	NOTE(shell(NULL, 0, "setfacl -m u:%d:rw f", TEST_UID));
	note_stat("f");
	note_xattrs("f");
}

/* --- SOURCE itself ---------------------------------------------------------------------------- */

/* BASE/NAME.disk/WHICH, shown at `at` with the users of the container; false where there is no such thing. */
static void show_mapped(const char *which, const char *at)
{
	char disk[PATH_MAX];

	snprintf(disk, sizeof(disk), "%.3000s/%s.disk", config.base, which);
	assert_return_code(mkdir(disk, 0755) | chown(disk, 60000, 60000), errno);
	if (bind_idmapped(disk, at, MAP) < 0)
		SKIP_TEST("no idmapped mounts here: %s", strerror(errno));
}

static void compare_disks(void)
{
	char bare[PATH_MAX], source[PATH_MAX];

	snprintf(bare, sizeof(bare), "%.3000s/bare.disk", config.base);
	snprintf(source, sizeof(source), "%.3000s/source.disk", config.base);
	assert_same_trees(bare, source);
}

static void an_idmapped_source_is_as_without_the_mount(void **state)
{
	static sequence_function *const sequences[] = {
		mapped_users_own_what_they_make,
		users_without_a_number_make_nothing,
		nothing_is_given_to_who_has_no_number,
	};

	mount_prepare(&mounted, "mapped");
	show_mapped("source", mounted.source);
	show_mapped("bare", bare_dir);
	mount_start(&mounted, "mapped", NULL);
	for (size_t i = 0; i < sizeof(sequences) / sizeof(*sequences); i++) {
		void *sequence = (void *)sequences[i];

		tape_same(&sequence);
	}
	compare_disks();
	mount_stop(&mounted, MOUNT_END_UMOUNT);
	assert_return_code(umount2(mounted.source, MNT_DETACH) | umount2(bare_dir, MNT_DETACH), errno);
}

/* --- below SOURCE ----------------------------------------------------------------------------- */

/* The owner on the disk of what a user makes in a directory of the mount. */
static uid_t owner_of_new(const char *dir, const char *name, uid_t uid, const char *disk)
{
	char path[PATH_MAX];
	struct stat st;

	path_below(path, dir, name);
	if (user_begin(uid, A_GROUP)) {
		put_file(path, 100, 1);
		user_end();
	}
	path_below(path, disk, name);
	return stat(path, &st) == 0 ? st.st_uid : (uid_t)-1;
}

/* After a while it is reached by way of the place where it is mounted, or by handle. */
static void a_file_system_below_is_mapped_as_it_is_mounted(void **state)
{
	char disk[PATH_MAX], below[PATH_MAX], above[PATH_MAX];
	struct mount upper;
	struct stat st;

	mount_prepare(&upper, "upper");
	path_below(disk, config.base, "lower");
	path_below(below, upper.source, "below");
	assert_return_code(mkdir(disk, 0755) | mkdir(below, 0755), errno);
	assert_return_code(mount("none", disk, "tmpfs", 0, "mode=0777"), errno);
	if (bind_idmapped(disk, below, MAP) < 0)
		SKIP_TEST("no idmapped mounts of tmpfs here: %s", strerror(errno));
	mount_start(&upper, "upper", "attr_timeout=0,entry_timeout=0");
	path_below(above, upper.point, "below");
	assert_int_equal(owner_of_new(above, "first", A_USER, disk), 7);
	sleep(IDLE_S);
	assert_int_equal(owner_of_new(above, "second", A_USER, disk), 7);
	assert_int_equal(owner_of_new(above, "none", TEST_UID, disk), (uid_t)-1);
	path_below(below, above, "first");
	assert_return_code(stat(below, &st), errno);
	assert_int_equal(st.st_uid, A_USER);
	mount_stop(&upper, MOUNT_END_UMOUNT);
	path_below(below, upper.source, "below");
	umount2(below, MNT_DETACH);
	umount2(disk, MNT_DETACH);
}

/* One file under two names, as sievefs(8) says: with the rights of its file system. */
static void a_part_of_source_mapped_below_source_is_as_on_the_disk(void **state)
{
	char below[PATH_MAX], above[PATH_MAX], part[PATH_MAX];
	struct mount mount;

	mount_prepare(&mount, "twice");
	path_below(below, mount.source, "below");
	path_below(part, mount.source, "part");
	assert_return_code(mkdir(below, 0755) | mkdir(part, 0755) | chmod(part, 0777), errno);
	if (bind_idmapped(part, below, MAP) < 0)
		SKIP_TEST("no idmapped mounts here: %s", strerror(errno));
	mount_start(&mount, "twice", "attr_timeout=0,entry_timeout=0");
	path_below(above, mount.point, "below");
	assert_int_equal(owner_of_new(above, "first", A_USER, part), A_USER);
	sleep(IDLE_S);
	assert_int_equal(owner_of_new(above, "second", A_USER, part), A_USER);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	umount2(below, MNT_DETACH);
}

/* --- the mount -------------------------------------------------------------------------------- */

static void the_mount_can_not_be_idmapped(void **state)
{
	char to[PATH_MAX], path[PATH_MAX];
	struct mount mount;
	struct stat st;

	mount_start(&mount, "plain", NULL);
	snprintf(to, sizeof(to), "%.3000s/plain.mapped", config.base);
	snprintf(path, sizeof(path), "%.3000s/f", mount.point);
	assert_return_code(mkdir(to, 0755), errno);
	assert_int_equal(bind_idmapped(mount.point, to, MAP), -1);
	assert_int_equal(errno, EINVAL);
	/* and who uses it is who he was */
	assert_return_code(chmod(mount.point, 0777), errno);
	if (user_begin(TEST_UID, TEST_GID)) {
		put_file(path, 100, 1);
		user_end();
	}
	snprintf(path, sizeof(path), "%.3000s/f", mount.source);
	assert_return_code(stat(path, &st), errno);
	assert_int_equal(st.st_uid, TEST_UID);
	assert_int_equal(st.st_gid, TEST_GID);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_idmapped_source_is_as_without_the_mount),
	cmocka_unit_test(a_file_system_below_is_mapped_as_it_is_mounted),
	cmocka_unit_test(a_part_of_source_mapped_below_source_is_as_on_the_disk),
	cmocka_unit_test(the_mount_can_not_be_idmapped),
};

static const struct suite suite = {.name = "idmapped",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
