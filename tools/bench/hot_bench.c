/*
 * hot_bench - hot files through a mount that pins them and one that copies them, compared with the bare
 * directory.
 *
 *   hot_bench [--files=N] [--rounds=N] [--cpu=N] SIEVEFS SIEVECTL DIRECTORY
 *
 * Makes files of some sizes below DIRECTORY, mounts them twice, and does each operation on each side in turn,
 * round after round. The figure of a round is the mean over its operations; a cell of the table is the median
 * over the rounds, with its ratio to the bare directory's. --cpu: the operations run on that CPU only. Prints
 * what it measures, without judging it.
 */
#include "cache/base/clock.h"
#include "cache/base/standard_fds.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/bench/bench_mount.h"

#define MIB (1 << 20)
#define ROUND_NS 20000000 /* how long a round of one operation lasts, about */
#define MOST_OPERATIONS 20000

enum side { BARE, PIN, COPY, SIDE_COUNT };

static const char *const side_names[SIDE_COUNT] = {"bare", "pin", "copy"};
static const char *const side_options[SIDE_COUNT] = {
	[PIN] = "store=pin,admit=1,small_max=1M,memory_floor=0",
	[COPY] = "store=copy,admit=1,small_max=1M,settle=0,memory_floor=0",
};
static const unsigned sizes_kib[] = {4, 64, 1024};
enum { SIZE_COUNT = sizeof(sizes_kib) / sizeof(*sizes_kib) };

static unsigned file_count = 64, round_count = 31;
static char tops[SIDE_COUNT][PATH_MAX];
static char buffer[MIB];

static int open_one(enum side side, unsigned size, unsigned file, int flags)
{
	char path[PATH_MAX];
	int fd;

	bench_path(path, tops[side], sizes_kib[size], file);
	fd = open(path, flags | O_CLOEXEC, 0644);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	return fd;
}

/* --- operations ------------------------------------------------------------------------------- */

static void read_whole(int fd, unsigned size)
{
	size_t bytes = (size_t)sizes_kib[size] << 10;

	if (pread(fd, buffer, bytes, 0) != (ssize_t)bytes)
		fail("a read of %zu bytes: %s", bytes, strerror(errno));
}

static void open_read_close(enum side side, unsigned size, unsigned file, int fd)
{
	fd = open_one(side, size, file, O_RDONLY);
	read_whole(fd, size);
	close(fd);
}

static void read_open_file(enum side side, unsigned size, unsigned file, int fd)
{
	read_whole(fd, size);
}

static void overwrite_open_file(enum side side, unsigned size, unsigned file, int fd)
{
	if (pwrite(fd, buffer, 4096, 0) != 4096)
		fail("a write: %s", strerror(errno));
}

struct operation {
	const char *name;
	void (*run)(enum side side, unsigned size, unsigned file, int fd);
	int flags; /* of the descriptor that it works on; -1: none */
	bool largest_too;
};

static const struct operation operations[] = {
	{"open, read, close", open_read_close, -1, true},
	{"read", read_open_file, O_RDONLY, false},
	{"overwrite of 4 KiB", overwrite_open_file, O_WRONLY, false},
};
enum { OPERATION_COUNT = sizeof(operations) / sizeof(*operations) };

/* The mean of one round, in ns. The number of operations makes the rounds of all sides about equally long. */
static double measure(const struct operation *o, enum side side, unsigned size)
{
	int *fds = calloc(file_count, sizeof(*fds));
	unsigned done = 0;
	int64_t start, spent;

	assert(file_count > 0); /* checked by number_of() */
	if (!fds)
		fail("no memory");
	for (unsigned file = 0; file < file_count; file++)
		fds[file] = o->flags < 0 ? -1 : open_one(side, size, file, o->flags);
	start = clock_now_ns();
	do {
		unsigned file = done++ % file_count;

		o->run(side, size, file, fds[file]);
		spent = clock_now_ns() - start;
	} while (spent < ROUND_NS && done < MOST_OPERATIONS);
	for (unsigned file = 0; file < file_count; file++)
		if (fds[file] >= 0)
			close(fds[file]);
	free(fds);
	return (double)spent / done;
}

static void compare_sides(const struct operation *o, unsigned size)
{
	double *samples[SIDE_COUNT], bare;

	for (int side = 0; side < SIDE_COUNT; side++)
		samples[side] = new_samples(round_count);
	for (unsigned round = 0; round < round_count; round++)
		for (unsigned turn = 0; turn < SIDE_COUNT; turn++) {
			enum side side = (enum side)((round + turn) % SIDE_COUNT);

			samples[side][round] = measure(o, side, size);
		}
	bare = median_of(samples[BARE], round_count);
	printf("| %s | %u KiB |", o->name, sizes_kib[size]);
	for (int side = 0; side < SIDE_COUNT; side++) {
		double median = median_of(samples[side], round_count);

		printf(" %.2f µs (%.2f) |", median / 1000, bare / median);
		free(samples[side]);
	}
	putchar('\n');
	fflush(stdout);
}

/* --- set-up ----------------------------------------------------------------------------------- */

/* Reads each file once through both mounts. */
static void warm_files(void)
{
	for (unsigned size = 0; size < SIZE_COUNT; size++)
		for (unsigned file = 0; file < file_count; file++) {
			open_read_close(PIN, size, file, -1);
			open_read_close(COPY, size, file, -1);
		}
}

static void stay_on(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail("CPU %u: %s", cpu, strerror(errno));
}

static const char *cpu;

static void read_arguments(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strncmp(argv[i], "--files=", 8) == 0)
			file_count = number_of(argv[i] + 8, 4096);
		else if (strncmp(argv[i], "--rounds=", 9) == 0)
			round_count = number_of(argv[i] + 9, 4096);
		else if (strncmp(argv[i], "--cpu=", 6) == 0)
			cpu = argv[i] + 6;
		else
			fail("%s: there are --files=N, --rounds=N and --cpu=N", argv[i]);
	}
	if (argc - i != 3)
		fail("usage: hot_bench [--files=N] [--rounds=N] [--cpu=N] SIEVEFS SIEVECTL DIRECTORY");
	bench_sievefs = argv[i];
	bench_sievectl = argv[i + 1];
	for (int side = 0; side < SIDE_COUNT; side++)
		snprintf(tops[side], PATH_MAX, "%.3000s/hot_bench.%s", argv[i + 2], side_names[side]);
}

int main(int argc, char **argv)
{
	struct bench_files files = {.top = tops[BARE], .sizes_kib = sizes_kib, .size_count = SIZE_COUNT};
	pid_t daemons[SIDE_COUNT] = {0};

	standard_fds_take();
	bench_name = "hot_bench";
	read_arguments(argc, argv);
	files.file_count = file_count;
	for (int side = 0; side < SIDE_COUNT; side++)
		if (mkdir(tops[side], 0755) < 0)
			fail("%s: %s", tops[side], strerror(errno));
	bench_files_make(&files);
	for (int side = PIN; side < SIDE_COUNT; side++)
		daemons[side] = mount_with(side_options[side], tops[BARE], tops[side]);
	warm_files();
	for (int side = PIN; side < SIDE_COUNT; side++)
		await_counter(tops[side], "fills", (long long)SIZE_COUNT * file_count);
	if (cpu)
		stay_on((unsigned)atoi(cpu));
	puts("| operation | file | bare | pin | copy |\n|---|---|---|---|---|");
	for (int o = 0; o < OPERATION_COUNT; o++)
		for (unsigned size = 0; size < SIZE_COUNT - (operations[o].largest_too ? 0U : 1U); size++)
			compare_sides(&operations[o], size);
	for (int side = PIN; side < SIDE_COUNT; side++)
		unmount(daemons[side]);
	bench_files_remove(&files);
	for (int side = 0; side < SIDE_COUNT; side++)
		rmdir(tops[side]);
	return 0;
}
