/*
 * A disk that takes no more of a file's blocks: the writeback fails after the writes were acknowledged, and
 * fsync(2) has to say so, to each handle once, through the mount as on the directory itself.
 *
 * The disk is a file in a tmpfs that is full: only the blocks that were taken away from it can't be written,
 * and these hold nothing but the files' bytes, so that the file system itself stays whole.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SIZE (24 << 20) /* and a little, so that there is room in the last block */
#define STEP 300001
#define ALL (2 * SIZE)
#define EXTENTS 64

/* A way to write; handles are O_WRONLY, which large files' own lane takes, or O_RDWR, which it leaves. */
struct way {
	const char *name;
	int flags;
	off_t size;
	off_t broken; /* so many bytes of the file can't be written */
	size_t step;  /* from the file's start; 0: STEP, from an odd place on */
};

static const struct way ways[] = {
	{"small", O_WRONLY, 3000, ALL},
	{"stream", O_WRONLY, 20 << 20, 4 << 20}, /* the later ones of its windows of 8 MiB go well */
	{"aligned", O_WRONLY, 20 << 20, 4 << 20, 1 << 20},
	{"appended", O_WRONLY | O_APPEND, 3000, ALL}, /* within the last block */
	{"database", O_RDWR, 3000, ALL},
};

#define WAYS (sizeof(ways) / sizeof(*ways))

static void note(char *notes, const char *what, int r)
{
	sprintf(notes + strlen(notes), "%s %s\n", what, r < 0 ? strerrorname_np(errno) : "well");
}

/* From an odd place on, or at the end. */
static int write_all(int fd, const struct way *way)
{
	static char bytes[1 << 20];
	size_t step = way->step ? way->step : STEP;
	off_t from = way->step ? 0 : 5000;

	for (off_t done = 0; done < way->size;) {
		size_t want = way->size - done < (off_t)step ? (size_t)(way->size - done) : step;
		ssize_t n = pwrite(fd, bytes, want, from + done);

		if (n <= 0)
			return -1;
		done += n;
	}
	return 0;
}

/* What the calls of two handles that write and sync, and of one that comes later, return. */
static void record(const char *root, const char *name, const struct way *way, char *notes)
{
	int writer = open_below(root, name, way->flags), other = open_below(root, name, way->flags), late;

	notes[0] = 0;
	note(notes, "write", write_all(writer, way));
	note(notes, "fsync", fsync(writer));
	note(notes, "again", fsync(writer));
	note(notes, "other", fsync(other));
	note(notes, "again", fdatasync(other));
	note(notes, "close", close(other));
	late = open_below(root, name, way->flags);
	note(notes, "late", fsync(late));
	close(late);
	if (!way->step) /* what jumps back goes around the page cache, and fails at once */
		note(notes, "write", write_all(writer, way));
	note(notes, "close", close(writer));
}

/* --- the disk --------------------------------------------------------------------------------- */

static void make_file(const char *root, const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, PATH_MAX, "%.3000s/%s", root, name);
	assert_return_code(put_file(path, SIZE + 100, 1), errno);
	fd = open_below(root, name, O_RDONLY);
	assert_return_code(fsync(fd), errno);
	close(fd);
}

/* Takes so many bytes of the file's blocks away from the disk. */
static void take_blocks(const char *root, const char *name, off_t size, int image)
{
	struct fiemap *map = calloc(1, sizeof(*map) + EXTENTS * sizeof(map->fm_extents[0]));
	int fd = open_below(root, name, O_RDONLY);

	map->fm_length = (uint64_t)size;
	map->fm_extent_count = EXTENTS;
	assert_return_code(ioctl(fd, FS_IOC_FIEMAP, map), errno);
	assert_in_range(map->fm_mapped_extents, 1, EXTENTS - 1);
	for (unsigned i = 0; i < map->fm_mapped_extents; i++) {
		const struct fiemap_extent *extent = &map->fm_extents[i];
		off_t bytes = (off_t)extent->fe_length < size ? (off_t)extent->fe_length : size;

		assert_return_code(fallocate(image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					   (off_t)extent->fe_physical, bytes),
			errno);
	}
	close(fd);
	free(map);
}

static void name_of(char name[32], const struct way *way, const char *suffix)
{
	snprintf(name, 32, "%s-%s", way->name, suffix);
}

/* Full but for them, which nobody gets. */
static void break_disk(const char *dir, const char *root)
{
	char path[PATH_MAX], name[32];
	int image;

	snprintf(path, PATH_MAX, "%.3000s/image", dir);
	image = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(image, errno);
	for (size_t i = 0; i < WAYS; i++) {
		name_of(name, &ways[i], "bare");
		take_blocks(root, name, ways[i].broken, image);
		name_of(name, &ways[i], "through");
		take_blocks(root, name, ways[i].broken, image);
	}
	close(image);
	assert_int_not_equal(shell(NULL, 0, "cat /dev/zero >%s/filler", dir), 0);
}

static void start(struct mount *mount, char dir[PATH_MAX])
{
	char output[1024], name[32];

	mount_prepare(mount, "writeback");
	snprintf(dir, PATH_MAX, "%.3000s/writeback.disk", config.base);
	if (shell(output, sizeof(output), "mkdir -p %s && mount -t tmpfs -o size=324M none %s", dir, dir))
		SKIP_TEST("no tmpfs of the test's own: %s", output);
	volume_make(dir, mount->source, "ext4", "320M");
	assert_int_equal(shell(NULL, 0, "fallocate -l 320M %s/image", dir), 0);
	for (size_t i = 0; i < WAYS; i++) {
		name_of(name, &ways[i], "bare");
		make_file(mount->source, name);
		name_of(name, &ways[i], "through");
		make_file(mount->source, name);
	}
	mount_start(mount, "writeback", "large_min=1M,small_max=64K");
	break_disk(dir, mount->source);
}

static void fsync_reports_a_failed_write_back_to_each_handle_once(void **state)
{
	char dir[PATH_MAX], name[32], bare[1024], through[1024];
	struct mount mount;

	start(&mount, dir);
	for (size_t i = 0; i < WAYS; i++) {
		name_of(name, &ways[i], "bare");
		record(mount.source, name, &ways[i], bare);
		if (!strstr(bare, "write well\nfsync E") || !strstr(bare, "\nagain well\nother E"))
			fail_msg("%s: the disk did not fail as it should\n%s", ways[i].name, bare);
		name_of(name, &ways[i], "through");
		record(mount.point, name, &ways[i], through);
		if (strcmp(bare, through) != 0)
			fail_msg(
				"%s: on the directory\n%sthrough the mount\n%s", ways[i].name, bare, through);
	}
	assert_int_equal(shell(NULL, 0, "rm %s/filler", dir), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(fsync_reports_a_failed_write_back_to_each_handle_once),
};

static const struct suite suite = {.name = "writeback",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
