/* Every mix of opens of one file by several processes, while the policy changes its mind: no EIO, and what
 * was last written is read. */
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Sizes on both sides of the limits of lane=mixed and lane=served, so that a file changes its lane by growing
 * and shrinking. */
static const size_t sizes[] = {100, 4096, 16000, 16384, 17000, 65000, 65536, 66000, 150000};
#define SIZE_COUNT (sizeof(sizes) / sizeof(*sizes))

static void note_map(const char *what, const char *map, size_t length)
{
	tape_text("%s: %016llx\n", what, (unsigned long long)hash_bytes(HASH_START, map, length));
}

static void a_file_crosses_the_lanes_while_it_is_open(void)
{
	for (size_t i = 0; i < SIZE_COUNT; i++) {
		for (size_t j = 0; j < SIZE_COUNT; j++) {
			int reader, writer;

			NOTE(put_file("f", sizes[i], (unsigned)i));
			warm("f");
			reader = NOTE_FD(open("f", O_RDONLY));
			note_pread(reader, 1 << 18, 0);
			writer = NOTE_FD(open("f", O_RDWR));
			NOTE(ftruncate(writer, (off_t)sizes[j]));
			NOTE(put(writer, 1000, (off_t)sizes[j] / 2, 7));
			note_pread(reader, 1 << 18, 0);
			note_pread(writer, 1 << 18, 0);
			NOTE(close(reader));
			note_data("f", 5000);
			NOTE(close(writer));
			note_data("f", 5000);
		}
	}
}

static void a_log_grows_under_its_reader(void)
{
	int reader, writer;

	NOTE(put_file("log", 5000, 1));
	warm("log");
	reader = NOTE_FD(open("log", O_RDONLY));
	writer = NOTE_FD(open("log", O_WRONLY | O_APPEND));
	for (unsigned i = 0; i < 400; i++) {
		NOTE(put(writer, 1000 + i, 0, i));
		if (i % 8 == 0) {
			note_fstat(reader);
			note_pread(reader, 3000, 5000 + 1000 * i);
		}
	}
	NOTE(close(writer));
	note_pread(reader, 1 << 20, 0);
	NOTE(close(reader));
	note_data("log", 65536);
}

/* Size and, within a tick of the clock, times are then what they were. */
static void cut_and_regrow(int writer, off_t size, unsigned way)
{
	int fd;

	switch (way) {
	case 0:
		NOTE(truncate("f", size / 3) | truncate("f", size));
		break;
	case 1:
		NOTE(ftruncate(writer, 0) | ftruncate(writer, size));
		break;
	case 2:
		fd = NOTE_FD(open("f", O_WRONLY | O_TRUNC));
		NOTE(ftruncate(fd, size) | close(fd));
		break;
	default:
		NOTE(ftruncate(writer, size / 2));
		NOTE(put(writer, (size_t)(size - size / 2), size / 2, 9));
	}
}

static void a_file_is_cut_and_regrown_at_once_under_its_reader(void)
{
	for (size_t i = 0; i < SIZE_COUNT; i++) {
		int reader, writer;
		char *map;

		NOTE(put_file("f", sizes[i], (unsigned)i));
		warm("f");
		reader = NOTE_FD(open("f", O_RDONLY));
		map = mmap(NULL, sizes[i], PROT_READ, MAP_SHARED, reader, 0);
		NOTE(map == MAP_FAILED);
		writer = NOTE_FD(open("f", O_RDWR));
		for (unsigned way = 0; way < 4; way++) {
			NOTE(put(writer, sizes[i], 0, way));
			note_map("whole", map, sizes[i]);
			cut_and_regrow(writer, (off_t)sizes[i], way);
			note_pread(reader, 1 << 18, 0);
			note_map("regrown", map, sizes[i]);
			note_data("f", 4096);
		}
		NOTE(munmap(map, sizes[i]) | close(reader) | close(writer));
		note_data("f", 4096);
	}
}

/* The mapping was made by a handle that is closed; others go on writing. */
static void a_mapping_lives_on_after_close(void)
{
	static const int flags[] = {O_RDWR, O_WRONLY | O_APPEND, O_RDWR | O_DIRECT, O_WRONLY};

	for (size_t i = 0; i < SIZE_COUNT; i++) {
		char *map;
		int fd;

		NOTE(put_file("f", sizes[i], (unsigned)i));
		warm("f");
		fd = NOTE_FD(open("f", O_RDONLY));
		map = mmap(NULL, sizes[i], PROT_READ, MAP_SHARED, fd, 0);
		NOTE(map == MAP_FAILED);
		note_map("at first", map, sizes[i]);
		NOTE(close(fd));
		for (unsigned round = 0; round < 8; round++) {
			poll(NULL, 0, 5);
			fd = NOTE_FD(open("f", flags[round % 4]));
			if (flags[round % 4] & O_DIRECT)
				NOTE(put(fd, 4096, 0, round));
			else
				NOTE(put(fd, 50, (off_t)sizes[i] / 2, round));
			note_map("open", map, sizes[i]);
			NOTE(close(fd));
			note_map("closed", map, sizes[i]);
			warm("f");
		}
		NOTE(munmap(map, sizes[i]));
		note_data("f", 4096);
	}
}

/* Stores through a shared mapping, while the file's names and attributes change and others open it. */
static void mapped_stores_survive_changes_of_names_and_attributes(void)
{
	for (int step = 0; step < 9; step++) {
		int reader, fd;
		char *map;

		NOTE(put_file("f", 12000, 1));
		NOTE(put_file("victim", 10, 1));
		warm("f");
		reader = NOTE_FD(open("f", O_RDONLY));
		fd = NOTE_FD(open("f", O_RDWR));
		map = mmap(NULL, 12000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		NOTE(map == MAP_FAILED);
		memset(map + 5000, 'm', 100);
		switch (step) {
		case 0:
			NOTE(link("f", "g") | unlink("g"));
			break;
		case 1:
			NOTE(rename("f", "g") | rename("g", "f"));
			break;
		case 2:
			NOTE(setxattr("f", "user.x", "x", 1, 0));
			break;
		case 3:
			NOTE(chmod("f", 0600));
			break;
		case 4:
			NOTE(utimensat(AT_FDCWD, "f", NULL, 0));
			break;
		case 5:
			NOTE(rename("f", "victim") | link("victim", "f"));
			break;
		case 6:
			NOTE(link("f", "h") | rename("victim", "h"));
			break;
		case 7:
			NOTE(chown("f", (uid_t)-1, getegid()));
			break;
		case 8:
			NOTE(truncate("f", 11000));
			break;
		}
		note_data("f", 4096);
		warm("f");
		note_pread(reader, 12000, 0);
		note_map("own", map, 8192);
		NOTE(close(fd));
		NOTE(munmap(map, 12000) | close(reader));
		note_data("f", 4096);
		NOTE(unlink("f"));
	}
}

static void stores_of_a_closed_writable_mapping_are_kept(void)
{
	int reader, fd;
	char *map;

	NOTE(put_file("f", 12000, 1));
	warm("f");
	reader = NOTE_FD(open("f", O_RDONLY));
	fd = NOTE_FD(open("f", O_RDWR));
	map = mmap(NULL, 12000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NOTE(map == MAP_FAILED);
	NOTE(close(fd) | close(reader));
	poll(NULL, 0, 20);
	for (int i = 0; i < 5; i++) {
		memset(map + 1000 * i, 'a' + i, 500);
		note_data("f", 4096);
		fd = NOTE_FD(open("f", O_RDWR));
		note_pread(fd, 12000, 0);
		NOTE(put(fd, 100, 100 * i, 3));
		note_map("own", map, 12000);
		NOTE(close(fd));
		poll(NULL, 0, 20);
	}
	NOTE(munmap(map, 12000));
	note_data("f", 4096);
}

/*
 * Records of one file, each written by one process only: it must always read its own last write, through
 * whatever handle it opens; records of the others must never be torn backwards (their number never falls).
 */
#define RECORD 4096
#define RECORDS 4
#define ROUNDS 400

struct record {
	unsigned number, owner;
	char fill[RECORD - 8];
};

static unsigned highest[RECORDS];

static int check_record(const struct record *record, unsigned owner, unsigned least)
{
	struct record copy;

	memcpy(&copy, record, sizeof(copy));
	if (copy.number < least || (copy.number && copy.owner != owner))
		return 1;
	return 0;
}

static void fail_in_child(const char *what, unsigned owner, unsigned round, int flags)
{
	fprintf(stderr, "process %u, round %u, flags %#o: %s: %s\n", owner, round, (unsigned)flags, what,
		strerror(errno));
	_exit(1);
}

static void read_all_records(int fd, unsigned owner, unsigned round, int flags)
{
	static struct record records[RECORDS] __attribute__((aligned(4096)));

	if (pread(fd, records, sizeof(records), 0) != sizeof(records))
		fail_in_child("short read", owner, round, flags);
	for (unsigned i = 0; i < RECORDS; i++) {
		if (check_record(&records[i], i, highest[i]))
			fail_in_child(i == owner ? "own write is gone" : "another's record fell back", owner,
				round, flags);
		highest[i] = records[i].number;
	}
}

static void map_all_records(int fd, unsigned owner, unsigned round, int flags)
{
	struct record *records = mmap(NULL, sizeof(*records) * RECORDS, PROT_READ, MAP_SHARED, fd, 0);

	if (records == MAP_FAILED)
		fail_in_child("mmap", owner, round, flags);
	if (check_record(&records[owner], owner, highest[owner]))
		fail_in_child("own write is not in the mapping", owner, round, flags);
	munmap(records, sizeof(*records) * RECORDS);
}

/*
 * How the file is opened. A page cannot leave the page cache while another part of its folio is dirty, so
 * that an O_DIRECT write beside buffered ones may leave an old page behind, on a bare ext4 too: where both
 * write, one process at a time uses the file.
 */
enum { CHOICES = 6 };
static const struct manner {
	int flags[CHOICES];
	bool direct, alone;
} manners[] = {
	{.flags = {O_RDONLY, O_RDWR, O_WRONLY, O_RDONLY | O_DIRECT, O_RDWR | O_SYNC, O_RDWR | O_CREAT}},
	{.flags = {O_RDONLY, O_RDWR, O_WRONLY, O_RDWR, O_RDWR | O_SYNC, O_RDWR | O_CREAT}, .direct = true},
	{.flags = {O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_DIRECT, O_RDONLY | O_DIRECT, O_RDWR | O_SYNC},
		.alone = true},
};

static void use_records(const char *path, unsigned owner, uint64_t seed, const struct manner *manner)
{
	static struct record mine __attribute__((aligned(4096)));
	struct random random = {.state = seed + owner};

	for (unsigned round = 1; round <= ROUNDS; round++) {
		int flags = manner->flags[random_below(&random, CHOICES)];
		int fd = open(path, flags | (manner->direct ? O_DIRECT : 0), 0644);

		if (fd < 0 || (manner->alone && flock(fd, LOCK_EX) < 0))
			fail_in_child("open", owner, round, flags);
		if ((flags & O_ACCMODE) != O_RDONLY) {
			mine.number = round;
			mine.owner = owner;
			random_fill(&random, mine.fill, sizeof(mine.fill));
			if (pwrite(fd, &mine, RECORD, owner * RECORD) != RECORD)
				fail_in_child("write", owner, round, flags);
			highest[owner] = round;
		}
		if ((flags & O_ACCMODE) != O_WRONLY) {
			read_all_records(fd, owner, round, flags);
			if (random_below(&random, 3) == 0 && !manner->direct)
				map_all_records(fd, owner, round, flags);
		}
		/* Now and then the file grows over the limits and comes back, by the first process only. */
		if (owner == 0 && (flags & O_ACCMODE) != O_RDONLY && random_below(&random, 10) == 0 &&
			ftruncate(fd, random_below(&random, 2) ? 100000 : RECORDS * RECORD))
			fail_in_child("ftruncate", owner, round, flags);
		if (close(fd))
			fail_in_child("close", owner, round, flags);
		if (random_below(&random, 8) == 0)
			poll(NULL, 0, (int)random_below(&random, 4));
	}
	_exit(0);
}

static void reap(unsigned count)
{
	int failed = 0;

	while (count--) {
		int status = 0;

		wait(&status);
		failed += status != 0;
	}
	assert_int_equal(failed, 0);
}

static void each_process_reads_its_own_writes_through_any_handle(void **state)
{
	char path[PATH_MAX];

	for (unsigned file = 0; file < sizeof(manners) / sizeof(*manners); file++) {
		snprintf(path, sizeof(path), "%.3000s/records%u", mounted.point, file);
		assert_int_equal(put_file(path, 0, 0), 0);
		assert_int_equal(truncate(path, RECORDS * RECORD), 0);
		for (unsigned owner = 0; owner < RECORDS; owner++)
			if (!suite_fork())
				use_records(path, owner, config.seed + file, &manners[file]);
		reap(RECORDS);
	}
}

/* Whole new contents each time, by O_TRUNC, by rename or in place; readers see nothing but whole versions
 * after an open. */
#define VERSION_SIZE 3000

static void write_version(const char *path, const char *temporary, unsigned version)
{
	char text[VERSION_SIZE];
	int fd;

	memset(text, 'A' + (int)(version % 26), sizeof(text));
	memcpy(text, &version, sizeof(version));
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, text, sizeof(text)) != sizeof(text) || close(fd) || rename(temporary, path))
		fail_in_child("replace", 0, version, 0);
}

static void check_version(const char *path, unsigned *last)
{
	char text[VERSION_SIZE + 1];
	unsigned version;
	int fd = open(path, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (got != VERSION_SIZE)
		fail_in_child("read of a version", 1, *last, (int)got);
	memcpy(&version, text, sizeof(version));
	for (size_t i = sizeof(version); i < VERSION_SIZE; i++)
		if (text[i] != 'A' + (char)(version % 26))
			fail_in_child("torn version", 1, version, (int)i);
	if (version < *last)
		fail_in_child("version fell back", 1, version, (int)*last);
	*last = version;
	close(fd);
}

static void replaced_files_are_seen_whole(void **state)
{
	char path[PATH_MAX], temporary[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/version", mounted.point);
	snprintf(temporary, sizeof(temporary), "%.3000s/version.new", mounted.point);
	write_version(path, temporary, 0);
	for (int reader = 0; reader < 3; reader++) {
		if (!suite_fork()) {
			unsigned last = 0;

			for (int i = 0; i < 1500; i++)
				check_version(path, &last);
			_exit(0);
		}
	}
	if (!suite_fork()) {
		for (unsigned version = 1; version < 500; version++) {
			write_version(path, temporary, version);
			poll(NULL, 0, version % 3 == 0);
		}
		_exit(0);
	}
	reap(4);
}

/* Closing and opening at once meets the inode still bound to its old lane. */
static void quick_reopens_find_the_latest(void **state)
{
	char path[PATH_MAX];
	int wrong = 0;

	snprintf(path, sizeof(path), "%.3000s/quick", mounted.point);
	for (unsigned i = 0; i < 3000; i++) {
		unsigned value = i, got = 0;
		int fd = open(path, (i % 7 ? O_WRONLY : O_WRONLY | O_TRUNC) | O_CREAT, 0644);

		assert_return_code(fd, errno);
		assert_int_equal(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
		close(fd);
		fd = open(path, i % 5 ? O_RDONLY : O_RDWR);
		assert_return_code(fd, errno);
		if (pread(fd, &got, sizeof(got), 0) != sizeof(got) || got != value)
			wrong++;
		close(fd);
	}
	assert_int_equal(wrong, 0);
}

static const struct CMUnitTest tests[] = {
	SAME(a_file_crosses_the_lanes_while_it_is_open),
	SAME(a_log_grows_under_its_reader),
	SAME(a_file_is_cut_and_regrown_at_once_under_its_reader),
	SAME(a_mapping_lives_on_after_close),
	SAME(mapped_stores_survive_changes_of_names_and_attributes),
	SAME(stores_of_a_closed_writable_mapping_are_kept),
	cmocka_unit_test(each_process_reads_its_own_writes_through_any_handle),
	cmocka_unit_test(replaced_files_are_seen_whole),
	cmocka_unit_test(quick_reopens_find_the_latest),
};

static const struct suite suite = {
	.name = "lanes", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
