/*
 * bench_loop - repeats one operation on many files for a while: for workloads of tools/bench/run whose
 * operations are too short to be timed by an interpreter.
 *
 *   bench_loop read|mmap|overwrite|send|sendfile|open|stat [--threads=N] [--block=BYTES] [--ms=N] [--cpu=N]
 * LIST bench_loop touch LIST bench_loop make DIRECTORY COUNT
 *
 * LIST is a file of names, each ended by a NUL. read, mmap, overwrite, send (read
 * and send to a socket) and sendfile work on files that stay open, each time on a block at a random place of
 * a random file; these operations are counted. open (open, read to the
 * end, close) and stat take a random file each time, and each operation is timed. touch opens, reads and
 * closes each file once, in the order of the list. make creates COUNT empty files, renames each, and unlinks
 * each. --cpu: all threads run on that CPU only. Output: lines of key=value. Prints what it measures, without
 * judging it.
 */
#include "cache/base/clock.h"
#include "cache/base/standard_fds.h"
#include "tools/bench/bench_mount.h"
#include "tools/bench/bench_names.h"
#include "tools/bench/bench_send.h"
#include "tools/demo.d/name_list.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MOST_THREADS = 64,
	MOST_BLOCK = 1 << 30,
	MOST_SAMPLES = 1 << 20, /* of a thread; later operations are only counted */
	BATCH = 16,             /* operations between two looks at the clock */
};

struct file {
	int fd;
	size_t size;
	char *mapping;
};

struct worker {
	pthread_t thread;
	uint64_t random;
	char *buffer;
	size_t done, sample_count;
	double *samples; /* ns; NULL: nothing is timed */
};

static struct name_list names;
static struct file *files;
static size_t block = 4096;
static unsigned thread_count = 1, run_ms = 1000;
static int cpu = -1;
static int64_t start_ns, end_ns;
static pthread_barrier_t start_line; /* the workers, and the thread that sets the times */

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled". */
static size_t random_below(struct worker *worker, size_t limit)
{
	worker->random ^= worker->random >> 12;
	worker->random ^= worker->random << 25;
	worker->random ^= worker->random >> 27;
	return (worker->random * 0x2545F4914F6CDD1DULL >> 32) % limit;
}

static size_t random_block(struct worker *worker, const struct file *file)
{
	return random_below(worker, file->size / block) * block;
}

/* --- operations ------------------------------------------------------------------------------- */

static void do_read(struct worker *worker, size_t number)
{
	const struct file *file = &files[number];

	if (pread(file->fd, worker->buffer, block, (off_t)random_block(worker, file)) != (ssize_t)block)
		fail("%s: a read: %s", names.names[number], strerror(errno));
}

static void do_mmap(struct worker *worker, size_t number)
{
	const struct file *file = &files[number];

	memcpy(worker->buffer, file->mapping + random_block(worker, file), block);
	__asm__ volatile(""
			 :
			 : "r"(worker->buffer)
			 : "memory"); /* keeps the copy, although its result is not used */
}

static void do_overwrite(struct worker *worker, size_t number)
{
	const struct file *file = &files[number];

	if (pwrite(file->fd, worker->buffer, block, (off_t)random_block(worker, file)) != (ssize_t)block)
		fail("%s: a write: %s", names.names[number], strerror(errno));
}

static void do_send(struct worker *worker, size_t number)
{
	const struct file *file = &files[number];

	bench_send_read(file->fd, (off_t)random_block(worker, file), worker->buffer, block);
}

static void do_sendfile(struct worker *worker, size_t number)
{
	const struct file *file = &files[number];

	bench_send_file(file->fd, (off_t)random_block(worker, file), block);
}

static void do_open(struct worker *worker, size_t number)
{
	int fd = open(names.names[number], O_RDONLY | O_CLOEXEC);
	ssize_t r;

	if (fd < 0)
		fail("%s: %s", names.names[number], strerror(errno));
	while ((r = read(fd, worker->buffer, MOST_SAMPLES)) > 0)
		if (r < MOST_SAMPLES)
			break; /* the end */
	if (r < 0)
		fail("%s: %s", names.names[number], strerror(errno));
	close(fd);
}

static void do_stat(struct worker *worker, size_t number)
{
	struct stat st;

	if (stat(names.names[number], &st) < 0)
		fail("%s: %s", names.names[number], strerror(errno));
}

struct operation {
	const char *name;
	void (*run)(struct worker *worker, size_t number);
	int flags; /* of the descriptors that it works on; -1: none */
	bool timed, mapped, sends;
};

static const struct operation operations[] = {
	{.name = "read", .run = do_read, .flags = O_RDONLY},
	{.name = "mmap", .run = do_mmap, .flags = O_RDONLY, .mapped = true},
	{.name = "overwrite", .run = do_overwrite, .flags = O_WRONLY},
	{.name = "send", .run = do_send, .flags = O_RDONLY, .sends = true},
	{.name = "sendfile", .run = do_sendfile, .flags = O_RDONLY, .sends = true},
	{.name = "open", .run = do_open, .flags = -1, .timed = true},
	{.name = "stat", .run = do_stat, .flags = -1, .timed = true},
};

static const struct operation *operation;

/* --- threads ---------------------------------------------------------------------------------- */

static void run_counted(struct worker *worker)
{
	do {
		for (int i = 0; i < BATCH; i++)
			operation->run(worker, random_below(worker, names.count));
		worker->done += BATCH;
	} while (clock_now_ns() < end_ns);
}

static void run_timed(struct worker *worker)
{
	int64_t before = clock_now_ns(), after;

	do {
		operation->run(worker, random_below(worker, names.count));
		after = clock_now_ns();
		if (worker->sample_count < MOST_SAMPLES)
			worker->samples[worker->sample_count++] = (double)(after - before);
		worker->done++;
		before = after;
	} while (after < end_ns);
}

static void *worker_run(void *arg)
{
	struct worker *worker = arg;

	pthread_barrier_wait(&start_line);
	operation->timed ? run_timed(worker) : run_counted(worker);
	return NULL;
}

static void print_percentiles(double *samples, size_t count)
{
	static const struct {
		const char *name;
		unsigned per_mille;
	} shown[] = {{"p50_us", 500}, {"p99_us", 990}, {"p999_us", 999}};

	median_of(samples, count); /* sorts them */
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
		printf("%s=%.3f\n", shown[i].name, samples[count * shown[i].per_mille / 1000] / 1e3);
}

static void run_workers(void)
{
	static struct worker workers[MOST_THREADS];
	double *all, seconds;
	size_t done = 0, count = 0;

	pthread_barrier_init(&start_line, NULL, thread_count + 1);
	for (unsigned i = 0; i < thread_count; i++) {
		struct worker *worker = &workers[i];

		worker->random = 0x9E3779B97F4A7C15ULL * (i + 1);
		worker->buffer = aligned_alloc(4096, block > MOST_SAMPLES ? block : MOST_SAMPLES);
		worker->samples = operation->timed ? new_samples(MOST_SAMPLES) : NULL;
		if (!worker->buffer)
			fail("no memory");
		memset(worker->buffer, 1, block);
		if (pthread_create(&worker->thread, NULL, worker_run, worker) != 0)
			fail("no thread");
	}
	start_ns = clock_now_ns();
	end_ns = start_ns + run_ms * CLOCK_NS_PER_MS;
	pthread_barrier_wait(&start_line);
	for (unsigned i = 0; i < thread_count; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
		count += workers[i].sample_count;
	}
	seconds = (double)(clock_now_ns() - start_ns) / CLOCK_NS_PER_S;
	printf("operations=%zu\nper_second=%.3f\n", done, (double)done / seconds);
	all = new_samples(count + 1);
	count = 0;
	for (unsigned i = 0; i < thread_count; i++) {
		if (workers[i].sample_count)
			memcpy(all + count, workers[i].samples, workers[i].sample_count * sizeof(*all));
		count += workers[i].sample_count;
		free(workers[i].samples);
		free(workers[i].buffer);
	}
	if (count)
		print_percentiles(all, count);
	free(all);
	pthread_barrier_destroy(&start_line);
}

/* --- files ------------------------------------------------------------------------------------ */

static void open_files(void)
{
	if (operation->flags < 0)
		return;
	files = calloc(names.count, sizeof(*files));
	if (!files)
		fail("no memory");
	for (size_t i = 0; i < names.count; i++) {
		struct file *file = &files[i];
		struct stat st;

		file->fd = open(names.names[i], operation->flags | O_CLOEXEC);
		if (file->fd < 0 || fstat(file->fd, &st) < 0)
			fail("%s: %s", names.names[i], strerror(errno));
		file->size = (size_t)st.st_size;
		if (file->size < block)
			fail("%s: smaller than a block", names.names[i]);
		if (!operation->mapped)
			continue;
		file->mapping = mmap(NULL, file->size, PROT_READ, MAP_SHARED, file->fd, 0);
		if (file->mapping == MAP_FAILED)
			fail("%s: %s", names.names[i], strerror(errno));
	}
}

static void close_files(void)
{
	for (size_t i = 0; files && i < names.count; i++) {
		if (files[i].mapping)
			munmap(files[i].mapping, files[i].size);
		close(files[i].fd);
	}
	free(files);
}

static void touch_each(void)
{
	struct worker worker = {.buffer = malloc(MOST_SAMPLES), .samples = new_samples(names.count)};
	int64_t began_ns = clock_now_ns(), before, after = began_ns;

	if (!worker.buffer)
		fail("no memory");
	for (size_t i = 0; i < names.count; i++) {
		before = after;
		do_open(&worker, i);
		after = clock_now_ns();
		worker.samples[i] = (double)(after - before);
	}
	printf("operations=%zu\nseconds=%.6f\n", names.count, (double)(after - began_ns) / CLOCK_NS_PER_S);
	print_percentiles(worker.samples, names.count);
	free(worker.samples);
	free(worker.buffer);
}

/* --- arguments -------------------------------------------------------------------------------- */

static void stay_on(unsigned number)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(number, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail("CPU %u: %s", number, strerror(errno));
}

static void read_list(const char *path)
{
	int r = name_list_read(&names, path);

	if (r < 0)
		fail("%s: %s", path, strerror(-r));
	if (names.count == 0)
		fail("%s: no names", path);
}

static const struct operation *find_operation(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	fail("%s: no such operation", name);
}

static int read_options(int argc, char **argv)
{
	int i = 2;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strncmp(argv[i], "--threads=", 10) == 0)
			thread_count = number_of(argv[i] + 10, MOST_THREADS);
		else if (strncmp(argv[i], "--block=", 8) == 0)
			block = number_of(argv[i] + 8, MOST_BLOCK);
		else if (strncmp(argv[i], "--ms=", 5) == 0)
			run_ms = number_of(argv[i] + 5, 3600000);
		else if (strncmp(argv[i], "--cpu=", 6) == 0)
			cpu = atoi(argv[i] + 6);
		else
			fail("%s: there are --threads=N, --block=BYTES, --ms=N and --cpu=N", argv[i]);
	}
	return i;
}

int main(int argc, char **argv)
{
	static const char usage[] =
		"usage: bench_loop OPERATION [OPTION…] LIST | touch LIST | make DIRECTORY COUNT";
	int i;

	standard_fds_take();
	bench_name = "bench_loop";
	if (argc < 3)
		fail("%s", usage);
	if (strcmp(argv[1], "make") == 0 && argc == 4) {
		bench_names_make(argv[2], number_of(argv[3], 100000000));
		return 0;
	}
	i = read_options(argc, argv);
	if (argc - i != 1)
		fail("%s", usage);
	read_list(argv[i]);
	if (strcmp(argv[1], "touch") == 0) {
		touch_each();
	} else {
		operation = find_operation(argv[1]);
		if (operation->sends && block > BENCH_SEND_MOST)
			fail("--block: at most %d is sent at once", BENCH_SEND_MOST);
		if (operation->sends)
			bench_send_open();
		open_files();
		if (cpu >= 0)
			stay_on((unsigned)cpu);
		run_workers();
		close_files();
	}
	name_list_deinit(&names);
	return 0;
}
