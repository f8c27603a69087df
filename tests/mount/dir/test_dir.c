/* Directories read while they change, and by position. */
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_COUNT 1000
#define MANY (NAME_COUNT + 100)

static void make_names(const char *dir, unsigned first, unsigned count)
{
	char name[256];

	for (unsigned i = first; i < first + count; i++) {
		snprintf(name, sizeof(name), "%s/name-%u", dir, i);
		NOTE(close(open(name, O_CREAT | O_WRONLY | O_EXCL, 0644)));
	}
}

/* Marks the names that a stream gives until its end or `limit` of them; counts those given twice. */
static unsigned take(DIR *stream, unsigned char *seen, unsigned limit, unsigned *twice)
{
	struct dirent *entry;
	unsigned taken = 0, number;

	while (taken < limit && (entry = readdir(stream))) {
		if (sscanf(entry->d_name, "name-%u", &number) != 1)
			continue;
		if (number < MANY && seen[number]++)
			++*twice;
		taken++;
	}
	return taken;
}

static unsigned count_seen(const unsigned char *seen, unsigned first, unsigned count)
{
	unsigned sum = 0;

	for (unsigned i = first; i < first + count; i++)
		sum += seen[i] != 0;
	return sum;
}

static void listings_are_complete(void)
{
	NOTE(mkdir("d", 0755) | mkdir("d/sub", 0755) | symlink("x", "d/link") | mkfifo("d/fifo", 0600));
	note_dir("d");
	make_names("d", 0, 200);
	note_dir("d");
	NOTE(unlink("d/name-17") | rename("d/name-18", "d/name-1000"));
	note_dir("d");
	note_dir("missing");
	note_dir("d/link");
	NOTE(mkdir("empty", 0755));
	note_dir("empty");
}

/* What neither came nor went while the directory was read must be given exactly once. */
static void names_that_stay_are_given_once_while_others_come_and_go(void)
{
	unsigned char *seen = calloc(MANY, 1);
	unsigned twice = 0, step = 0;
	DIR *stream;

	NOTE(mkdir("d", 0755));
	make_names("d", 0, NAME_COUNT);
	stream = opendir("d");
	while (take(stream, seen, 100, &twice) == 100) {
		char name[64];

		/* The upper half goes, new ones come. */
		for (unsigned i = 0; i < 20; i++, step++) {
			snprintf(name, sizeof(name), "d/name-%u", NAME_COUNT / 2 + step);
			unlink(name);
			snprintf(name, sizeof(name), "d/new-%u", step);
			close(open(name, O_CREAT | O_WRONLY, 0644));
		}
	}
	closedir(stream);
	tape_text("stayed %u, twice %u\n", count_seen(seen, 0, NAME_COUNT / 2), twice);
	/* How far the changes got depends on the order of names below. */
	NOTE(shell(NULL, 0, "rm -r d"));
	free(seen);
}

static void removing_what_was_listed_empties_the_directory(void)
{
	struct dirent *entry;
	unsigned removed = 0;
	DIR *stream;

	NOTE(mkdir("d", 0755));
	make_names("d", 0, NAME_COUNT);
	stream = opendir("d");
	while ((entry = readdir(stream)))
		removed += unlinkat(dirfd(stream), entry->d_name, 0) == 0;
	closedir(stream);
	tape_text("removed %u\n", removed);
	note_dir("d");
	NOTE(rmdir("d"));
}

static void positions_lead_back(void)
{
	static long positions[NAME_COUNT + 2];
	static char names[NAME_COUNT + 2][32];
	struct random random = {.state = 5};
	unsigned count = 0, wrong = 0;
	struct dirent *entry;
	DIR *stream;

	NOTE(mkdir("d", 0755));
	make_names("d", 0, NAME_COUNT);
	stream = opendir("d");
	for (;;) {
		positions[count] = telldir(stream);
		entry = readdir(stream);
		if (!entry || count == NAME_COUNT + 1)
			break;
		snprintf(names[count++], sizeof(*names), "%.31s", entry->d_name);
	}
	for (unsigned i = 0; i < 300; i++) {
		unsigned at = (unsigned)random_below(&random, count);

		/* Removing another name must not move the positions of the rest. */
		if (i % 3 == 0 && strcmp(names[i + 1], ".") && strcmp(names[i + 1], "..") && i + 1 != at)
			unlinkat(dirfd(stream), names[i + 1], 0);
		if (at <= 301)
			continue;
		seekdir(stream, positions[at]);
		entry = readdir(stream);
		wrong += !entry || strcmp(entry->d_name, names[at]) != 0;
	}
	rewinddir(stream);
	entry = readdir(stream);
	tape_text("entries %u, wrong %u, rewound %d\n", count, wrong, entry != NULL);
	closedir(stream);
	NOTE(shell(NULL, 0, "rm -r d"));
}

static void rewinding_shows_what_changed(void)
{
	unsigned char *seen = calloc(MANY, 1);
	unsigned twice = 0;
	DIR *stream;

	NOTE(mkdir("d", 0755));
	make_names("d", 0, 10);
	stream = opendir("d");
	NOTE(take(stream, seen, MANY, &twice));
	make_names("d", 10, 5);
	NOTE(unlink("d/name-3"));
	rewinddir(stream);
	memset(seen, 0, MANY);
	NOTE(take(stream, seen, MANY, &twice));
	tape_text("names %u, removed one %u, twice %u\n", count_seen(seen, 0, 15), seen[3], twice);
	closedir(stream);
	free(seen);
}

static void two_streams_do_not_disturb_each_other(void)
{
	unsigned char *a = calloc(MANY, 1), *b = calloc(MANY, 1);
	unsigned twice = 0, got = 1;
	DIR *one, *two;

	NOTE(mkdir("d", 0755));
	make_names("d", 0, NAME_COUNT);
	one = opendir("d");
	two = opendir("d");
	while (got)
		got = take(one, a, 37, &twice) + take(two, b, 211, &twice);
	tape_text("%u %u twice %u\n", count_seen(a, 0, NAME_COUNT), count_seen(b, 0, NAME_COUNT), twice);
	closedir(one);
	closedir(two);
	free(a);
	free(b);
}

static void small_buffers_get_every_name(void)
{
	char buffer[300], name[256];
	unsigned count = 0;
	int fd;

	NOTE(mkdir("d", 0755));
	for (unsigned i = 0; i < 300; i++) {
		memset(name, 'x', sizeof(name));
		snprintf(name + 2 + i % 200, 40, "-%u", i);
		memcpy(name, "d/", 2);
		NOTE(close(open(name, O_CREAT | O_WRONLY, 0644)));
	}
	fd = NOTE_FD(open("d", O_RDONLY | O_DIRECTORY));
	for (;;) {
		long got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer));

		if (got <= 0)
			break;
		for (long at = 0; at < got; count++)
			at += *(unsigned short *)(buffer + at + 16);
	}
	NOTE(close(fd));
	tape_text("entries %u\n", count);
}

static void directories_are_not_files(void)
{
	char buffer[10];
	int fd;

	NOTE(mkdir("d", 0755));
	fd = NOTE_FD(open("d", O_RDONLY));
	NOTE(read(fd, buffer, sizeof(buffer)));
	NOTE(write(fd, buffer, sizeof(buffer)));
	NOTE(ftruncate(fd, 0));
	NOTE(fallocate(fd, 0, 0, 10));
	NOTE(fchmod(fd, 0700));
	NOTE(close(fd));
	NOTE(open("d", O_RDWR));
}

static void names_that_may_not_be_looked_up_are_listed(void)
{
	NOTE(mkdir("d", 0755));
	make_names("d", 0, 5);
	NOTE(chmod("d", 0444));
	note_dir("d");
	NOTE(shell(NULL, 0, "ls -l d"));
	NOTE(shell(NULL, 0, "tar -cf - d >/dev/null"));
	NOTE(chmod("d", 0755));
}

/* The names from here to the end, each of which must be given once. */
static GHashTable *names_of(DIR *stream)
{
	GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct dirent *entry;

	while ((errno = 0, entry = readdir(stream))) {
		assert_false(g_hash_table_contains(names, entry->d_name));
		g_hash_table_add(names, g_strdup(entry->d_name));
	}
	assert_int_equal(errno, 0);
	return names;
}

/* The names of a directory that is opened while its daemon can open files, and read when it can't any more.
 */
static GHashTable *names_without_descriptors(const char *path)
{
	DIR *stream = opendir(path);
	struct rlimit before, none;
	GHashTable *names;
	int looked_up;

	assert_non_null(stream);
	assert_return_code(prlimit(mounted.daemon, RLIMIT_NOFILE, NULL, &before), errno);
	none = (struct rlimit){0, before.rlim_max};
	assert_return_code(prlimit(mounted.daemon, RLIMIT_NOFILE, &none, NULL), errno);
	names = names_of(stream);
	looked_up = faccessat(dirfd(stream), "name-1", F_OK, AT_SYMLINK_NOFOLLOW);
	assert_return_code(prlimit(mounted.daemon, RLIMIT_NOFILE, &before, NULL), errno);
	assert_int_equal(looked_up, -1);
	closedir(stream);
	return names;
}

static void names_that_can_not_be_looked_up_at_the_moment_are_listed(void **state)
{
	char below[PATH_MAX], above[PATH_MAX], file[PATH_MAX];
	GHashTable *names, *right;
	GHashTableIter iter;
	gpointer name;
	DIR *stream;

	if (!mounted.daemon)
		SKIP_TEST("there is no daemon whose descriptors could run out");
	snprintf(below, sizeof(below), "%.3000s/without", mounted.source);
	snprintf(above, sizeof(above), "%.3000s/without", mounted.point);
	assert_return_code(mkdir(below, 0755), errno);
	for (unsigned i = 0; i < NAME_COUNT / 4; i++) {
		snprintf(file, sizeof(file), "%.3000s/name-%u", below, i);
		assert_return_code(put_file(file, 0, 0), errno);
	}
	stream = opendir(below);
	assert_non_null(stream);
	right = names_of(stream);
	closedir(stream);
	names = names_without_descriptors(above);
	g_hash_table_iter_init(&iter, right);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		if (!g_hash_table_contains(names, name))
			fail_msg("%s is missing", (const char *)name);
	}
	assert_int_equal(g_hash_table_size(names), g_hash_table_size(right));
	g_hash_table_destroy(names);
	g_hash_table_destroy(right);
	assert_int_equal(shell(NULL, 0, "ls -l %s && rm -r %s", above, above), 0);
}

static const struct CMUnitTest tests[] = {
	SAME(listings_are_complete),
	SAME(names_that_stay_are_given_once_while_others_come_and_go),
	SAME(removing_what_was_listed_empties_the_directory),
	SAME(positions_lead_back),
	SAME(rewinding_shows_what_changed),
	SAME(two_streams_do_not_disturb_each_other),
	SAME(small_buffers_get_every_name),
	SAME(directories_are_not_files),
	SAME(names_that_may_not_be_looked_up_are_listed),
	cmocka_unit_test(names_that_can_not_be_looked_up_at_the_moment_are_listed),
};

static const struct suite suite = {
	.name = "dir", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
