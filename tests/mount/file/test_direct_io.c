/* O_DIRECT from applications, and memory mappings, on every lane and across lanes. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void direct_io_reads_and_writes(void)
{
	static const struct {
		size_t length;
		off_t offset;
	} requests[] = {{4096, 0}, {512, 0}, {512, 512}, {1024, 3584}, {65536, 4096}, {131072, 512},
		{4096, 98304}, {4096, 98816}, {1 << 20, 0}, {512, 99840}};
	int fd, plain;

	NOTE(put_file("f", 100000, 1));
	warm("f");
	fd = NOTE_FD(open("f", O_RDWR | O_DIRECT));
	plain = NOTE_FD(open("f", O_RDWR));
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		note_pread(fd, requests[i].length, requests[i].offset);
		NOTE(put(plain, 1000, requests[i].offset + 100, (unsigned)i));
		note_pread(fd, requests[i].length, requests[i].offset);
		NOTE(put(fd, requests[i].length, requests[i].offset, (unsigned)i + 50));
		note_pread(plain, 100000, requests[i].offset);
		note_fstat(fd);
	}
	NOTE(ftruncate(fd, 1000));
	note_pread(fd, 4096, 0);
	note_pread(fd, 4096, 4096);
	NOTE(close(fd) | close(plain));
	note_data("f", 4096);
}

static void direct_io_makes_and_appends(void)
{
	int fd = NOTE_FD(open("f", O_WRONLY | O_CREAT | O_DIRECT, 0644));

	NOTE(put(fd, 8192, 0, 1));
	NOTE(put(fd, 512, 8192, 2));
	NOTE(close(fd));
	fd = NOTE_FD(open("f", O_WRONLY | O_APPEND | O_DIRECT));
	NOTE(put(fd, 512, 0, 3));
	NOTE(put(fd, 4096, 0, 4));
	NOTE(close(fd));
	note_data("f", 1000);
	fd = NOTE_FD(open("f", O_RDWR | O_TRUNC | O_DIRECT));
	note_fstat(fd);
	NOTE(put(fd, 4096, 1 << 20, 5));
	note_pread(fd, 8192, (1 << 20) - 4096);
	NOTE(close(fd));
}

/* As fcntl(2) permits. */
static void direct_io_ends_with_its_flag(void)
{
	int fd;

	NOTE(put_file("f", 70000, 1));
	fd = NOTE_FD(open("f", O_RDWR | O_TRUNC | O_DIRECT));
	NOTE(put(fd, 8192, 0, 2));
	NOTE(fcntl(fd, F_SETFL, 0));
	NOTE(put(fd, 100, 50, 3));
	note_pread(fd, 333, 7);
	NOTE(ftruncate(fd, 5000));
	NOTE(close(fd));
	note_data("f", 1000);
}

static void direct_io_of_the_daemon_ends_with_its_flag(void **state)
{
	void *sequence = (void *)direct_io_ends_with_its_flag;

	if (config.lane && strcmp(config.lane, "direct") && strcmp(config.lane, "served"))
		SKIP_TEST("the kernel keeps the flags of the open for the backing file");
	tape_same(&sequence);
}

static void note_map(const char *what, const char *map, size_t length)
{
	unsigned long long sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = sum * 31 + (unsigned char)map[i];
	tape_text("%s: %016llx\n", what, sum);
}

static void shared_mappings_and_files_are_one(void)
{
	char *map, *second;
	int fd, other;

	NOTE(put_file("f", 70000, 1));
	warm("f");
	fd = NOTE_FD(open("f", O_RDWR));
	other = NOTE_FD(open("f", O_RDWR));
	map = mmap(NULL, 81920, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	second = mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 65536);
	NOTE(map == MAP_FAILED || second == MAP_FAILED);
	note_map("at first", map, 70000);
	NOTE(put(other, 9000, 100, 2));
	note_map("after a write", map, 70000);
	memset(map + 5000, 'm', 3000);
	note_pread(other, 10000, 0);
	note_pread(fd, 10000, 0);
	map[66000] = 'z';
	note_map("second mapping", second, 4096);
	NOTE(ftruncate(other, 80000));
	note_map("grown", map, 80000);
	map[79999] = 'e';
	note_pread(other, 10000, 70000);
	NOTE(close(fd));
	NOTE(put(other, 100, 79000, 3));
	note_map("after close", map, 80000);
	memset(map + 30000, 'c', 10000);
	NOTE(msync(map, 81920, MS_SYNC));
	NOTE(munmap(map, 81920));
	note_map("second mapping", second, 4096);
	NOTE(close(other));
	note_map("all closed", second, 4096);
	NOTE(munmap(second, 4096));
	note_data("f", 4096);
}

static void private_mappings_keep_their_changes(void)
{
	char *map;
	int fd, writer;

	NOTE(put_file("f", 20000, 1));
	warm("f");
	fd = NOTE_FD(open("f", O_RDONLY));
	map = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	NOTE(map == MAP_FAILED);
	memset(map, 'p', 100);
	note_pread(fd, 200, 0);
	writer = NOTE_FD(open("f", O_RDWR));
	NOTE(put(writer, 100, 0, 2));
	NOTE(put(writer, 100, 8192, 3));
	note_map("own page", map, 100);
	note_map("shared page", map + 8192, 100);
	NOTE(close(fd) | close(writer));
	note_map("closed", map, 20000);
	NOTE(munmap(map, 20000));
	NOTE(mmap(NULL, 4096, PROT_READ, MAP_SHARED, -1, 0) == MAP_FAILED);
	note_data("f", 4096);
}

static void mappings_need_the_rights_of_the_open(void)
{
	int fd;

	NOTE(put_file("f", 8192, 1));
	fd = NOTE_FD(open("f", O_RDONLY));
	tape_text("writable of a reader: %d\n",
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	NOTE(close(fd));
	fd = NOTE_FD(open("f", O_WRONLY));
	tape_text("readable of a writer: %d\n", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	NOTE(close(fd));
}

static void mapped_and_direct_and_plain_io_agree(void)
{
	int direct, plain;
	char *map;

	NOTE(put_file("f", 1 << 17, 1));
	warm("f");
	plain = NOTE_FD(open("f", O_RDWR));
	direct = NOTE_FD(open("f", O_RDWR | O_DIRECT));
	map = mmap(NULL, 1 << 17, PROT_READ | PROT_WRITE, MAP_SHARED, plain, 0);
	NOTE(map == MAP_FAILED);
	for (int i = 0; i < 32; i++) {
		size_t at = (size_t)((i * 37) % 32) * 4096;

		memset(map + at, i, 2000);
		note_pread(direct, 4096, (off_t)at);
		NOTE(put(direct, 4096, (off_t)(at ^ 4096), (unsigned)i));
		note_map("after direct", map, 1 << 17);
		NOTE(put(plain, 3000, (off_t)at + 1000, (unsigned)i + 100));
		note_pread(direct, 8192, (off_t)at);
		note_map("after plain", map, 1 << 17);
	}
	NOTE(munmap(map, 1 << 17));
	NOTE(close(plain) | close(direct));
	note_data("f", 10000);
}

/* A page beyond the end raises SIGBUS, also after the file was cut by another handle. */
static void mappings_end_with_the_file(void)
{
	int fd, status;
	pid_t child;
	char *map;

	NOTE(put_file("f", 50000, 1));
	warm("f");
	fd = NOTE_FD(open("f", O_RDWR));
	map = mmap(NULL, 50000, PROT_READ, MAP_SHARED, fd, 0);
	NOTE(map == MAP_FAILED);
	note_map("whole", map, 50000);
	NOTE(truncate("f", 10000));
	child = suite_fork();
	if (!child)
		_exit(((volatile char *)map)[40000]);
	waitpid(child, &status, 0);
	tape_text("beyond the end: signal %d\n", WTERMSIG(status));
	note_map("rest of the page", map, 12288);
	NOTE(truncate("f", 50000));
	note_map("grown again", map, 50000);
	NOTE(munmap(map, 50000) | close(fd));
}

static void a_program_runs_from_the_mount(void)
{
	static char output[256];

	NOTE(shell(output, sizeof(output), "cp /bin/true ./prog && ./prog && ./prog; echo $?"));
	tape_text("%s", output);
	warm("prog");
	NOTE(shell(output, sizeof(output), "./prog; echo $?"));
	tape_text("%s", output);
	NOTE(shell(output, sizeof(output),
		"printf '#!/bin/sh\\necho script $1\\n' > s; chmod +x s; ./s one; ./s two"));
	tape_text("%s", output);
	NOTE(unlink("prog"));
}

static const struct CMUnitTest tests[] = {
	SAME(direct_io_reads_and_writes),
	SAME(direct_io_makes_and_appends),
	cmocka_unit_test(direct_io_of_the_daemon_ends_with_its_flag),
	SAME(shared_mappings_and_files_are_one),
	SAME(private_mappings_keep_their_changes),
	SAME(mappings_need_the_rights_of_the_open),
	SAME(mapped_and_direct_and_plain_io_agree),
	SAME(mappings_end_with_the_file),
	SAME(a_program_runs_from_the_mount),
};

static const struct suite suite = {
	.name = "direct_io", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
