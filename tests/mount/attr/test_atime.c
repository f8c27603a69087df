/* Access times of SOURCE: what leaves them alone natively does so through the mount. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_AGO 1000000000

static const struct {
	const char *name;
	size_t size;
} files[] = {{"small", 3000}, {"middle", 40000}, {"large", 2 << 20}};

#define FILES (sizeof(files) / sizeof(*files))

/* With the mtime later, so that relatime would move it. */
static void age(const char *root, const char *name)
{
	const struct timespec times[2] = {{.tv_sec = LONG_AGO}, {.tv_sec = LONG_AGO + 1}};
	char path[PATH_MAX];

	path_below(path, root, name);
	assert_return_code(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), errno);
}

static bool has_moved(const char *root, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	path_below(path, root, name);
	assert_return_code(lstat(path, &st), errno);
	return st.st_atime != LONG_AGO;
}

static void make_files(const struct mount *mount)
{
	char path[PATH_MAX], program[PATH_MAX];

	for (size_t i = 0; i < FILES; i++) {
		path_below(path, mount->source, files[i].name);
		assert_return_code(put_file(path, files[i].size, 1), errno);
		age(mount->source, files[i].name);
	}
	path_below(program, mount->source, "program");
	assert_int_equal(shell(NULL, 0, "cp /bin/true %s", program), 0);
	path_below(path, mount->source, "link");
	assert_return_code(symlink("small", path), errno);
	path_below(path, mount->source, "dir");
	assert_return_code(mkdir(path, 0755), errno);
	age(mount->source, "program");
	age(mount->source, "link");
	age(mount->source, "dir");
}

/* In order, so that a stream reads ahead; a few times, so that a cache copies it; then by the other calls. */
static void read_file(const char *root, const char *name, size_t size, int flags)
{
	char path[PATH_MAX], *map, buffer[4096];
	int fd, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	volatile char byte;

	path_below(path, root, name);
	for (int round = 0; round < 3; round++) {
		fd = open_below(root, name, flags);
		while (read(fd, buffer, sizeof(buffer)) > 0)
			;
		assert_int_equal(pread(fd, buffer, 1, (off_t)size / 3), 1);
		assert_return_code(sendfile(null, fd, &(off_t){0}, size), errno);
		map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		assert_ptr_not_equal(map, MAP_FAILED);
		byte = map[size / 2];
		(void)byte;
		munmap(map, size);
		close(fd);
		usleep(6000);
	}
	close(null);
}

static void read_dir(const char *root, const char *name)
{
	char path[PATH_MAX];
	DIR *dir;

	path_below(path, root, name);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		;
	closedir(dir);
}

static void read_link(const char *root, const char *name)
{
	char path[PATH_MAX], target[64];

	path_below(path, root, name);
	assert_int_equal(readlink(path, target, sizeof(target)), 5);
}

static void run(const char *root, const char *name)
{
	char path[PATH_MAX];

	path_below(path, root, name);
	assert_int_equal(shell(NULL, 0, "%s", path), 0);
}

static void use_everything(const char *root)
{
	for (size_t i = 0; i < FILES; i++)
		read_file(root, files[i].name, files[i].size, O_RDONLY);
	run(root, "program");
	read_dir(root, "dir");
	read_link(root, "link");
}

static void check_kept(const struct mount *mount, const char *option)
{
	unsigned moved = 0;

	for (size_t i = 0; i < FILES; i++)
		if (has_moved(mount->source, files[i].name) && ++moved)
			print_error("%s: the atime of %s has moved\n", option, files[i].name);
	if (has_moved(mount->source, "program") && ++moved)
		print_error("%s: the atime of the program has moved\n", option);
	if (has_moved(mount->source, "dir") && ++moved)
		print_error("%s: the atime of the directory has moved\n", option);
	/* a user's daemon has no means for symbolic links */
	if (!config.user && has_moved(mount->source, "link") && ++moved)
		print_error("%s: the atime of the symbolic link has moved\n", option);
	assert_int_equal(moved, 0);
}

/* Made through the mount, and read by the handle that made it. */
static void read_a_new_file(const struct mount *mount, int flags)
{
	char buffer[100] = "";
	int fd = open_below(mount->point, "new", O_RDWR | O_CREAT | O_EXCL | flags);

	assert_int_equal(write(fd, buffer, sizeof(buffer)), sizeof(buffer));
	age(mount->source, "new");
	assert_int_equal(pread(fd, buffer, sizeof(buffer), 0), sizeof(buffer));
	close(fd);
	assert_false(has_moved(mount->source, "new"));
	assert_int_equal(
		shell(NULL, 0, "cd %s && ln -P new hard && ln -P link soft && mv hard dir && cp new dir/copy",
			mount->point),
		0);
}

static void a_mount_with_noatime_or_ro_leaves_access_times_alone(void **state)
{
	static const char *const options[] = {"noatime", "ro"};

	for (size_t i = 0; i < 2; i++) {
		struct mount mount;

		mount_prepare(&mount, options[i]);
		make_files(&mount);
		mount_start(&mount, options[i], options[i]);
		use_everything(mount.point);
		check_kept(&mount, options[i]);
		if (i == 0)
			read_a_new_file(&mount, 0);
		mount_stop(&mount, MOUNT_END_UMOUNT);
	}
}

/* The daemon may not open them with O_NOATIME. */
static void files_of_others_can_be_read_on_a_users_mount_with_noatime(void **state)
{
	char point[PATH_MAX], output[1024] = "";

	if (!config.user)
		SKIP_TEST("root may");
	path_below(point, config.base, "others");
	assert_return_code(mkdir(point, 0755), errno);
	if (shell(output, sizeof(output),
		    "%s -o noatime /etc %s && ls %s && cat %s/passwd && fusermount3 -u %s", getenv("SIEVEFS"),
		    point, point, point, point))
		fail_msg("%s", output);
}

static void a_mount_with_nodiratime_leaves_those_of_directories_alone(void **state)
{
	struct mount mount;

	if (config.user)
		SKIP_TEST("fusermount3 does not know nodiratime");
	mount_prepare(&mount, "nodiratime");
	make_files(&mount);
	mount_start(&mount, "nodiratime", "nodiratime");
	read_dir(mount.point, "dir");
	assert_false(has_moved(mount.source, "dir"));
	read_link(mount.point, "link");
	assert_true(has_moved(mount.source, "link"));
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_handle_with_o_noatime_leaves_them_alone(void **state)
{
	for (size_t i = 0; i < FILES; i++) {
		read_file(mounted.point, files[i].name, files[i].size, O_RDONLY | O_NOATIME);
		read_file(mounted.point, files[i].name, files[i].size, O_RDWR | O_NOATIME);
	}
	for (size_t i = 0; i < FILES; i++)
		if (has_moved(mounted.source, files[i].name))
			fail_msg("the atime of %s has moved", files[i].name);
	read_a_new_file(&mounted, O_NOATIME);
}

/* So the tests above and below can fail. Copies are read without moving anything. */
static void reading_moves_them(void **state)
{
	use_everything(mounted.point);
	assert_true(has_moved(mounted.source, "large"));
	assert_true(has_moved(mounted.source, "dir"));
	assert_true(has_moved(mounted.source, "link"));
}

static void files_are_made(void **state)
{
	make_files(&mounted);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(files_are_made),
	cmocka_unit_test(a_handle_with_o_noatime_leaves_them_alone),
	cmocka_unit_test(reading_moves_them),
	cmocka_unit_test(a_mount_with_noatime_or_ro_leaves_access_times_alone),
	cmocka_unit_test(files_of_others_can_be_read_on_a_users_mount_with_noatime),
	cmocka_unit_test(a_mount_with_nodiratime_leaves_those_of_directories_alone),
};

static const struct suite suite = {.name = "atime",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.mounts = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
