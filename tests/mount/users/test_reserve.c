/*
 * What a file system keeps for root (ext4 gives it to the user of its superblock, to root) is not given to
 * users who write through the mount: as much fits as natively, whichever way it is taken.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SMALL "48M"
#define LARGE "160M" /* enough that the daemon need not look at each write at first */
#define STEP (256 << 10)
#define TOLERANCE (512 << 10) /* bytes: metadata, and what the journal has not given back yet */

static char volume[PATH_MAX];
static char step[STEP];

/* --- ways to take all there is: in the current directory, until ENOSPC ------------------------- */

static void write_until_full(int fd, size_t size)
{
	while (write(fd, step, size) > 0)
		;
	while (write(fd, step, 512) > 0)
		;
}

static void write_to(const char *name, int flags, size_t size)
{
	int fd = open(name, flags | O_CREAT, 0666);

	write_until_full(fd, size);
	close(fd);
}

static void take_by_stream(void)
{
	write_to("f", O_WRONLY, STEP);
}

static void take_by_small_writes(void)
{
	write_to("f", O_WRONLY | O_APPEND, 4096);
}

static void take_in_place(void)
{
	write_to("f", O_RDWR, 65536);
}

static void take_beside_a_reader(void)
{
	write_to("read", O_WRONLY, 65536);
}

static void take_beside_root(void)
{
	write_to("written", O_WRONLY, 65536);
}

static void take_by_fallocate(void)
{
	int fd = open("f", O_WRONLY | O_CREAT, 0666);
	off_t at = 0;

	for (off_t size = STEP; size >= 4096; size /= 2)
		while (fallocate(fd, 0, at, size) == 0)
			at += size;
	close(fd);
}

static void take_by_copying(void)
{
	int from = open("model", O_RDONLY), to = open("f", O_WRONLY | O_CREAT, 0666);
	ssize_t n;

	do {
		off_t at = 0;

		n = copy_file_range(from, &at, to, NULL, STEP, 0);
	} while (n > 0);
	write_until_full(to, 4096);
	close(from);
	close(to);
}

static void take_by_directories(void)
{
	char name[32];

	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		if (mkdir(name, 0755))
			break;
	}
}

static void take_by_small_files(void)
{
	char name[32];

	for (int i = 0; i < 100000; i++) {
		int fd;

		snprintf(name, sizeof(name), "f%d", i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0)
			break;
		if (write(fd, step, 65536) < 65536)
			i = 100000;
		close(fd);
	}
	write_to("last", O_WRONLY, 4096);
}

/* Once there is no room for bytes: of each file in a block of its own, which equal attributes would share. */
static void take_by_attributes(void)
{
	char name[32], value[3000] = "";
	int r = 0;

	take_by_fallocate();
	for (int i = 0; i < 100000 && r == 0; i++) {
		int fd;

		snprintf(name, sizeof(name), "f%d", i);
		snprintf(value, sizeof(value), "%d", i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		r = fsetxattr(fd, "user.a", value, sizeof(value), 0);
		close(fd);
	}
}

static const struct way {
	const char *name;
	void (*take)(void);
} ways[] = {
	{"stream", take_by_stream},
	{"small writes", take_by_small_writes},
	{"in place", take_in_place},
	{"beside a reader", take_beside_a_reader},
	{"beside root", take_beside_root},
	{"fallocate", take_by_fallocate},
	{"copies", take_by_copying},
	{"directories", take_by_directories},
	{"small files", take_by_small_files},
	{"attributes", take_by_attributes},
};

#define WAYS (sizeof(ways) / sizeof(*ways))

/* --- and how much that is --------------------------------------------------------------------- */

static uint64_t free_bytes(void)
{
	struct statfs fs;

	assert_return_code(statfs(volume, &fs), errno);
	return (uint64_t)fs.f_bfree * (uint64_t)fs.f_bsize;
}

/* While ext4 gives blocks to what it had delayed, it counts them twice: as promised and as taken. */
static uint64_t settled_free_bytes(void)
{
	int fd = open(volume, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_return_code(syncfs(fd), errno);
	close(fd);
	return free_bytes();
}

/* Removes it all, and waits until the journal, and who had it open, has given back what that took.
 */
static void empty(const char *where, uint64_t until)
{
	char output[256];
	int fd = open(volume, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (shell(output, sizeof(output), "rm -rf '%s/work'", where))
		fail_msg("%s", output);
	for (int tries = 0; free_bytes() + TOLERANCE / 4 < until; tries++) {
		if (tries == 500)
			fail_msg("%llu bytes are still taken", (unsigned long long)(until - free_bytes()));
		assert_return_code(syncfs(fd), errno);
		usleep(10000);
	}
	close(fd);
}

/* What is free after a user, or root, took all that he could. */
static uint64_t left_by(const char *where, const struct way *way, uid_t uid)
{
	uint64_t left, before = free_bytes();
	int reader, writer;

	assert_return_code(chdir(where) | mkdir("work", 0777) | chmod("work", 0777) | chdir("work"), errno);
	assert_return_code(put_file("model", STEP, 1), errno);
	reader = open("read", O_RDONLY | O_CREAT, 0666);
	writer = open("written", O_WRONLY | O_CREAT, 0666);
	assert_return_code(reader | writer | chmod("read", 0666) | chmod("written", 0666), errno);
	if (user_begin(uid, uid ? TEST_GID : 0)) {
		way->take();
		user_end();
	}
	left = settled_free_bytes();
	close(reader);
	close(writer);
	assert_return_code(chdir("/"), errno);
	empty(where, before);
	return left;
}

/* It is told what to keep when it is mounted. */
static void make_f2fs(const char *dir, const char *size)
{
	char output[256];

	/* it can't be made smaller */
	volume_make_with(dir, volume, "f2fs", strcmp(size, SMALL) ? size : "96M", "-f");
	if (shell(output, sizeof(output), "mount -o remount,reserve_root=4096 %s", volume))
		fail_msg("%s", output);
}

static void start(struct mount *mount, const char *size)
{
	char dir[PATH_MAX];

	mount_prepare(mount, "reserve");
	strcpy(volume, mount->source);
	snprintf(dir, sizeof(dir), "%.3000s/image", config.base);
	if (config.source && !strcmp(config.source, "f2fs"))
		make_f2fs(dir, size);
	else
		volume_make_with(dir, volume, "ext4", size, "-F -m 30 -b 4096 -E lazy_itable_init=0");
	mount_start(mount, "reserve", NULL);
}

static void stop(struct mount *mount)
{
	mount_stop(mount, MOUNT_END_UMOUNT);
	assert_return_code(umount2(volume, MNT_DETACH), errno);
}

static void as_natively(uid_t uid, const char *size, size_t way_count)
{
	struct mount mount;
	unsigned different = 0;

	start(&mount, size);
	for (const struct way *way = ways; way < ways + way_count; way++) {
		uint64_t bare = left_by(volume, way, uid), left = left_by(mount.point, way, uid);

		print_message("%s: %llu KiB left natively, %llu through the mount\n", way->name,
			(unsigned long long)bare >> 10, (unsigned long long)left >> 10);
		different += left + TOLERANCE < bare || bare + TOLERANCE < left;
	}
	stop(&mount);
	assert_int_equal(different, 0);
}

static void users_get_nothing_of_what_is_kept_for_root(void **state)
{
	as_natively(TEST_UID, SMALL, WAYS);
}

static void root_gets_what_is_kept_for_root(void **state)
{
	as_natively(0, SMALL, WAYS);
}

static void users_get_nothing_of_it_where_there_was_plenty_before(void **state)
{
	as_natively(TEST_UID, LARGE, 2);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(users_get_nothing_of_what_is_kept_for_root),
	cmocka_unit_test(users_get_nothing_of_it_where_there_was_plenty_before),
	cmocka_unit_test(root_gets_what_is_kept_for_root),
};

static const struct suite suite = {.name = "reserve",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
