/* Listings that the kernel caches: they make no request, and show what is there. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"
#include <dirent.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FILES 50
#define LASTING "attr_timeout=3600,entry_timeout=3600"
#define ASKING "attr_timeout=0,entry_timeout=0"
/* Listings that would move the access time are not cached, which would hide the other reasons. */
#define TIMELESS ",noatime"

static char above[PATH_MAX], below[PATH_MAX];

static void name_file(const struct mount *mount, const char *name)
{
	path_below(above, mount->point, name);
	path_below(below, mount->source, name);
}

/* A name in each line, in order. */
static GString *rest_of(DIR *stream)
{
	GString *text = g_string_new(NULL);
	struct dirent *entry;
	GList *names = NULL;

	while ((entry = readdir(stream)))
		names = g_list_prepend(names, g_strdup(entry->d_name));
	names = g_list_sort(names, (GCompareFunc)strcmp);
	for (GList *name = names; name; name = name->next)
		g_string_append_printf(text, "%s\n", (char *)name->data);
	g_list_free_full(names, g_free);
	return text;
}

static GString *names_in(const char *path)
{
	DIR *stream = opendir(path);
	GString *names;

	assert_non_null(stream);
	names = rest_of(stream);
	closedir(stream);
	return names;
}

static void assert_same_names(GString *seen, const char *what)
{
	GString *there = names_in(below);

	if (!g_string_equal(seen, there))
		fail_msg("%s: listed\n%s\nbut there are\n%s", what, seen->str, there->str);
	g_string_free(there, TRUE);
	g_string_free(seen, TRUE);
}

static void list(const char *path)
{
	g_string_free(names_in(path), TRUE);
}

/* As ls -l and rsync do. */
static void list_with_attributes(const char *path)
{
	DIR *stream = opendir(path);
	struct dirent *entry;
	struct stat st;

	assert_non_null(stream);
	while ((entry = readdir(stream)))
		assert_return_code(fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW), errno);
	closedir(stream);
}

static long long requests(const struct mount *mount)
{
	return mount_requests(mount, "readdir") + mount_requests(mount, "readdirplus");
}

static long long requests_to_list(const struct mount *mount, const char *path)
{
	long long before = requests(mount);

	list(path);
	return requests(mount) - before;
}

static void make_dir(const struct mount *mount, const char *name)
{
	char file[PATH_MAX];

	name_file(mount, name);
	assert_return_code(mkdir(below, 0755), errno);
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(file, sizeof(file), "%.3000s/name-%u", below, i);
		assert_return_code(put_file(file, 10, i), errno);
	}
	poll(NULL, 0,
		20); /* else the access time of the first listing may not be newer than the last change */
}

static void make_more_names(unsigned count)
{
	char file[PATH_MAX];

	for (unsigned i = 0; i < count; i++) {
		snprintf(file, sizeof(file), "%.3000s/further-name-%u", below, i);
		assert_return_code(put_file(file, 0, 0), errno);
	}
}

static void start(struct mount *mount, const char *name, const char *options)
{
	if (config.bare)
		SKIP_TEST("there is no daemon");
	mount_start(mount, name, options);
	make_dir(mount, "dir");
}

/* Whether listings are cached at all. */
static void need_fine_stamps(void)
{
	struct utsname kernel;
	struct statfs fs;
	int major = 0, minor = 0;

	uname(&kernel);
	sscanf(kernel.release, "%d.%d", &major, &minor);
	if (major < 6 || (major == 6 && minor < 13))
		SKIP_TEST("this kernel has no multigrain timestamps");
	assert_return_code(statfs(config.base, &fs), errno);
	if (fs.f_type != EXT4_SUPER_MAGIC && fs.f_type != XFS_SUPER_MAGIC && fs.f_type != BTRFS_SUPER_MAGIC)
		SKIP_TEST("directories of this file system have no multigrain timestamps");
}

static void change(unsigned step, const char *root)
{
	char name[PATH_MAX], other[PATH_MAX];

	snprintf(name, sizeof(name), "%.3000s/new", root);
	snprintf(other, sizeof(other), "%.3000s/renamed", root);
	switch (step % 6) {
	case 0:
		close(open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
		break;
	case 1:
		assert_return_code(rename(name, other), errno);
		break;
	case 2:
		assert_return_code(unlink(other), errno);
		break;
	case 3:
		assert_return_code(mkdir(name, 0755), errno);
		break;
	case 4:
		assert_return_code(symlink("somewhere", other), errno);
		break;
	default:
		assert_return_code(rmdir(name) | unlink(other), errno);
	}
}

static void a_second_listing_makes_no_request(void **state)
{
	struct mount mount;

	need_fine_stamps();
	start(&mount, "second", NULL);
	assert_true(requests_to_list(&mount, above) > 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(requests_to_list(&mount, above), 0);
	assert_same_names(names_in(above), "from the cache");
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void what_the_mount_changes_is_listed_at_once(void **state)
{
	struct mount mount;
	DIR *stream;

	start(&mount, "own", LASTING);
	stream = opendir(above);
	assert_non_null(stream);
	for (unsigned step = 0; step < 60; step++) {
		list(above);
		change(step, above);
		assert_same_names(names_in(above), "after a change");
		rewinddir(stream);
		assert_same_names(rest_of(stream), "after a change, by an older stream");
	}
	closedir(stream);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void what_is_changed_in_source_is_listed_after_attr_timeout(void **state)
{
	struct mount mount;
	DIR *stream;

	start(&mount, "source", "attr_timeout=0.05,entry_timeout=0.05");
	stream = opendir(above);
	assert_non_null(stream);
	for (unsigned step = 0; step < 24; step++) {
		list(above);
		list(above);
		change(step, below);
		poll(NULL, 0, 80);
		if (step % 2) {
			rewinddir(stream);
			assert_same_names(rest_of(stream), "by an older stream");
		}
		assert_same_names(names_in(above), "after a change in SOURCE");
	}
	closedir(stream);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void changes_within_one_tick_around_a_listing_are_listed(void **state)
{
	struct mount mount;
	DIR *stream;

	start(&mount, "tick", ASKING TIMELESS);
	stream = opendir(above);
	assert_non_null(stream);
	for (unsigned step = 0; step < 600; step++) {
		change(step, below);
		list(above);
		change(++step, below);
		if (step % 4 == 1) {
			rewinddir(stream);
			g_string_free(rest_of(stream), TRUE);
			change(++step, below);
			rewinddir(stream);
			assert_same_names(rest_of(stream), "by an older stream");
		}
		assert_same_names(names_in(above), "the second change");
	}
	closedir(stream);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_change_during_a_listing_is_in_the_next(void **state)
{
	struct mount mount;

	start(&mount, "during", ASKING);
	make_more_names(1000);
	for (unsigned step = 0; step < 60; step++) {
		DIR *stream = opendir(above);

		assert_non_null(stream);
		assert_non_null(readdir(stream));
		change(step, below);
		g_string_free(rest_of(stream), TRUE);
		closedir(stream);
		assert_same_names(names_in(above), "the next listing");
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_change_with_its_time_set_back_is_listed(void **state)
{
	struct mount mount;
	struct stat st;

	start(&mount, "back", ASKING TIMELESS);
	assert_return_code(stat(below, &st), errno);
	for (unsigned step = 0; step < 120; step++) {
		list(above);
		list(above);
		change(step, below);
		assert_return_code(utimensat(AT_FDCWD, below,
					   (struct timespec[]){{.tv_nsec = UTIME_OMIT}, st.st_mtim}, 0),
			errno);
		assert_same_names(names_in(above), "after the time was set back");
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_listing_that_was_left_early_does_not_end_caching(void **state)
{
	struct mount mount;
	char buffer[4096];
	int fd;

	need_fine_stamps();
	start(&mount, "early", "attr_timeout=0.05" TIMELESS);
	make_more_names(1000);
	for (unsigned step = 0; step < 6; step++) {
		fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_return_code(fd, errno);
		assert_true(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)) > 0);
		close(fd);
		change(step, below);
		poll(NULL, 0, 100);
		assert_same_names(names_in(above), "after a part");
		assert_same_names(names_in(above), "once more");
		poll(NULL, 0, 100);
		list(above);
		assert_int_equal(requests_to_list(&mount, above), 0);
		assert_same_names(names_in(above), "from the cache");
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void start_on(
	struct mount *mount, const char *name, const char *type, const char *mkfs, const char *options)
{
	char dir[PATH_MAX];

	if (config.bare)
		SKIP_TEST("there is no daemon");
	if (config.user)
		SKIP_TEST("only root can mount file systems");
	mount_prepare(mount, name);
	snprintf(dir, sizeof(dir), "%.3000s/%.32s.disk", config.base, name);
	volume_make_with(dir, mount->source, type, "64M", mkfs);
	mount_start(mount, name, options);
	make_dir(mount, "dir");
}

static void whole_seconds_are_no_proof(void **state)
{
	struct mount mount;

	start_on(&mount, "seconds", "ext4", "-F -b4096 -I128", ASKING TIMELESS);
	for (unsigned step = 0; step < 240; step += 2) {
		change(step, below);
		list(above);
		change(step + 1, below);
		assert_same_names(names_in(above), "within one second");
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void access_times_move_as_source_is_mounted(void **state)
{
	struct mount mount;
	struct stat before, after;

	start_on(&mount, "atime", "ext4", "-F -b4096 -I256", ASKING);
	assert_int_equal(shell(NULL, 0, "mount -o remount,strictatime %s", mount.source), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	mount_start(&mount, "atime", ASKING);
	for (int i = 0; i < 3; i++) {
		assert_return_code(stat(below, &before), errno);
		poll(NULL, 0, 20);
		list(above);
		assert_return_code(stat(below, &after), errno);
		assert_memory_not_equal(&before.st_atim, &after.st_atim, sizeof(after.st_atim));
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void who_wants_attributes_gets_them_with_the_listing(void **state)
{
	unsigned many = 0;
	struct mount mount;
	long long lookups;

	need_fine_stamps();
	start(&mount, "attributes", "attr_timeout=0.02,entry_timeout=0.02");
	list(above);
	assert_int_equal(requests_to_list(&mount, above), 0);
	poll(NULL, 0, 40);
	list_with_attributes(above);
	for (int i = 0; i < 10; i++) {
		poll(NULL, 0, 40);
		lookups = mount_requests(&mount, "lookup");
		list_with_attributes(above);
		many += mount_requests(&mount, "lookup") - lookups > FILES / 2;
	}
	assert_in_range(many, 0, 3); /* a slow machine may take longer than entry_timeout */
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* As git does with refs: the kernel then requests the end of the small directory's listing with attributes.
 */
static void who_looks_at_one_file_amid_a_small_listing_lists_others_from_the_cache(void **state)
{
	char small[PATH_MAX], file[PATH_MAX];
	struct mount mount;
	struct stat st;
	DIR *stream;

	need_fine_stamps();
	start(&mount, "small", LASTING);
	list(above);
	assert_int_equal(requests_to_list(&mount, above), 0);
	path_below(small, mount.point, "few");
	assert_return_code(mkdir(small, 0755), errno);
	snprintf(file, sizeof(file), "%.3000s/one", small);
	assert_return_code(put_file(file, 10, 1), errno);
	poll(NULL, 0, 20);
	stream = opendir(small);
	assert_non_null(stream);
	for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream))
		assert_return_code(stat(file, &st), errno);
	closedir(stream);
	assert_int_equal(requests_to_list(&mount, above), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_directory_of_locked_files_is_not_cached(void **state)
{
	struct mount mount;
	int fd;

	start(&mount, "locked", LASTING);
	list(above);
	fd = open_below(above, "name-1", O_RDWR);
	assert_return_code(flock(fd, LOCK_EX), errno);
	for (int i = 0; i < 3; i++)
		assert_true(requests_to_list(&mount, above) > 0);
	close(fd);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_second_listing_makes_no_request),
	cmocka_unit_test(what_the_mount_changes_is_listed_at_once),
	cmocka_unit_test(what_is_changed_in_source_is_listed_after_attr_timeout),
	cmocka_unit_test(changes_within_one_tick_around_a_listing_are_listed),
	cmocka_unit_test(a_change_during_a_listing_is_in_the_next),
	cmocka_unit_test(a_change_with_its_time_set_back_is_listed),
	cmocka_unit_test(a_listing_that_was_left_early_does_not_end_caching),
	cmocka_unit_test(whole_seconds_are_no_proof),
	cmocka_unit_test(access_times_move_as_source_is_mounted),
	cmocka_unit_test(who_wants_attributes_gets_them_with_the_listing),
	cmocka_unit_test(who_looks_at_one_file_amid_a_small_listing_lists_others_from_the_cache),
	cmocka_unit_test(a_directory_of_locked_files_is_not_cached),
};

static const struct suite suite = {
	.name = "listed", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .needs_daemon = true};

SUITE_MAIN(suite)
