/*
 * fill_cost - what a fill costs, compared with a hit and with other ways of reading.
 *
 *   fill_cost [--files=N] [--rounds=N] [--store=pin|copy] SIEVEFS SIEVECTL DIRECTORY
 *
 * Makes files of some sizes below DIRECTORY, mounts them with SIEVEFS, and times open, read to the end and
 * close of each. Prints medians over all files and rounds as a table, without judging them. Fills are
 * asynchronous: their cost is the CPU time of the daemon and its keepers beyond that of the same opens
 * without fills.
 */
#include "cache/base/clock.h"
#include "cache/base/standard_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/bench/bench_mount.h"

#define READ_STEP (1 << 20)
#define MIB (1 << 20)

enum way { DISK, NATIVE, PLAIN, FILLING, HIT, WAY_COUNT };

static const char *const headings[WAY_COUNT] = {
	"from disk", "page cache", "plain lane", "open that fills", "hit"};
static const unsigned sizes_kib[] = {4, 16, 64, 256};
enum { SIZE_COUNT = sizeof(sizes_kib) / sizeof(*sizes_kib) };

static unsigned file_count = 256, round_count = 5;
static char filling[128] = "admit=1,small_max=1M,settle=0,memory_floor=0";
static char source[PATH_MAX], point[PATH_MAX];
static double *samples[SIZE_COUNT][WAY_COUNT]; /* ns, for each file of each round */
static double *fill_cpu[SIZE_COUNT];           /* ns a file, for each round */

/* --- files ------------------------------------------------------------------------------------ */

static void forget_pages(unsigned size)
{
	char path[PATH_MAX];

	for (unsigned file = 0; file < file_count; file++) {
		int fd;

		bench_path(path, source, sizes_kib[size], file);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
}

static int64_t read_one(const char *path)
{
	static char buffer[READ_STEP];
	int64_t start = clock_now_ns();
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	close(fd);
	return clock_now_ns() - start;
}

/* Looks all names up first, so that no way pays for lookups. to: receives the times. */
static void read_all(const char *top, unsigned size, double *to)
{
	char path[PATH_MAX];
	struct stat st;

	for (unsigned file = 0; file < file_count; file++) {
		bench_path(path, top, sizes_kib[size], file);
		if (stat(path, &st) < 0)
			fail("%s: %s", path, strerror(errno));
	}
	for (unsigned file = 0; file < file_count; file++) {
		bench_path(path, top, sizes_kib[size], file);
		to[file] = (double)read_one(path);
	}
}

static int64_t cpu_of(pid_t pid)
{
	clockid_t clock;

	return clock_getcpuclockid(pid, &clock) == 0 ? clock_read_ns(clock) : 0;
}

/* CPU time of the daemon and of the children of its main thread, among them its keeper, if it has one. */
static int64_t cpu_of_all(pid_t daemon)
{
	int64_t ns = cpu_of(daemon);
	char path[64];
	FILE *children;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)daemon, (int)daemon);
	children = fopen(path, "re");
	while (children && fscanf(children, "%d", &child) == 1)
		ns += cpu_of(child);
	if (children)
		fclose(children);
	return ns;
}

/* The CPU time, in ns a file, of reading each file once. */
static double read_and_await(pid_t daemon, unsigned size, double *to, long long fills)
{
	int64_t start = cpu_of_all(daemon);

	read_all(point, size, to);
	await_counter(point, "fills", fills);
	return (double)(cpu_of_all(daemon) - start) / file_count;
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void measure_round(unsigned round)
{
	double plain_cpu[SIZE_COUNT];
	size_t at = (size_t)round * file_count;
	pid_t daemon = mount_with("admit=0,small_max=1M,settle=0,memory_floor=0", source, point);

	for (unsigned size = 0; size < SIZE_COUNT; size++) {
		forget_pages(size);
		read_all(source, size, samples[size][DISK] + at);
		read_all(source, size, samples[size][NATIVE] + at);
		read_all(point, size, samples[size][PLAIN] + at);
		plain_cpu[size] = read_and_await(daemon, size, samples[size][PLAIN] + at, 0);
	}
	unmount(daemon);
	daemon = mount_with(filling, source, point);
	for (unsigned size = 0; size < SIZE_COUNT; size++) {
		long long fills = (long long)file_count * (size + 1);
		double cpu;

		read_all(source, size, samples[size][HIT] + at); /* into the page cache */
		cpu = read_and_await(daemon, size, samples[size][FILLING] + at, fills);
		fill_cpu[size][round] = cpu - plain_cpu[size];
		read_all(point, size, samples[size][HIT] + at);
		read_all(point, size, samples[size][HIT] + at);
	}
	unmount(daemon);
}

static void print_table(void)
{
	printf("| file |");
	for (int way = 0; way < WAY_COUNT; way++)
		printf(" %s, µs |", headings[way]);
	printf(" CPU of a fill, µs |\n|---|");
	for (int way = 0; way <= WAY_COUNT; way++)
		printf("---|");
	putchar('\n');
	for (unsigned size = 0; size < SIZE_COUNT; size++) {
		printf("| %u KiB |", sizes_kib[size]);
		for (int way = 0; way < WAY_COUNT; way++)
			printf(" %.1f |",
				median_of(samples[size][way], (size_t)file_count * round_count) / 1000);
		printf(" %.1f |\n", median_of(fill_cpu[size], round_count) / 1000);
	}
}

static void read_arguments(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strncmp(argv[i], "--files=", 8) == 0)
			file_count = number_of(argv[i] + 8, 4096);
		else if (strncmp(argv[i], "--rounds=", 9) == 0)
			round_count = number_of(argv[i] + 9, 4096);
		else if (strncmp(argv[i], "--store=", 8) == 0)
			snprintf(filling + strlen(filling), sizeof(filling) - strlen(filling), ",store=%.8s",
				argv[i] + 8);
		else
			fail("%s: there are --files=N, --rounds=N and --store=KIND", argv[i]);
	}
	if (argc - i != 3)
		fail("usage: fill_cost [--files=N] [--rounds=N] [--store=KIND] SIEVEFS SIEVECTL DIRECTORY");
	bench_sievefs = argv[i];
	bench_sievectl = argv[i + 1];
	snprintf(source, sizeof(source), "%.3000s/fill_cost.source", argv[i + 2]);
	snprintf(point, sizeof(point), "%.3000s/fill_cost.mount", argv[i + 2]);
}

int main(int argc, char **argv)
{
	struct bench_files files = {.top = source, .sizes_kib = sizes_kib, .size_count = SIZE_COUNT};

	standard_fds_take();
	bench_name = "fill_cost";
	read_arguments(argc, argv);
	files.file_count = file_count;
	if (mkdir(source, 0755) < 0 || mkdir(point, 0755) < 0)
		fail("%s, %s: %s", source, point, strerror(errno));
	for (unsigned size = 0; size < SIZE_COUNT; size++) {
		fill_cpu[size] = new_samples(round_count);
		for (int way = 0; way < WAY_COUNT; way++)
			samples[size][way] = new_samples((size_t)round_count * file_count);
	}
	bench_files_make(&files);
	for (unsigned round = 0; round < round_count; round++)
		measure_round(round);
	print_table();
	bench_files_remove(&files);
	rmdir(source);
	rmdir(point);
	return 0;
}
