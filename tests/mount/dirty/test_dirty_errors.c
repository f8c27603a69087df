/* What a disk could not write is told to whoever wrote it, by fsync(2), once: with the options dirty_* as
 * without. */
#include "cache/base/page_cache.h"
#include "tests/support/suite.h"
#include "tests/support/volume.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define SIZE (1 << 20)
#define LIMIT_MS 10000

static struct mount mount_failing;
static char fails[PATH_MAX]; /* while this file is there, the disk fails */

/* errno of each fsync(2); 0: it went well */
struct told {
	int writer[2]; /* the handle that wrote */
	int other[2];  /* one that was open meanwhile */
	int late[2];   /* one that was opened after the disk had failed, before anybody was told */
	int closed;    /* of a file that was closed before, opened anew */
};

static int sync_fd(int fd)
{
	return fsync(fd) < 0 ? errno : 0;
}

static void set_failing(bool on)
{
	if (on)
		close(open(fails, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	else
		unlink(fails);
}

/* Only data is written while the disk fails: the file is there, with all its blocks, and xfs takes half a
 * minute to write its log. */
static void make(const char *name)
{
	static char bytes[SIZE];
	int fd = open_below(mount_failing.point, name, O_WRONLY | O_CREAT);

	assert_int_equal(write(fd, bytes, SIZE), SIZE);
	assert_return_code(fsync(fd), errno);
	close(fd);
}

static int overwrite(const char *name)
{
	static char bytes[SIZE];
	int fd = open_below(mount_failing.point, name, O_WRONLY);

	memset(bytes, 'x', SIZE);
	assert_int_equal(write(fd, bytes, SIZE), SIZE);
	return fd;
}

/* Has the kernel write it back, where the flusher is not about to. */
static void await_writeback(const char *name, bool by_flusher)
{
	struct page_cache_counts counts;
	int fd = open_below(mount_failing.source, name, O_RDONLY);

	if (!by_flusher)
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (int ms = 0; ms < LIMIT_MS; ms += 10) {
		assert_int_equal(page_cache_count(fd, 0, 0, &counts), 0);
		if (counts.dirty + counts.writeback == 0)
			break;
		poll(NULL, 0, 10);
	}
	close(fd);
	assert_int_equal(counts.dirty + counts.writeback, 0);
}

static void look(const char *error, const char *options, struct told *told)
{
	char dir[PATH_MAX], name[32], disk[64], parameters[PATH_MAX + 128];
	int writer, other, late, closed;

	*told = (struct told){.closed = 0};
	snprintf(name, sizeof(name), "%s-%s", error, options ? "own" : "kernel");
	snprintf(disk, sizeof(disk), "%s.disk", name);
	mount_prepare(&mount_failing, name);
	path_below(dir, config.base, disk);
	path_below(fails, config.base, "fails");
	snprintf(parameters, sizeof(parameters), "error-pwrite=%s error-pwrite-rate=100%% error-file=%s",
		error, fails);
	volume_make_filtered(dir, mount_failing.source, "xfs", "320M", "error", parameters);
	mount_start(&mount_failing, name, options);
	make("open");
	make("closed");
	other = open_below(mount_failing.point, "open", O_WRONLY);
	set_failing(true);
	writer = overwrite("open");
	close(overwrite("closed"));
	await_writeback("open", options != NULL);
	await_writeback("closed", options != NULL);
	set_failing(false);
	late = open_below(mount_failing.point, "open", O_WRONLY);
	for (int i = 0; i < 2; i++) {
		told->writer[i] = sync_fd(writer);
		told->other[i] = sync_fd(other);
		told->late[i] = sync_fd(late);
	}
	closed = open_below(mount_failing.point, "closed", O_WRONLY);
	told->closed = sync_fd(closed);
	close(closed);
	close(writer);
	close(other);
	close(late);
	mount_stop(&mount_failing, MOUNT_END_UMOUNT);
	umount(mount_failing.source);
}

static void check(const char *word, int error)
{
	struct told own, kernel;

	look(word, "dirty_expire=200ms,dirty_writeback=50ms", &own);
	look(word, NULL, &kernel);
	assert_int_equal(own.writer[0], error);
	assert_int_equal(own.writer[1], 0);
	assert_int_equal(own.other[0], error);
	assert_int_equal(own.closed, error);
	assert_memory_equal(&own, &kernel, sizeof(own));
}

static void a_failing_disk_is_told_of_once(void **state)
{
	check("EIO", EIO);
}

static void a_full_disk_is_told_of_once(void **state)
{
	check("ENOSPC", ENOSPC);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_failing_disk_is_told_of_once),
	cmocka_unit_test(a_full_disk_is_told_of_once),
};

static const struct suite suite = {
	.name = "dirty_errors",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true,
	.needs_cachestat = true,
};

SUITE_MAIN(suite)
