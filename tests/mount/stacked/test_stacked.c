/* SOURCE on another FUSE mount, whose daemon forgets files when the kernel does; overlayfs below and above.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK "131072" /* of the daemon's threads, in bytes */
#define DEPTH 500

static struct mount below, above;

/* overlayfs opens nothing by handle, so the daemon on it knows files by their names, and only while the
 * kernel does. */
static void mount_overlay(const char *path)
{
	static char output[2048];
	char upper[PATH_MAX], work[PATH_MAX];

	snprintf(upper, sizeof(upper), "%.3000s.upper", path);
	snprintf(work, sizeof(work), "%.3000s.work", path);
	assert_return_code(mkdir(upper, 0755), errno);
	assert_return_code(mkdir(work, 0755), errno);
	if (shell(output, sizeof(output),
		    "mount -t overlay -o 'lowerdir=%s,upperdir=%s,workdir=%s' none '%s'", path, upper, work,
		    path))
		SKIP_TEST("no overlayfs here: %s", output);
}

static void a_mount_over_a_forgetful_one_is_started(void **state)
{
	char path[PATH_MAX];

	mount_prepare(&below, "below");
	mount_overlay(below.source);
	mount_start(&below, "below", "transport=dev");
	mount_prepare(&above, "above");
	assert_return_code(mount(below.point, above.source, NULL, MS_BIND, NULL), errno);
	setenv("FUSE_THREAD_STACK", STACK, 1);
	mount_start(&above, "above", "attr_timeout=0,admit=1,settle=0");
	unsetenv("FUSE_THREAD_STACK");
	assert_return_code(chdir(above.point), errno);
	assert_return_code(shell(NULL, 0, "mkdir -p '%s/dir/sub'", above.point), errno);
	snprintf(path, sizeof(path), "%.3000s/dir/sub/file", above.point);
	assert_return_code(put_file(path, 10000, 1), errno);
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && pwrite(fd, "2", 1, 0) != 1)
		print_message("could not drop caches\n");
	poll(NULL, 0, 100);
	close(fd);
}

/* Long enough for descriptors that nobody used to be closed. */
static void let_all_be_forgotten(void)
{
	poll(NULL, 0, 4000);
	for (int i = 0; i < 3; i++)
		drop_caches();
}

/* Too deep for the daemon's stack if each directory were reached by a recursive call. Returns the deepest
 * one. */
static int make_deep_path(const char *top)
{
	int at = open(top, O_PATH | O_CLOEXEC), next;

	for (int i = 0; i < DEPTH; i++) {
		assert_return_code(mkdirat(at, "d", 0755), errno);
		next = openat(at, "d", O_PATH | O_CLOEXEC);
		assert_return_code(next, errno);
		close(at);
		at = next;
	}
	return at;
}

static void open_files_and_a_working_directory_stay_good_through_a_pause(void **state)
{
	struct stat st;
	int writer, both, deep;

	if (!above.daemon)
		skip();
	deep = make_deep_path(above.point);
	assert_return_code(chdir("dir"), errno);
	/* who wrote it is released a moment after close(2) has returned */
	for (int tries = 0; mount_stat(&above, "fills") == 0 && tries < 30; tries++)
		warm("sub/file");
	writer = open("sub/file", O_WRONLY | O_CLOEXEC);
	both = open("sub/file", O_RDWR | O_CLOEXEC);
	assert_return_code(writer | both, errno);
	assert_true(mount_stat(&above, "fills") > 0);
	let_all_be_forgotten();
	assert_int_equal(pwrite(writer, "x", 1, 0), 1);
	assert_return_code(fstat(both, &st), errno);
	assert_return_code(mkdirat(deep, "d", 0755), errno);
	close(writer);
	close(both);
	close(deep);
	assert_return_code(stat(".", &st), errno);
	assert_return_code(stat("sub/file", &st), errno);
	assert_int_equal(st.st_size, 10000);
	assert_return_code(put_file("new", 100, 2), errno);
	assert_return_code(chdir(".."), errno);
}

/* A file reached by its name holds a reference on its directory, which holds one on its own. */
static void directories_are_forgotten_with_the_last_file_in_them(void **state)
{
	if (!above.daemon)
		skip();
	for (int tries = 0; mount_stat(&above, "inodes") > DEPTH / 10 && tries < 30; tries++)
		drop_caches();
	assert_true(mount_stat(&above, "inodes") <= DEPTH / 10);
}

static void the_daemons_end_cleanly(void **state)
{
	if (!above.daemon)
		skip();
	assert_return_code(chdir("/"), errno);
	mount_stop(&above, MOUNT_END_UMOUNT);
	assert_return_code(umount2(above.source, 0), errno);
	mount_stop(&below, MOUNT_END_UMOUNT);
}

/* bindfs knows files by their names, and does not tell when they were born. */
static void a_mount_over_bindfs_is_started(void **state)
{
	static char output[2048];

	mount_prepare(&below, "bound");
	if (shell(output, sizeof(output), "bindfs '%s' '%s'", below.source, below.point))
		SKIP_TEST("no bindfs here: %s", output);
	mount_prepare(&above, "over");
	assert_return_code(mount(below.point, above.source, NULL, MS_BIND, NULL), errno);
	mount_start(&above, "over", "entry_timeout=60");
	assert_return_code(chdir(above.point), errno);
}

/* A disk gives a new file the number of one that was just removed, while the kernel may still know that. */
static void a_number_that_is_used_again_is_another_file(void **state)
{
	struct stat st;
	int known[2];

	if (!above.daemon)
		skip();
	for (unsigned i = 0; i < 20; i++) {
		assert_return_code(put_file("again", 1000, i), errno);
		assert_return_code(mkdir("dir", 0755), errno);
		known[0] = open("again", O_PATH | O_CLOEXEC);
		known[1] = open("dir", O_PATH | O_CLOEXEC);
		assert_return_code(rmdir("dir"), errno);
		if (i % 2) {
			assert_return_code(unlink("again"), errno);
		} else {
			assert_return_code(put_file("other", 10, i), errno);
			assert_return_code(rename("other", "again"), errno);
		}
		assert_return_code(put_file("again", 2000, i), errno);
		assert_return_code(stat("again", &st), errno);
		assert_int_equal(st.st_size, 2000);
		assert_return_code(mkdir("dir", 0755), errno);
		assert_return_code(put_file("dir/file", 10, i), errno);
		assert_return_code(unlink("dir/file"), errno);
		assert_return_code(rmdir("dir"), errno);
		close(known[0]);
		close(known[1]);
	}
}

static void a_file_replaced_below_is_found_by_its_name(void **state)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (!above.daemon)
		skip();
	assert_return_code(put_file("replaced", 1000, 1), errno);
	assert_return_code(stat("replaced", &st), errno);
	snprintf(path, sizeof(path), "%.3000s/replaced", below.point);
	assert_return_code(put_file("new", 2000, 2), errno);
	assert_int_equal(shell(NULL, 0, "mv '%s/new' '%s'", below.point, path), 0);
	fd = open("replaced", O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_return_code(fstat(fd, &st), errno);
	assert_int_equal(st.st_size, 2000);
	close(fd);
}

static void the_daemon_over_bindfs_ends_cleanly(void **state)
{
	if (!above.daemon)
		skip();
	assert_return_code(chdir("/"), errno);
	mount_stop(&above, MOUNT_END_UMOUNT);
	assert_return_code(umount2(above.source, 0), errno);
	assert_return_code(umount2(below.point, 0), errno);
}

static long long opens_of(const struct mount *mount)
{
	return mount_stat(mount, "served/opens");
}

/* Each open is a request to a server, if SOURCE is remote: FUSE counts as such. No copy is made within
 * settle.
 */
static void a_file_that_was_just_written_is_opened_once(void **state)
{
	static struct mount server, client;
	char path[PATH_MAX];
	long long before;
	int fd;

	mount_start(&server, "server", "admit=0,passthrough=off,transport=dev");
	mount_prepare(&client, "client");
	assert_return_code(mount(server.point, client.source, NULL, MS_BIND, NULL), errno);
	mount_start(&client, "client", "admit=1,settle=1h,passthrough=off,transport=dev");
	snprintf(path, sizeof(path), "%.3000s/file", client.point);
	assert_return_code(put_file(path, 10000, 1), errno);
	poll(NULL, 0, 300); /* the writer is released after close(2) has returned */
	before = opens_of(&server);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	poll(NULL, 0, 300);
	close(fd);
	assert_int_equal(mount_stat(&client, "misses"), 1);
	assert_int_equal(opens_of(&server) - before, 1);
	mount_stop(&client, MOUNT_END_UMOUNT);
	assert_return_code(umount2(client.source, 0), errno);
	mount_stop(&server, MOUNT_END_UMOUNT);
}

/* Container engines use the mount as a layer of overlayfs: it must not take the second stacking layer without
 * need. */
static void an_overlay_lies_over_the_mount(void **state)
{
	static struct mount plain;
	char path[PATH_MAX], over[PATH_MAX];

	mount_start(&plain, "plain", "passthrough=on,admit=0");
	snprintf(path, sizeof(path), "%.3000s/file", plain.point);
	assert_return_code(put_file(path, 10000, 1), errno);
	snprintf(over, sizeof(over), "%.3000s/over", config.base);
	assert_return_code(mkdir(over, 0755), errno);
	assert_int_equal(
		shell(NULL, 0,
			"cd '%s' && mkdir upper work merged && mount -t overlay -o "
			"'lowerdir=%s,upperdir=upper,workdir=work' none merged && "
			"cmp merged/file '%s' && echo more >> merged/file && test $(stat -c %%s merged/file) "
			"= 10005 && umount merged",
			over, plain.point, path),
		0);
	assert_int_equal(mount_stat(&plain, "fallbacks"), 0);
	assert_true(mount_stat(&plain, "plain/opens") > 0);
	mount_stop(&plain, MOUNT_END_UMOUNT);
}

static void files_of_an_overlay_are_passed_through(void **state)
{
	static struct mount on_overlay;
	char path[PATH_MAX];

	mount_prepare(&on_overlay, "on_overlay");
	mount_overlay(on_overlay.source);
	mount_start(&on_overlay, "on_overlay", "passthrough=on,admit=0");
	snprintf(path, sizeof(path), "%.3000s/file", on_overlay.point);
	assert_return_code(put_file(path, 10000, 1), errno);
	assert_int_equal(shell(NULL, 0, "cat '%s' > /dev/null", path), 0);
	assert_int_equal(mount_stat(&on_overlay, "fallbacks"), 0);
	assert_true(mount_stat(&on_overlay, "plain/opens") > 0);
	mount_stop(&on_overlay, MOUNT_END_UMOUNT);
	assert_return_code(umount2(on_overlay.source, 0), errno);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_mount_over_a_forgetful_one_is_started),
	cmocka_unit_test(open_files_and_a_working_directory_stay_good_through_a_pause),
	cmocka_unit_test(directories_are_forgotten_with_the_last_file_in_them),
	cmocka_unit_test(the_daemons_end_cleanly),
	cmocka_unit_test(a_mount_over_bindfs_is_started),
	cmocka_unit_test(a_number_that_is_used_again_is_another_file),
	cmocka_unit_test(a_file_replaced_below_is_found_by_its_name),
	cmocka_unit_test(the_daemon_over_bindfs_ends_cleanly),
	cmocka_unit_test(a_file_that_was_just_written_is_opened_once),
	cmocka_unit_test(an_overlay_lies_over_the_mount),
	cmocka_unit_test(files_of_an_overlay_are_passed_through),
};

static const struct suite suite = {.name = "stacked",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
