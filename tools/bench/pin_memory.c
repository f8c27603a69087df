/*
 * pin_memory - the memory that files of one page take once a mount knows them, and once it has pinned them.
 *
 *   pin_memory [--most=N] SIEVEFS SIEVECTL DIRECTORY
 *
 * Makes 1,000 files below DIRECTORY, then ten times as many, up to N. At each count it opens each file once
 * through a mount that caches nothing, then through one that pins each, and prints how much memory grew, in
 * bytes a file: that of the kernel (slab, page tables and vmalloc of /proc/meminfo), and that of the daemon
 * and its keepers (their anonymous memory). SOURCE's own inodes and dentries are in memory before. Prints
 * what it measures, without judging it. The machine should be idle, since the kernel's figures are those of
 * the whole machine.
 */
#include "cache/base/standard_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/bench/bench_mount.h"

#define PER_DIRECTORY 1000
#define FIRST_COUNT 1000
#define OBJECT_BYTES 8192 /* of the budget: more than a page and its metadata */

struct memory {
	long long kernel, page_tables, daemon; /* bytes; kernel includes page_tables */
};

static unsigned most = 100000, made;
static char source[PATH_MAX], point[PATH_MAX];

static void path_of(char path[PATH_MAX], const char *top, unsigned file)
{
	snprintf(path, PATH_MAX, "%.3000s/%u/%u", top, file / PER_DIRECTORY, file);
}

static void make_files(unsigned count)
{
	char path[PATH_MAX];

	for (; made < count; made++) {
		static const char page[4096] = "page";
		int fd;

		snprintf(path, sizeof(path), "%.3000s/%u", source, made / PER_DIRECTORY);
		if (made % PER_DIRECTORY == 0 && mkdir(path, 0755) < 0)
			fail("%s: %s", path, strerror(errno));
		path_of(path, source, made);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 || write(fd, page, sizeof(page)) != sizeof(page))
			fail("%s: %s", path, strerror(errno));
		close(fd);
	}
}

static void remove_files(void)
{
	char path[PATH_MAX];

	for (unsigned file = 0; file < made; file++) {
		path_of(path, source, file);
		unlink(path);
		snprintf(path, sizeof(path), "%.3000s/%u", source, file / PER_DIRECTORY);
		if (file % PER_DIRECTORY == PER_DIRECTORY - 1)
			rmdir(path);
	}
}

/* Pages that are dirty or in writeback can't be pinned. */
static void bring_to_the_disk(void)
{
	int fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		fail("%s: %s", source, strerror(errno));
	close(fd);
}

static void open_each(const char *top, unsigned count)
{
	char path[PATH_MAX], byte;

	for (unsigned file = 0; file < count; file++) {
		int fd;

		path_of(path, top, file);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, &byte, 1) != 1)
			fail("%s: %s", path, strerror(errno));
		close(fd);
	}
}

/* --- memory ----------------------------------------------------------------------------------- */

/* The number after key in a file of "key: number kB" lines, in bytes; 0: none. */
static long long bytes_in(const char *path, const char *key)
{
	char line[256];
	long long kib = 0;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtoll(line + strlen(key), NULL, 10);
	if (file)
		fclose(file);
	return kib << 10;
}

static long long anonymous(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return bytes_in(path, "RssAnon:");
}

static long long of_processes(pid_t daemon)
{
	char path[64];
	long long bytes = anonymous(daemon);
	FILE *children;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)daemon, (int)daemon);
	children = fopen(path, "re");
	while (children && fscanf(children, "%d", &child) == 1)
		bytes += anonymous((pid_t)child);
	if (children)
		fclose(children);
	return bytes;
}

static struct memory memory_of(pid_t daemon)
{
	static const char meminfo[] = "/proc/meminfo";
	struct memory m = {.page_tables = bytes_in(meminfo, "PageTables:"), .daemon = of_processes(daemon)};

	m.kernel = bytes_in(meminfo, "Slab:") + bytes_in(meminfo, "VmallocUsed:") + m.page_tables;
	return m;
}

/* --- measuring -------------------------------------------------------------------------------- */

static void await_objects(unsigned count)
{
	for (int tries = 0; mount_counter(point, "objects") < count; tries++) {
		if (tries == 6000)
			fail("%lld of %u files are pinned", mount_counter(point, "objects"), count);
		pause_ms(100);
		if (tries % 20 == 19) /* for files that were refused the first time */
			open_each(point, count);
	}
}

/* The memory that a mount with these options takes while each file is opened once; pinned: and is cached. */
static struct memory growth(const char *options, unsigned count, bool pinned)
{
	pid_t daemon = mount_with(options, source, point);
	struct memory before, after;

	mount_counter(point, "objects");
	before = memory_of(daemon);
	open_each(point, count);
	if (pinned)
		await_objects(count);
	pause_ms(6000); /* idle descriptors are closed */
	after = memory_of(daemon);
	unmount(daemon);
	return (struct memory){after.kernel - before.kernel, after.page_tables - before.page_tables,
		after.daemon - before.daemon};
}

static void measure(unsigned count)
{
	char options[256];
	struct memory known, pinned;

	make_files(count);
	bring_to_the_disk();
	open_each(source, count);
	known = growth("admit=0,memory_floor=0", count, false);
	snprintf(options, sizeof(options), "store=pin,admit=1,memory_floor=0,cache_size=%llu",
		(unsigned long long)count * OBJECT_BYTES + (64ULL << 20));
	pinned = growth(options, count, true);
	printf("| %u | %lld | %lld | %lld | %lld | %lld |\n", count, known.kernel / count,
		known.daemon / count, (pinned.kernel - known.kernel) / count,
		(pinned.page_tables - known.page_tables) / count, (pinned.daemon - known.daemon) / count);
	fflush(stdout);
}

static void read_arguments(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strncmp(argv[i], "--most=", 7) != 0)
			fail("%s: there is --most=N", argv[i]);
		most = number_of(argv[i] + 7, 10000000);
	}
	if (argc - i != 3)
		fail("usage: pin_memory [--most=N] SIEVEFS SIEVECTL DIRECTORY");
	bench_sievefs = argv[i];
	bench_sievectl = argv[i + 1];
	snprintf(source, sizeof(source), "%.3000s/pin_memory.source", argv[i + 2]);
	snprintf(point, sizeof(point), "%.3000s/pin_memory.mount", argv[i + 2]);
}

int main(int argc, char **argv)
{
	standard_fds_take();
	bench_name = "pin_memory";
	read_arguments(argc, argv);
	if (mkdir(source, 0755) < 0 || mkdir(point, 0755) < 0)
		fail("%s, %s: %s", source, point, strerror(errno));
	puts("| files | known: kernel | known: daemon | pinned: kernel | of that page tables | pinned: "
	     "daemon |\n"
	     "|---|---|---|---|---|---|");
	for (unsigned count = FIRST_COUNT; count <= most; count *= 10)
		measure(count);
	remove_files();
	rmdir(source);
	rmdir(point);
	return 0;
}
