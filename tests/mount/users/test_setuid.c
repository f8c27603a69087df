/*
 * A set-uid program whose contents somebody else changes gives its owner's rights to nobody, from that moment
 * on: each way to change it, and then it is run at once. The program is who.c, which lies beside this one.
 */
#include "tests/mount/users/ways.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What the program gives to who runs it. */
static int run(const char *name, int fd)
{
	pid_t child = suite_fork();
	int status = 0;

	if (!child) {
		char path[PATH_MAX], *argv[] = {path, NULL};

		snprintf(path, sizeof(path), "./%s", name);
		if (fd >= 0)
			fexecve(fd, argv, environ);
		else
			execv(path, argv);
		_exit(64 + (errno & 63));
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

static const char *other_way; /* to SOURCE: NULL for itself */

/* The path in SOURCE of a file in the current directory. */
static const char *behind(const char *name)
{
	static char path[PATH_MAX];
	char here[PATH_MAX];
	size_t point = strlen(mounted.point);

	if (!getcwd(here, sizeof(here)) || strncmp(here, mounted.point, point) != 0)
		return name;
	snprintf(path, sizeof(path), "%.2000s%.1000s/%s", other_way ? other_way : mounted.source,
		here + point, name);
	return path;
}

/* --- programs and those who change them ------------------------------------------------------- */

/* In SOURCE: the mount has seen nobody write it. */
static int put_program(const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s", behind(name));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (fd < 0 || write(fd, model.data, model.size) != (ssize_t)model.size)
		return -1;
	return close(fd);
}

static void make_model(void)
{
	char self[PATH_MAX - 8] = "", program[PATH_MAX];
	struct stat st;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		fail_msg("/proc/self/exe: %s", strerror(errno));
	snprintf(program, sizeof(program), "%s_who", self);
	model.fd = open(program, O_RDONLY | O_CLOEXEC);
	if (model.fd < 0 || fstat(model.fd, &st))
		fail_msg("%s: %s", program, strerror(errno));
	model.size = (size_t)st.st_size;
	model.data = mmap(NULL, model.size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, model.fd, 0);
	close(model.fd);
	NOTE(put_program("model"));
	model.fd = NOTE_FD(open("model", O_RDONLY));
}

static bool change_begin(void)
{
	return user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID);
}

/* The kernel knows it, and it was run. */
static void make_program(const char *name, uid_t uid, mode_t mode)
{
	NOTE(put_program(name));
	NOTE(chown(name, uid, EXTRA_GID) | chmod(name, mode));
	warm(name);
	if (user_begin(OTHER_UID, OTHER_GID)) {
		tape_text("before: %d\n", run(name, -1));
		user_end();
	}
}

static void note_rights(const char *name)
{
	tape_text("rights: %d\n", run(name, -1));
	note_stat(name);
}

/* Anybody who looks at /proc/PID of a program that ran (as other tests do) keeps it busy a little longer. */
static int open_ended(const char *name, int flags)
{
	int fd = open(name, flags);

	for (int i = 0; i < 200 && fd < 0 && errno == ETXTBSY; i++) {
		poll(NULL, 0, 10);
		fd = open(name, flags);
	}
	return fd;
}

static void change_and_run(const struct way *way, const char *changed, const char *name)
{
	int fd = NOTE_FD(open_ended(changed, way->flags));

	if (way->change)
		way->change(fd);
	else
		NOTE(truncate(changed, (off_t)model.size + 100));
	close(fd);
	note_rights(name);
}

static void who_changes_a_program_does_not_get_its_owners_rights(void)
{
	make_model();
	for (EACH_WAY(way)) {
		tape_text("%s\n", way->name);
		make_program(way->name, 0, 06775);
		if (change_begin()) {
			change_and_run(way, way->name, way->name);
			user_end();
		}
	}
}

/* The owner, who is no member of the group. */
static void who_changes_his_program_does_not_get_its_groups_rights(void)
{
	make_model();
	for (EACH_WAY(way)) {
		tape_text("%s\n", way->name);
		make_program(way->name, TEST_UID, 02775);
		if (user_begin(TEST_UID, TEST_GID)) {
			change_and_run(way, way->name, way->name);
			user_end();
		}
	}
}

static void who_changes_a_program_does_not_get_its_capabilities(void)
{
	/* effective and permitted cap_net_raw, revision 2 */
	static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};

	make_model();
	for (EACH_WAY(way)) {
		tape_text("%s\n", way->name);
		make_program(way->name, 0, 0775);
		NOTE(setxattr(way->name, "security.capability", capability, sizeof(capability), 0));
		if (change_begin()) {
			tape_text("before: %d\n", run(way->name, -1));
			change_and_run(way, way->name, way->name);
			user_end();
		}
	}
}

static void a_program_that_others_have_open_gives_no_rights_either(void)
{
	make_model();
	for (EACH_WAY(way)) {
		int fd;

		tape_text("%s\n", way->name);
		make_program(way->name, 0, 06775);
		fd = NOTE_FD(open(way->name, O_RDONLY));
		if (change_begin()) {
			change_and_run(way, way->name, way->name);
			tape_text("by descriptor: %d\n", run(way->name, fd));
			user_end();
		}
		close(fd);
	}
}

static void other_names_of_the_program_give_no_rights(void)
{
	char other[64];

	make_model();
	for (EACH_WAY(way)) {
		tape_text("%s\n", way->name);
		make_program(way->name, 0, 06775);
		snprintf(other, sizeof(other), "%s.link", way->name);
		NOTE(link(way->name, other));
		note_stat(other);
		if (change_begin()) {
			change_and_run(way, other, way->name);
			note_rights(other);
			user_end();
		}
	}
}

static void a_program_changed_in_source_gives_no_rights(void)
{
	make_model();
	close(model.fd);
	model.fd = NOTE_FD(open(behind("model"), O_RDONLY)); /* what is copied is of the same mount */
	for (EACH_WAY(way)) {
		tape_text("%s\n", way->name);
		make_program(way->name, 0, 06775);
		if (change_begin()) {
			change_and_run(way, behind(way->name), way->name);
			user_end();
		}
	}
}

/* Root gives the bits to a file that is open for writing. */
static void change_kept(const struct way *way, const char *name, const char *given)
{
	int fd;

	make_program(name, 0, 0775);
	fd = NOTE_FD(open(name, way->flags));
	NOTE(chmod(given, 06775));
	note_fstat(fd);
	if (change_begin()) {
		way->change(fd);
		close(fd);
		user_end();
	}
	close(fd);
	if (change_begin()) {
		note_rights(name);
		user_end();
	}
}

static void a_descriptor_from_before_gives_no_rights(void)
{
	char name[64];

	make_model();
	for (EACH_WAY(way)) {
		if (!way->change || way->flags & O_TRUNC)
			continue;
		tape_text("%s\n", way->name);
		change_kept(way, way->name, way->name);
		snprintf(name, sizeof(name), "%s.source", way->name);
		change_kept(way, name, behind(name));
	}
}

/* --- set-gid without group execute ------------------------------------------------------------ */

static void note_bits(const struct way *way, gid_t file, uid_t uid, gid_t group)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%u-%u", way->name, file, group);
	tape_text("%s\n", name);
	NOTE(put_program(name));
	NOTE(chown(name, OTHER_UID, file) | chmod(name, 02666));
	warm(name);
	if (user_begin_with_group(uid, TEST_GID, group)) {
		change_and_run(way, name, name);
		user_end();
	}
	note_stat(name);
}

/* It was given while the file was open. */
static void note_bits_given_late(const struct way *way)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "%s-late", way->name);
	tape_text("%s\n", name);
	NOTE(put_program(name));
	NOTE(chown(name, OTHER_UID, 0) | chmod(name, 0666));
	fd = NOTE_FD(open(name, way->flags));
	NOTE(chmod(name, 02666));
	if (user_begin_with_group(TEST_UID, TEST_GID, EXTRA_GID)) {
		way->change(fd);
		note_stat(name);
		user_end();
	}
	close(fd);
}

static void set_gid_of_a_group_goes_with_the_change_of_a_stranger(void)
{
	make_model();
	for (EACH_WAY(way)) {
		note_bits(way, 0, TEST_UID, 0);
		note_bits(way, EXTRA_GID, TEST_UID, EXTRA_GID);
		if (way->change && !(way->flags & O_TRUNC))
			note_bits_given_late(way);
	}
}

static void note_owner_named(const char *name)
{
	NOTE(chown(name, (uid_t)-1, (gid_t)-1));
	note_stat(name);
}

/* Which chown(2) of no owner does, too. */
static void only_the_owner_takes_the_bits_away_by_naming_no_owner(void)
{
	make_model();
	for (int who = 0; who < 3; who++) {
		char name[64];

		snprintf(name, sizeof(name), "f%d", who);
		make_program(name, TEST_UID, 06775);
		if (who == 0) {
			note_owner_named(name);
		} else if (user_begin(who == 1 ? TEST_UID : OTHER_UID, OTHER_GID)) {
			note_owner_named(name);
			user_end();
		}
	}
}

/* --- other mounts ----------------------------------------------------------------------------- */

static void same_with(const char *name, const char *options, sequence_function *sequence)
{
	struct mount first = mounted;
	void *state = (void *)sequence;

	mount_start(&mounted, name, options);
	tape_same(&state);
	mount_stop(&mounted, MOUNT_END_UMOUNT);
	mounted = first;
}

static void nor_does_he_where_attributes_are_kept_for_ever(void **state)
{
	same_with("exclusive", "coherence=exclusive", who_changes_a_program_does_not_get_its_owners_rights);
}

static void nor_does_he_through_a_second_mount(void **state)
{
	void *sequence = (void *)a_program_changed_in_source_gives_no_rights;
	static struct mount second;
	char source[PATH_MAX];

	if (config.bare)
		SKIP_TEST("a bare directory has no second mount");
	snprintf(source, sizeof(source), "%.3000s/second.source", config.base);
	assert_return_code(symlink(mounted.source, source), errno);
	mount_start(&second, "second", "coherence=exclusive");
	other_way = second.point;
	tape_same(&sequence);
	other_way = NULL;
	mount_stop(&second, MOUNT_END_UMOUNT);
}

static void nor_does_he_where_large_files_are_plain(void **state)
{
	same_with("large", "small_max=4K,large_min=4K,large=plain",
		who_changes_a_program_does_not_get_its_owners_rights);
}

static const struct CMUnitTest tests[] = {
	SAME(who_changes_a_program_does_not_get_its_owners_rights),
	SAME(who_changes_his_program_does_not_get_its_groups_rights),
	SAME(who_changes_a_program_does_not_get_its_capabilities),
	SAME(a_program_that_others_have_open_gives_no_rights_either),
	SAME(other_names_of_the_program_give_no_rights),
	SAME(a_program_changed_in_source_gives_no_rights),
	SAME(a_descriptor_from_before_gives_no_rights),
	SAME(set_gid_of_a_group_goes_with_the_change_of_a_stranger),
	SAME(only_the_owner_takes_the_bits_away_by_naming_no_owner),
	cmocka_unit_test(nor_does_he_where_attributes_are_kept_for_ever),
	cmocka_unit_test(nor_does_he_through_a_second_mount),
	cmocka_unit_test(nor_does_he_where_large_files_are_plain),
};

static const struct suite suite = {.name = "setuid",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.mounts = true,
	.needs_root = true};

SUITE_MAIN(suite)
