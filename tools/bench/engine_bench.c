/*
 * engine_bench - one stream through the engine of the lane direct, without FUSE, compared with native ways of
 * reading and writing.
 *
 * Reads a file from its start, cold each time, in each way in turn, or with -w writes it anew until all is on
 * the disk. The ways are interleaved over the repeats, so that a change of the disk's speed affects all of
 * them. Prints medians: MB/s, the ratio to the best native way, CPU time per GB (of all threads and kernel
 * workers), and the page cache left behind.
 */
#include "backends/backend.h"
#include "backends/resident.h"
#include "cache/base/clock.h"
#include "cache/base/standard_fds.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <liburing.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080 /* Linux 6.14 */
#endif

enum {
	REPEATS_MAX = 31,
	DEPTH_MAX = 8,
	MIB = 1 << 20,
};

struct job {
	const char *path;
	size_t bytes;
	size_t block;
	bool write;
};

struct figure {
	double mb_per_s;
	double cpu_s_per_gb;
	double cached_percent;
};

struct way {
	const char *name;
	bool native;
	unsigned depth;
	size_t readahead;
	enum backend_window window;
	size_t write_direct_min;
	void (*run)(const struct job *job, const struct way *way, int fd);
	struct figure figures[REPEATS_MAX];
};

static void fail(const char *what, int error)
{
	fprintf(stderr, "engine_bench: %s: %s\n", what, strerror(error));
	exit(1);
}

static void *aligned_buffer(size_t size)
{
	void *buf;

	if (posix_memalign(&buf, 4096, size))
		fail("buffer", ENOMEM);
	memset(buf, 1, size);
	return buf;
}

static void run_buffered(const struct job *job, const struct way *way, int fd)
{
	char *buf = aligned_buffer(job->block);

	for (size_t done = 0; done < job->bytes; done += job->block) {
		if (pread(fd, buf, job->block, done) < 0)
			fail(job->path, errno);
	}
	free(buf);
}

static void ring_read(struct io_uring *ring, int fd, char *buf, size_t size, off_t offset)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_read(sqe, fd, buf, size, offset);
	io_uring_sqe_set_data(sqe, buf);
	io_uring_submit(ring);
}

static void run_direct(const struct job *job, const struct way *way, int fd)
{
	int direct = open(job->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	char *bufs = aligned_buffer(way->depth * job->block);
	size_t started = 0, done = 0;
	struct io_uring ring;
	int r = io_uring_queue_init(DEPTH_MAX, &ring, 0);

	if (direct < 0)
		fail(job->path, errno);
	if (r < 0)
		fail("io_uring", -r);
	for (unsigned i = 0; i < way->depth && started < job->bytes; i++, started += job->block)
		ring_read(&ring, direct, bufs + i * job->block, job->block, started);
	while (done < job->bytes) {
		struct io_uring_cqe *cqe;
		char *buf;

		if (io_uring_wait_cqe(&ring, &cqe) < 0)
			continue;
		if (cqe->res < 0)
			fail(job->path, -cqe->res);
		buf = io_uring_cqe_get_data(cqe);
		io_uring_cqe_seen(&ring, cqe);
		done += job->block;
		if (started < job->bytes) {
			ring_read(&ring, direct, buf, job->block, started);
			started += job->block;
		}
	}
	io_uring_queue_exit(&ring);
	close(direct);
	free(bufs);
}

struct waiting {
	struct backend_request request;
	sem_t done;
	ssize_t result;
};

static void waiting_done(struct backend_request *request, ssize_t result)
{
	struct waiting *waiting = (struct waiting *)request;

	waiting->result = result;
	sem_post(&waiting->done);
}

static void run_engine_with(
	const struct job *job, const struct way *way, int fd, void (*submit)(struct backend_request *request))
{
	struct backend_open how = {.fd = fd};
	struct backend_settings settings;
	struct backend_file *file;
	struct backend *backend;
	struct waiting waiting;
	char *buf = aligned_buffer(job->block);
	int r;

	backend_settings_init(&settings);
	settings.readahead = way->readahead;
	settings.window = way->window;
	settings.write_mode = BACKEND_WRITE_AROUND;
	if (way->write_direct_min)
		settings.write_direct_min = way->write_direct_min;
	r = backend_new(&settings, &backend);
	if (r < 0)
		fail("backend", -r);
	r = backend_open(backend, &how, &file);
	if (r < 0)
		fail(job->path, -r);
	sem_init(&waiting.done, 0, 0);
	for (size_t done = 0; done < job->bytes; done += job->block) {
		waiting.request = (struct backend_request){
			.file = file, .buf = buf, .size = job->block, .offset = done, .done = waiting_done};
		submit(&waiting.request);
		while (sem_wait(&waiting.done) < 0)
			;
		if (waiting.result < 0)
			fail(job->path, -waiting.result);
	}
	backend_close(file);
	backend_free(backend);
	free(buf);
}

static void run_engine(const struct job *job, const struct way *way, int fd)
{
	run_engine_with(job, way, fd, backend_read);
}

static void run_engine_write(const struct job *job, const struct way *way, int fd)
{
	run_engine_with(job, way, fd, backend_write);
}

static void write_all(const struct job *job, int fd, int flags)
{
	struct iovec iov = {.iov_base = aligned_buffer(job->block), .iov_len = job->block};

	for (size_t done = 0; done < job->bytes; done += job->block) {
		if (pwritev2(fd, &iov, 1, done, flags) != (ssize_t)job->block)
			fail(job->path, errno);
	}
	free(iov.iov_base);
}

static void run_write_buffered(const struct job *job, const struct way *way, int fd)
{
	write_all(job, fd, 0);
}

static void run_write_dontcache(const struct job *job, const struct way *way, int fd)
{
	write_all(job, fd, RWF_DONTCACHE);
}

static void run_write_direct(const struct job *job, const struct way *way, int fd)
{
	int direct = open(job->path, O_WRONLY | O_DIRECT | O_CLOEXEC);

	if (direct < 0)
		fail(job->path, errno);
	write_all(job, direct, 0);
	close(direct);
}

static double cpu_s(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
	       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static struct figure measure(const struct job *job, const struct way *way)
{
	struct figure figure;
	int64_t began_ns;
	double cpu;
	int fd = open(job->path, job->write ? O_RDWR | O_CLOEXEC | O_TRUNC : O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(job->path, errno);
	if (job->write)
		fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	cpu = cpu_s();
	began_ns = clock_now_ns();
	way->run(job, way, fd);
	if (job->write)
		fdatasync(fd);
	figure.mb_per_s = job->bytes / 1e6 / ((clock_now_ns() - began_ns) / 1e9);
	figure.cpu_s_per_gb = (cpu_s() - cpu) / (job->bytes / 1e9);
	figure.cached_percent = 100.0 * resident_pages(fd, 0, job->bytes) * 4096 / job->bytes;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	return figure;
}

static int compare_speed(const void *a, const void *b)
{
	double x = ((const struct figure *)a)->mb_per_s, y = ((const struct figure *)b)->mb_per_s;

	return (x > y) - (x < y);
}

static struct way writes[] = {
	{.name = "native buffered", .native = true, .run = run_write_buffered},
	{.name = "native RWF_DONTCACHE", .native = true, .run = run_write_dontcache},
	{.name = "native O_DIRECT", .native = true, .run = run_write_direct},
	{.name = "engine, all buffered", .write_direct_min = SIZE_MAX, .run = run_engine_write},
	{.name = "engine, all O_DIRECT", .write_direct_min = 1, .run = run_engine_write},
	{.name = "engine", .run = run_engine_write},
};

static struct way reads[] = {
	{.name = "native buffered", .native = true, .run = run_buffered},
	{.name = "native O_DIRECT x1", .native = true, .depth = 1, .run = run_direct},
	{.name = "native O_DIRECT x2", .native = true, .depth = 2, .run = run_direct},
	{.name = "native O_DIRECT x4", .native = true, .depth = 4, .run = run_direct},
	{.name = "native O_DIRECT x8", .native = true, .depth = 8, .run = run_direct},
	{.name = "engine straight", .run = run_engine},
	{.name = "engine window", .readahead = 8 * MIB, .window = BACKEND_WINDOW_ALWAYS, .run = run_engine},
	{.name = "engine as measured", .readahead = 8 * MIB, .run = run_engine},
};

static void bench(const struct job *job, struct way *ways, unsigned way_count, unsigned repeats)
{
	double best = 0;

	for (unsigned repeat = 0; repeat < repeats; repeat++) {
		for (unsigned i = 0; i < way_count; i++)
			ways[i].figures[repeat] = measure(job, &ways[i]);
	}
	for (unsigned i = 0; i < way_count; i++) {
		qsort(ways[i].figures, repeats, sizeof(struct figure), compare_speed);
		if (ways[i].native && ways[i].figures[repeats / 2].mb_per_s > best)
			best = ways[i].figures[repeats / 2].mb_per_s;
	}
	printf("\nblock %zu KiB, %zu MB, median of %u\n%-22s %9s %7s %9s %10s\n", job->block >> 10,
		job->bytes / 1000000, repeats, "", "MB/s", "ratio", "CPU s/GB", "cached %");
	for (unsigned i = 0; i < way_count; i++) {
		const struct figure *median = &ways[i].figures[repeats / 2];

		printf("%-22s %9.0f %7.2f %9.3f %10.2f\n", ways[i].name, median->mb_per_s,
			median->mb_per_s / best, median->cpu_s_per_gb, median->cached_percent);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned repeats = 5;
	struct job job = {0};
	size_t block = 0;
	struct stat st;
	int option;

	standard_fds_take();
	while ((option = getopt(argc, argv, "r:b:s:w")) >= 0) {
		if (option == 'r')
			repeats = atoi(optarg);
		else if (option == 'b')
			block = (size_t)atoi(optarg) << 10;
		else if (option == 's')
			job.bytes = (size_t)atoi(optarg) << 20;
		else if (option == 'w')
			job.write = true;
	}
	if (optind + 1 != argc || repeats < 1 || repeats > REPEATS_MAX) {
		fprintf(stderr,
			"usage: engine_bench [-r REPEATS (1..%d)] [-b BLOCK_KIB] [-w -s SIZE_MIB] FILE\n",
			REPEATS_MAX);
		return 1;
	}
	job.path = argv[optind];
	if (job.write)
		close(open(job.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	if (stat(job.path, &st) < 0)
		fail(job.path, errno);
	if (!job.write)
		job.bytes = st.st_size / MIB * MIB;
	if (!job.bytes) {
		fprintf(stderr, "engine_bench: %s: smaller than 1 MiB, or -w without -s\n", job.path);
		return 1;
	}
	for (job.block = block ? block : 128 << 10; job.block <= (block ? block : MIB); job.block *= 8)
		bench(&job, job.write ? writes : reads,
			job.write ? sizeof(writes) / sizeof(writes[0]) : sizeof(reads) / sizeof(reads[0]),
			repeats);
	return 0;
}
