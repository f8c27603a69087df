/*
 * build_bench - compares two builds of sievefs: what a change costs, or saves.
 *
 *   build_bench [--rounds=N] [--cpu=N] SIEVEFS SIEVEFS SIEVECTL DIRECTORY
 *
 * Mounts DIRECTORY's files with each build and does the same operations on both in turn, round after round.
 * The figure of a round is the median over its operations; its ratio is the first build's time to the
 * second's. Prints medians of the figures and of the ratios, with quartiles of the latter, without judging
 * them. Given the same build twice, it shows how large differences by chance are. --cpu: operations and
 * daemons run on that CPU only, so that the results do not depend on which CPU the kernel wakes them.
 */
#include "cache/base/clock.h"
#include "cache/base/standard_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/bench/bench_mount.h"

#define SIDES 2
#define FILES 16
#define ROUND_NS 5000000 /* how long a round of one operation lasts, about */
#define OPERATIONS_MAX 10000

static const unsigned sizes_kib[] = {4, 4096};
static unsigned round_count = 2001;
static char bare[PATH_MAX], tops[SIDES][PATH_MAX];
static char buffer[4096];

/* --- operations ------------------------------------------------------------------------------- */

static int open_one(const char *top, unsigned size_kib, unsigned file, int flags)
{
	char path[PATH_MAX];
	int fd;

	bench_path(path, top, size_kib, file);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	return fd;
}

/* All requests of this operation go to the daemon, except the read of a file that is passed through. */
static void open_hot(const char *top, int fd, unsigned turn)
{
	fd = open_one(top, sizes_kib[0], turn % FILES, O_RDONLY);
	if (read(fd, buffer, sizeof(buffer)) != (ssize_t)sizeof(buffer))
		fail("a read: %s", strerror(errno));
	close(fd);
}

static void read_direct(const char *top, int fd, unsigned turn)
{
	if (pread(fd, buffer, sizeof(buffer), (off_t)(turn * 37 % 1024) * 4096) != (ssize_t)sizeof(buffer))
		fail("a read: %s", strerror(errno));
}

static void look_up_none(const char *top, int fd, unsigned turn)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%.4000s/none.%u", top, turn);
	if (stat(path, &st) == 0)
		fail("%s is there", path);
}

struct operation {
	const char *name, *options;
	void (*run)(const char *top, int fd, unsigned turn);
};

static const struct operation operations[] = {
	{"open, read, close of 4 KiB, hot", "admit=1,settle=0,memory_floor=0", open_hot},
	{"read of 4 KiB by the daemon", "passthrough=off,large=direct,large_min=1M", read_direct},
	{"lookup of no file", "negative_timeout=0", look_up_none},
};
enum { OPERATION_COUNT = sizeof(operations) / sizeof(*operations) };

/* The median of one round, in ns: other programs of the machine disturb some of the operations only. */
static double measure(const struct operation *o, const char *top)
{
	static double times[OPERATIONS_MAX];
	int fd = open_one(top, sizes_kib[1], 0, O_RDONLY);
	int64_t start = clock_now_ns(), last = start, now = start;
	unsigned done = 0;

	for (; done < OPERATIONS_MAX && now - start < ROUND_NS; last = now) {
		o->run(top, fd, done);
		now = clock_now_ns();
		times[done++] = (double)(now - last);
	}
	close(fd);
	return median_of(times, done);
}

/* --- comparing -------------------------------------------------------------------------------- */

static void compare(const struct operation *o, char *const sievefs[SIDES])
{
	double *samples[SIDES], *ratios = new_samples(round_count), medians[SIDES], middle;
	pid_t daemons[SIDES];

	for (int side = 0; side < SIDES; side++) {
		bench_sievefs = sievefs[side];
		daemons[side] = mount_with(o->options, bare, tops[side]);
		samples[side] = new_samples(round_count);
		for (int warm = 0; warm < 20; warm++)
			measure(o, tops[side]);
	}
	for (unsigned round = 0; round < round_count; round++) {
		for (unsigned turn = 0; turn < SIDES; turn++) {
			unsigned side = (round + turn) % SIDES;

			samples[side][round] = measure(o, tops[side]);
		}
		ratios[round] = samples[0][round] / samples[1][round];
	}
	for (int side = 0; side < SIDES; side++) {
		medians[side] = median_of(samples[side], round_count);
		unmount(daemons[side]);
		free(samples[side]);
	}
	middle = median_of(ratios, round_count); /* sorts them */
	printf("| %s | %.2f µs | %.2f µs | %.4f (%.4f–%.4f) |\n", o->name, medians[0] / 1000,
		medians[1] / 1000, middle, ratios[round_count / 4], ratios[round_count * 3 / 4]);
	fflush(stdout);
	free(ratios);
}

/* The daemons inherit the affinity. */
static void stay_on(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail("CPU %u: %s", cpu, strerror(errno));
}

int main(int argc, char **argv)
{
	struct bench_files files = {
		.top = bare, .sizes_kib = sizes_kib, .size_count = 2, .file_count = FILES};
	int i = 1;

	standard_fds_take();
	bench_name = "build_bench";
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strncmp(argv[i], "--rounds=", 9) == 0)
			round_count = number_of(argv[i] + 9, 100000);
		else if (strncmp(argv[i], "--cpu=", 6) == 0)
			stay_on((unsigned)atoi(argv[i] + 6));
		else
			fail("%s: there are --rounds=N and --cpu=N", argv[i]);
	}
	if (argc - i != 4)
		fail("usage: build_bench [--rounds=N] [--cpu=N] SIEVEFS SIEVEFS SIEVECTL DIRECTORY");
	bench_sievectl = argv[i + 2];
	snprintf(bare, sizeof(bare), "%.3000s/build_bench.bare", argv[i + 3]);
	for (int side = 0; side < SIDES; side++)
		snprintf(tops[side], PATH_MAX, "%.3000s/build_bench.%d", argv[i + 3], side);
	if (mkdir(bare, 0755) < 0 || mkdir(tops[0], 0755) < 0 || mkdir(tops[1], 0755) < 0)
		fail("%s: %s", bare, strerror(errno));
	bench_files_make(&files);
	puts("| operation | first | second | first / second (quartiles) |\n|---|---|---|---|");
	for (int o = 0; o < OPERATION_COUNT; o++)
		compare(&operations[o], argv + i);
	bench_files_remove(&files);
	rmdir(tops[0]);
	rmdir(tops[1]);
	rmdir(bare);
	return 0;
}
