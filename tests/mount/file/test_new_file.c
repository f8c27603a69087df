/* Files that are just being made: what their maker and others do meanwhile. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Only the kernel knows it once its maker has closed it. */
static void a_new_file_outlives_its_name_and_its_maker(void)
{
	int fd = NOTE_FD(open("f", O_WRONLY | O_CREAT | O_EXCL, 0600)), known, again;
	char path[32];

	NOTE(put(fd, 5000, 0, 1));
	NOTE(fchmod(fd, 0640));
	known = NOTE_FD(open("f", O_PATH));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", known);
	NOTE(unlink("f"));
	NOTE(fchmod(fd, 0604));
	NOTE(close(fd));
	usleep(50000); /* RELEASE comes later */
	note_fstat(known);
	NOTE(chmod(path, 0444));
	again = NOTE_FD(open(path, O_RDONLY));
	note_pread(again, 6000, 0);
	NOTE(close(again));
}

/* The daemon is a child as well, and stays. */
static void note_children(int count)
{
	int status = 0, one;

	while (count-- > 0 && wait(&one) > 0)
		status |= one;
	NOTE(status);
}

static void make_and_look(void)
{
	int fd = open("f", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || fchmod(fd, 0644) < 0)
		NOTE(-1);
	if (fork() == 0) {
		for (int i = 0; i < 20; i++)
			if (chmod("f", i % 2 ? 0600 : 0644) < 0 && errno != ENOENT)
				_exit(1);
		_exit(0);
	}
	if (put(fd, 100, 0, 1) != 100 || close(fd) < 0 || chmod("f", 0666) < 0 || unlink("f") < 0)
		NOTE(-2);
}

/* Requests that change its attributes are on their way while it is closed. */
static void a_new_file_is_closed_while_it_is_looked_at(void)
{
	for (int round = 0; round < 200; round++)
		make_and_look();
	note_children(200);
}

static void note_mapped(const char *map, size_t length)
{
	unsigned sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = sum * 31 + (unsigned char)map[i];
	tape_text("mapped %u\n", sum);
}

/* How its maker opened it decides how the daemon treats him, and leaves the others as they are. */
static void others_open_a_new_file_while_it_is_written(int flags, const char *name)
{
	int maker = NOTE_FD(open(name, flags | O_CREAT, 0644)), reader, writer;
	char *map;

	NOTE(put(maker, 10000, 0, 1));
	reader = NOTE_FD(open(name, O_RDONLY));
	note_pread(reader, 20000, 0);
	NOTE(put(maker, 10000, 5000, 2));
	note_pread(reader, 20000, 0);
	writer = NOTE_FD(open(name, O_RDWR));
	map = mmap(NULL, 15000, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
	NOTE(map == MAP_FAILED);
	note_mapped(map, 15000);
	NOTE(put(maker, 3000, 100, 3));
	note_mapped(map, 15000);
	memcpy(map + 4000, "stored", 6);
	note_pread(reader, 20000, 0);
	NOTE(put(writer, 500, 14900, 4));
	NOTE(ftruncate(maker, 12000));
	note_pread(reader, 20000, 0);
	NOTE(close(reader));
	NOTE(put(maker, 10, 11995, 5));
	reader = NOTE_FD(open(name, O_RDONLY));
	note_pread(reader, 20000, 0);
	NOTE(munmap(map, 15000));
	NOTE(close(writer));
	NOTE(put(maker, 70000, 12345, 6));
	note_pread(reader, 100000, 0);
	NOTE(fsync(maker));
	NOTE(close(maker));
	note_pread(reader, 100000, 0);
	NOTE(close(reader));
	note_data(name, 4096);
}

static void others_see_what_a_maker_writes(void)
{
	others_open_a_new_file_while_it_is_written(O_WRONLY | O_EXCL, "w");
	others_open_a_new_file_while_it_is_written(O_WRONLY | O_TRUNC, "t");
	others_open_a_new_file_while_it_is_written(O_RDWR | O_EXCL, "rw");
	others_open_a_new_file_while_it_is_written(O_WRONLY | O_APPEND, "a");
}

/* Whichever of them opens it first. */
static void many_make_and_open_one_name(void)
{
	for (int child = 0; child < 6; child++) {
		if (fork())
			continue;
		for (int round = 0; round < 300; round++) {
			int flags = child % 3 == 0 ? O_WRONLY | O_CREAT : child % 3 == 1 ? O_RDONLY : O_RDWR;
			int fd = open("one", flags, 0644);

			if (fd < 0 && errno != ENOENT)
				_exit(errno);
			if (fd >= 0 && child % 3 != 1 && put(fd, 100, 0, 1) != 100)
				_exit(100);
			if (fd >= 0)
				close(fd);
			if (child == 0)
				unlink("one");
		}
		_exit(0);
	}
	note_children(6);
	unlink("one");
}

static const struct CMUnitTest tests[] = {
	SAME(a_new_file_outlives_its_name_and_its_maker),
	SAME(a_new_file_is_closed_while_it_is_looked_at),
	SAME(others_see_what_a_maker_writes),
	SAME(many_make_and_open_one_name),
};

static const struct suite suite = {
	.name = "new_file", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
