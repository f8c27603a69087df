/* What asks for the disk with each write, or for the whole mount, has it: a power cut right after the call.
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
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK (1 << 20)

/* A file that is there with `before` bytes, and what is written to it. */
struct record {
	const char *name;
	int flags;
	off_t before, offset;
	size_t size;
	bool held; /* a reader has it open, and its copy where it has one */
};

static const struct record records[] = {
	{"first", O_WRONLY, 0, 0, 100, false},
	{"database", O_RDWR, 300000, 100000, 5000, false},
	{"database-end", O_RDWR, 8192, 8192, 4096, false},
	{"overwritten", O_WRONLY, 2 * BLOCK, BLOCK, BLOCK, false},
	{"stream", O_WRONLY, 0, 0, BLOCK, false},
	{"stream-odd", O_WRONLY, 2 * BLOCK, 300001, BLOCK / 2, false},
	{"appended", O_WRONLY | O_APPEND, 5000, 5000, 3000, false},
	{"appended-dsync", O_WRONLY | O_APPEND | O_DSYNC, 5000, 5000, 3000, false},
	{"appended-large", O_WRONLY | O_APPEND, 2 * BLOCK, 2 * BLOCK, 100000, false},
	{"held", O_WRONLY, 8000, 2000, 1000, true},
	{"held-appended", O_RDWR | O_APPEND, 8000, 8000, 1000, true},
	/* around the page cache on the lane direct: the last, since any later one would bring its blocks
	   along */
	{"stream-last", O_WRONLY, 0, 0, BLOCK, false},
};

#define RECORDS (sizeof(records) / sizeof(*records))

static void prepare(const char *root, const struct record *record)
{
	int fd = open_below(root, record->name, O_WRONLY | O_CREAT | O_TRUNC);

	assert_int_equal(put(fd, (size_t)record->before, 0, 1), record->before);
	assert_return_code(fsync(fd), errno);
	close(fd);
}

/* rwf: RWF_*, what is asked for with this write alone. No handle is closed, since a close is no sync. */
static void write_record(const char *root, const struct record *record, int rwf)
{
	char *bytes = aligned_alloc(4096, BLOCK), path[PATH_MAX];
	struct iovec part = {.iov_base = bytes, .iov_len = record->size};
	int fd;

	memset(bytes, 'r', record->size);
	path_below(path, root, record->name);
	if (record->held) {
		warm(path);
		open_below(root, record->name, O_RDONLY);
	}
	fd = open_below(root, record->name, record->flags);
	assert_int_equal(pwritev2(fd, &part, 1, record->offset, rwf), record->size);
	free(bytes);
}

/* False, with a line that says so, where the record is not in the file. */
static bool is_there(const char *root, const struct record *record)
{
	char *bytes = calloc(1, record->size);
	int fd = open_below(root, record->name, O_RDONLY);
	bool there = pread(fd, bytes, record->size, record->offset) == (ssize_t)record->size;

	for (size_t i = 0; there && i < record->size; i++)
		there = bytes[i] == 'r';
	close(fd);
	free(bytes);
	if (!there)
		print_error("%s is lost\n", record->name);
	return there;
}

/* --- a mount over a disk that loses power ----------------------------------------------------- */

struct disk {
	struct mount mount;
	char dir[PATH_MAX];
};

static void disk_start(struct disk *disk, const char *name, const char *options)
{
	mount_prepare(&disk->mount, name);
	snprintf(disk->dir, sizeof(disk->dir), "%.3000s/%s.disk", config.base, name);
	volume_make(disk->dir, disk->mount.source, "ext4", "96M");
	for (size_t i = 0; i < RECORDS; i++)
		prepare(disk->mount.source, &records[i]);
	assert_int_equal(
		shell(NULL, 0, "mkdir %s/sub && sync -f %s", disk->mount.source, disk->mount.source), 0);
	mount_start(&disk->mount, name, options);
}

/* The shell's own command syncs. */
static int allocate(const char *root)
{
	return fallocate(open_below(root, "appended", O_RDWR), 0, 0, 3 << 20);
}

static int punch(const char *root)
{
	return fallocate(open_below(root, "overwritten", O_RDWR), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		0, BLOCK);
}

static int shorten(const char *root)
{
	char path[PATH_MAX];

	path_below(path, root, "stream-odd");
	return truncate(path, 100);
}

static int copy(const char *root)
{
	int in = open_below(root, "database-end", O_RDONLY),
	    out = open_below(root, "held-appended", O_WRONLY);

	return copy_file_range(in, NULL, out, NULL, 8192, 0) == 8192 ? 0 : -1;
}

/* One change of a mount with sync or dirsync: a function, or a command in the top directory; and how to see
 * it.
 */
struct change {
	const char *make, *see;
	bool of_names; /* dirsync is enough */
	int (*call)(const char *root);
};

static const struct change changes[] = {
	{"echo new > new", "test -e new", true},
	{"echo data > data", "grep -q data data", false},
	{"mkdir dir", "test -d dir", true},
	{"mknod fifo p", "test -p fifo", true},
	{"ln -s there symbolic", "test -L symbolic", true},
	{"ln database hard", "test -e hard", true},
	{"mv first sub/first", "test -e sub/first -a ! -e first", true},
	{"mv sub/first first", "test -e first -a ! -e sub/first", true},
	{"rm stream", "test ! -e stream", true},
	{"rmdir dir", "test ! -e dir", true},
	{"truncate -s 100 database", "test $(stat -c %s database) = 100", false},
	{": > held", "test ! -s held", false},
	{"truncate", "test $(stat -c %s stream-odd) = 100", false, shorten},
	{"allocate", "test $(stat -c %s appended) = $((3 << 20))", false, allocate},
	{"punch", "cmp -n $((1 << 20)) overwritten /dev/zero", false, punch},
	{"setfattr -n user.a -v b overwritten", "getfattr -n user.a overwritten", false},
	{"copy", "cmp held-appended database-end", false, copy},
};

#define CHANGES (sizeof(changes) / sizeof(*changes))

/* --- the tests -------------------------------------------------------------------------------- */

static void write_records(const char *root, int rwf)
{
	for (size_t i = 0; i < RECORDS; i++)
		write_record(root, &records[i], rwf);
}

static void check_records(const char *root)
{
	unsigned lost = 0;

	for (size_t i = 0; i < RECORDS; i++)
		lost += !is_there(root, &records[i]);
	assert_int_equal(lost, 0);
}

static void a_single_synchronous_write_survives_a_power_cut(void **state)
{
	static const int kinds[] = {RWF_DSYNC, RWF_SYNC};

	for (int i = 0; i < 2; i++) {
		struct disk disk;
		char name[16];

		snprintf(name, sizeof(name), "single%d", i);
		disk_start(&disk, name, NULL);
		volume_act_until_power_cut(&disk.mount, disk.dir, write_records, kinds[i]);
		check_records(disk.mount.source);
		umount(disk.mount.source);
	}
}

static void a_write_to_a_mount_with_sync_survives_a_power_cut(void **state)
{
	struct disk disk;

	disk_start(&disk, "data", "sync");
	volume_act_until_power_cut(&disk.mount, disk.dir, write_records, 0);
	check_records(disk.mount.source);
	umount(disk.mount.source);
}

static void a_write_with_write_through_survives_a_power_cut(void **state)
{
	struct disk disk;

	disk_start(&disk, "through", "write=through");
	volume_act_until_power_cut(&disk.mount, disk.dir, write_records, 0);
	check_records(disk.mount.source);
	umount(disk.mount.source);
}

static void a_write_to_a_file_that_a_rule_writes_through_survives_a_power_cut(void **state)
{
	char rules[PATH_MAX], options[PATH_MAX + 16];
	struct disk disk;
	FILE *file;

	path_below(rules, config.base, "through.rules");
	file = fopen(rules, "we");
	assert_non_null(file);
	fputs("[all]\nwrite = through\n", file);
	assert_int_equal(fclose(file), 0);
	snprintf(options, sizeof(options), "rules=%s", rules);
	disk_start(&disk, "rule", options);
	volume_act_until_power_cut(&disk.mount, disk.dir, write_records, 0);
	check_records(disk.mount.source);
	umount(disk.mount.source);
}

static void make_change(const char *root, int which)
{
	const struct change *change = &changes[which];

	if (change->call)
		assert_return_code(change->call(root), errno);
	else
		assert_int_equal(shell(NULL, 0, "cd %s && %s", root, change->make), 0);
}

/* Each with a power cut of its own: what brings one to the disk brings the others before it along. */
static void check_changes(const char *name, const char *option, bool only_names)
{
	struct disk disk;
	unsigned lost = 0;

	disk_start(&disk, name, option);
	for (size_t i = 0; i < CHANGES; i++) {
		if (only_names && !changes[i].of_names)
			continue;
		if (!disk.mount.daemon)
			mount_start(&disk.mount, name, option);
		volume_act_until_power_cut(&disk.mount, disk.dir, make_change, (int)i);
		if (!shell(NULL, 0, "cd %s && %s", disk.mount.source, changes[i].see))
			continue;
		print_error("%s: lost: %s\n", option, changes[i].make);
		lost++;
	}
	assert_int_equal(lost, 0);
	umount(disk.mount.source);
}

static void a_change_of_a_mount_with_sync_or_dirsync_survives_a_power_cut(void **state)
{
	if (!config.lane || strcmp(config.lane, "mixed"))
		SKIP_TEST("the lane makes no difference");
	check_changes("names", "dirsync", true);
	check_changes("changes", "sync", false);
}

/* Of an open file; a path has no handle that says how it is to be written. */
static void a_range_changed_with_write_through_survives_a_power_cut(void **state)
{
	struct disk disk;

	disk_start(&disk, "ranges", "write=through");
	for (size_t i = 0; i < CHANGES; i++) {
		if (!changes[i].call || changes[i].call == shorten)
			continue;
		if (!disk.mount.daemon)
			mount_start(&disk.mount, "ranges", "write=through");
		volume_act_until_power_cut(&disk.mount, disk.dir, make_change, (int)i);
		assert_int_equal(shell(NULL, 0, "cd %s && %s", disk.mount.source, changes[i].see), 0);
	}
	umount(disk.mount.source);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_write_with_write_through_survives_a_power_cut),
	cmocka_unit_test(a_write_to_a_file_that_a_rule_writes_through_survives_a_power_cut),
	cmocka_unit_test(a_range_changed_with_write_through_survives_a_power_cut),
	cmocka_unit_test(a_single_synchronous_write_survives_a_power_cut),
	cmocka_unit_test(a_write_to_a_mount_with_sync_survives_a_power_cut),
	cmocka_unit_test(a_change_of_a_mount_with_sync_or_dirsync_survives_a_power_cut),
};

static const struct suite suite = {.name = "sync",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
