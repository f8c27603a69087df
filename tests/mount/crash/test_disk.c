/* A full disk, writes that fail, and a power cut; each but the second on a file system of the test's own
 * below the mount. (A disk that refuses writes is not among them: ext4 of Linux 6.18 may stop at a BUG then,
 * and with it every sync of the machine.) */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (1 << 20)
#define SYNCED (5 << 20)

/* How a file is written: aligned steps go around the page cache. */
struct way {
	const char *name;
	int flags;
	size_t step;
};

static const struct way ways[] = {
	{"aligned", 0, BLOCK},
	{"unaligned", 0, 300001},
	{"appended", O_APPEND, 200000},
	{"sync", O_SYNC, BLOCK},
	{"dsync", O_DSYNC, 100000},
	{"small", 0, 30000},
};

#define WAYS (sizeof(ways) / sizeof(*ways))

static void fill(unsigned char *buf, off_t offset, size_t size)
{
	for (size_t i = 0; i < size; i++)
		buf[i] = (unsigned char)((uint64_t)(offset + (off_t)i) * 2654435761u >> 13);
}

/* Writes on until `size` bytes are there or one fails; the bytes that were acknowledged. */
static off_t write_from(int fd, size_t step, off_t done, off_t size, int *error)
{
	unsigned char *buf = aligned_alloc(4096, BLOCK);

	*error = 0;
	while (done < size && !*error) {
		size_t want = (off_t)step < size - done ? step : (size_t)(size - done);
		ssize_t n;

		fill(buf, done, want);
		n = write(fd, buf, want);
		if (n < 0)
			*error = errno;
		else
			done += n;
	}
	free(buf);
	return done;
}

static off_t write_until(int fd, size_t step, off_t size, int *error)
{
	return write_from(fd, step, 0, size, error);
}

static void check_bytes(const char *root, const char *name, off_t size)
{
	unsigned char *buf = malloc(BLOCK), *right = malloc(BLOCK);
	int fd = open_below(root, name, O_RDONLY);

	for (off_t at = 0; at < size; at += BLOCK) {
		size_t want = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

		assert_int_equal(pread(fd, buf, want, at), want);
		fill(right, at, want);
		if (memcmp(buf, right, want))
			fail_msg("%s/%s differs within 1M of %jd", root, name, (intmax_t)at);
	}
	close(fd);
	free(buf);
	free(right);
}

/* --- a full disk ------------------------------------------------------------------------------ */

static void what_a_full_disk_acknowledged_is_in_the_file(void **state)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct mount mount;

	mount_prepare(&mount, "full");
	path_below(dir, config.base, "full.disk");
	volume_make(dir, mount.source, "ext4", "24M");
	mount_start(&mount, "full", NULL);
	for (size_t i = 0; i < WAYS; i++) {
		int error, fd = open_below(mount.point, "file", O_WRONLY | O_CREAT | O_TRUNC | ways[i].flags);
		off_t done = write_until(fd, ways[i].step, 64 << 20, &error);

		assert_int_equal(error, ENOSPC);
		assert_true(done > 8 << 20);
		check_bytes(mount.point, "file", done);
		check_bytes(mount.source, "file", done);
		assert_int_equal(fsync(fd), 0);
		check_bytes(mount.source, "file", done);
		/* with room again the same handle goes on */
		assert_return_code(ftruncate(fd, 0), errno);
		lseek(fd, 0, SEEK_SET);
		assert_int_equal(write_until(fd, ways[i].step, 4 << 20, &error), 4 << 20);
		close(fd);
		check_bytes(mount.source, "file", 4 << 20);
		path_below(path, mount.point, "file");
		assert_return_code(unlink(path), errno);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
	umount(mount.source);
}

/* --- errors of single writes ------------------------------------------------------------------ */

/* The next try goes well, from where the writer stands: fsync and close have nothing more to say. */
static void fail_once(const char *word, int errno_of_word, off_t place, const struct way *way)
{
	off_t size = 6 << 20, done;
	struct mount mount;
	char faults[64], name[64];
	int fd, error;

	snprintf(faults, sizeof(faults), "device-write:%s@%jd#1", word, (intmax_t)place);
	snprintf(name, sizeof(name), "%s-%jd-%s", word, (intmax_t)place, way->name);
	setenv("SIEVEFS_FAULT", faults, 1);
	mount_start(&mount, name, NULL);
	unsetenv("SIEVEFS_FAULT");
	fd = open_below(mount.point, "file", O_WRONLY | O_CREAT | O_TRUNC | way->flags);
	done = write_from(fd, way->step, 0, size, &error);
	assert_int_equal(error, errno_of_word);
	assert_int_equal(done, place / (off_t)way->step * (off_t)way->step);
	check_bytes(mount.source, "file", done);
	assert_int_equal(write_from(fd, way->step, done, size, &error), size);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(close(fd), 0);
	check_bytes(mount.point, "file", size);
	check_bytes(mount.source, "file", size);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void an_error_of_the_disk_is_that_of_the_write_it_met(void **state)
{
	static const struct {
		const char *word;
		int error;
	} errors[] = {{"eio", EIO}, {"enospc", ENOSPC}, {"edquot", EDQUOT}};
	static const off_t places[] = {0, 3000000, (6 << 20) - 1};

	if (config.lane && !strcmp(config.lane, "written"))
		SKIP_TEST("the daemon, in which such errors can be made, does not write here");
	for (size_t e = 0; e < 3; e++)
		for (size_t i = 0; i < WAYS; i++)
			if (!(ways[i].flags & O_APPEND)) /* the backend moves the others */
				fail_once(errors[e].word, errors[e].error, places[(e + i) % 3], &ways[i]);
}

/* --- a power cut ------------------------------------------------------------------------------ */

static void write_and_sync(const char *root, const struct way *way, bool data_only)
{
	int fd = open_below(root, way->name, O_WRONLY | O_CREAT | O_TRUNC | way->flags), error;

	assert_int_equal(write_until(fd, way->step, SYNCED, &error), SYNCED);
	if (!(way->flags & (O_SYNC | O_DSYNC)))
		assert_int_equal(data_only ? fdatasync(fd) : fsync(fd), 0);
	/* and some that nobody asked to be on the disk; the handle stays open, since a close is no sync */
	assert_int_equal(write(fd, "lost", 4), 4);
}

static void write_and_sync_all(const char *root, int data_only)
{
	for (size_t i = 0; i < WAYS; i++)
		write_and_sync(root, &ways[i], data_only);
}

static void what_fsync_acknowledged_survives_a_power_cut(void **state)
{
	for (int round = 0; round < 2; round++) {
		char dir[PATH_MAX], name[16];
		struct mount mount;

		snprintf(name, sizeof(name), "power%d", round);
		mount_prepare(&mount, name);
		snprintf(dir, sizeof(dir), "%.3000s/%s.disk", config.base, name);
		volume_make(dir, mount.source, "ext4", "96M");
		mount_start(&mount, name, NULL);
		volume_act_until_power_cut(&mount, dir, write_and_sync_all, round);
		for (size_t i = 0; i < WAYS; i++)
			check_bytes(mount.source, ways[i].name, SYNCED);
		umount(mount.source);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_a_full_disk_acknowledged_is_in_the_file),
	cmocka_unit_test(an_error_of_the_disk_is_that_of_the_write_it_met),
	cmocka_unit_test(what_fsync_acknowledged_survives_a_power_cut),
};

static const struct suite suite = {.name = "disk",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
