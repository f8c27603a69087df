/*
 * hotread - reads many small files at a steady rate, for a while with a large file being streamed at the same
 * time, and prints how long a small read (open, read to the end, close) took.
 *
 *   hotread drop LIST                        asks the kernel to drop the pages of the files in LIST
 *   hotread warm LIST                        reads the files in LIST three times, with pauses
 *   hotread run HOT STREAM BACKING B,D,A     B seconds without the stream, D with it, A again without
 *
 * HOT, STREAM and BACKING are files of names, each ended by a NUL; BACKING has the names of the files of
 * STREAM in the backing directory, where the pages that the stream leaves behind are counted. Output: lines
 * of key=value.
 */
#include "cache/base/clock.h"
#include "cache/base/standard_fds.h"
#include "tools/demo.d/name_list.h"
#include "tools/demo.d/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READS_PER_SECOND 1000
#define STREAM_READ_BYTES (1 << 20)
#define COUNT_PAGES_EACH_BYTES (256LL << 20)

static void sleep_until(uint64_t when_ns)
{
	struct timespec ts = clock_timespec(when_ns);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* On a terminal each call replaces the line; elsewhere each call prints a new one. */
static void __attribute__((format(printf, 1, 2))) tell_progress(const char *format, ...)
{
	bool terminal = isatty(STDERR_FILENO);
	va_list args;
	va_start(args, format);
	fputs(terminal ? "\r\033[Kdemo: " : "demo: ", stderr);
	vfprintf(stderr, format, args);
	if (!terminal)
		fputc('\n', stderr);
	va_end(args);
}

/* Reads the whole file; bytes or -errno. */
static ssize_t read_whole(const char *name, char *buffer, size_t bytes)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	ssize_t total = 0, r;
	while ((r = read(fd, buffer, bytes)) > 0)
		total += r;
	if (r < 0)
		total = -errno;
	close(fd);
	return total;
}

struct stream {
	const struct name_list *names;
	const struct name_list *backing_names;
	atomic_bool stop;
	int64_t bytes;
	int64_t most_resident_bytes; /* of the backing files, all together */
	uint64_t started_ns, ended_ns;
	int error; /* 0 or -errno */
};

static void count_resident(struct stream *stream)
{
	int64_t sum = 0;
	for (size_t i = 0; i < stream->backing_names->count; i++) {
		int fd = open(stream->backing_names->names[i], O_RDONLY | O_CLOEXEC);
		int64_t r = fd < 0 ? 0 : resident_bytes(fd);
		sum += r > 0 ? r : 0;
		if (fd >= 0)
			close(fd);
	}
	if (sum > stream->most_resident_bytes)
		stream->most_resident_bytes = sum;
}

static int stream_one(struct stream *stream, const char *name, char *buffer)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	ssize_t r = 1;
	int64_t uncounted_bytes = 0;
	while (!atomic_load(&stream->stop) && (r = read(fd, buffer, STREAM_READ_BYTES)) > 0) {
		stream->bytes += r;
		uncounted_bytes += r;
		if (uncounted_bytes >= COUNT_PAGES_EACH_BYTES) {
			count_resident(stream);
			uncounted_bytes = 0;
		}
	}
	r = r < 0 ? -errno : 0;
	close(fd);
	return r;
}

static void *stream_run(void *arg)
{
	struct stream *stream = arg;
	char *buffer = aligned_alloc(4096, STREAM_READ_BYTES);

	stream->error = buffer ? 0 : -ENOMEM;
	stream->started_ns = clock_now_ns();
	for (size_t i = 0; stream->error == 0 && !atomic_load(&stream->stop); i++)
		stream->error = stream_one(stream, stream->names->names[i % stream->names->count], buffer);
	stream->ended_ns = clock_now_ns();
	count_resident(stream);
	free(buffer);
	return NULL;
}

struct phase {
	const char *name;
	unsigned int seconds;
	uint64_t *took_ns; /* one per read */
	size_t count;
};

/* Picks files at random, so that the times until a file comes again vary. A late read delays those after it,
 * which would otherwise come in a burst. */
static int phase_run(struct phase *phase, const struct name_list *hot, unsigned int *seed)
{
	static char buffer[1 << 20];
	size_t limit = (size_t)phase->seconds * READS_PER_SECOND;

	phase->took_ns = calloc(limit + 1, sizeof(*phase->took_ns));
	if (!phase->took_ns)
		return -ENOMEM;

	uint64_t due_ns = clock_now_ns(), end_ns = due_ns + phase->seconds * CLOCK_NS_PER_S;
	while (due_ns < end_ns && phase->count < limit) {
		sleep_until(due_ns);
		uint64_t start_ns = clock_now_ns();
		ssize_t r = read_whole(hot->names[rand_r(seed) % hot->count], buffer, sizeof(buffer));
		if (r < 0)
			return r;
		uint64_t end_of_read_ns = clock_now_ns();
		phase->took_ns[phase->count++] = end_of_read_ns - start_ns;
		due_ns += CLOCK_NS_PER_S / READS_PER_SECOND;
		if (due_ns < end_of_read_ns)
			due_ns = end_of_read_ns;
	}
	return 0;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void phase_print(struct phase *phase)
{
	if (phase->count == 0)
		return;
	qsort(phase->took_ns, phase->count, sizeof(*phase->took_ns), compare_ns);
	printf("%s_p50_us=%.0f\n", phase->name, phase->took_ns[phase->count / 2] / 1e3);
	printf("%s_p99_us=%.0f\n", phase->name, phase->took_ns[phase->count * 99 / 100] / 1e3);
	printf("%s_reads=%zu\n", phase->name, phase->count);
}

/*
 * Reads all hot files three times. Each pass ends with a wait: a file that has just been written is not
 * cached before it has been unchanged for the mount's settle time, and a fill goes on after the open that
 * asked for it.
 */
static int warm_up(const struct name_list *hot)
{
	static char buffer[1 << 20];
	for (int pass = 1; pass <= 3; pass++) {
		tell_progress("warming up, pass %d of 3", pass);
		for (size_t i = 0; i < hot->count; i++) {
			ssize_t r = read_whole(hot->names[i], buffer, sizeof(buffer));
			if (r < 0) {
				fprintf(stderr, "hotread: %s: %s\n", hot->names[i], strerror(-r));
				return r;
			}
		}
		sleep(pass < 3 ? 2 : 1);
	}
	return 0;
}

static int run_phases(struct phase phases[3], const struct name_list *hot, struct stream *stream)
{
	pthread_t thread;
	unsigned int seed = 1;
	int r = 0;

	for (int i = 0; i < 3 && r == 0; i++) {
		if (phases[i].seconds == 0)
			continue;
		bool streaming = i == 1 && stream->names->count > 0;
		tell_progress("%s the stream: %u s", phases[i].name, phases[i].seconds);
		if (streaming && pthread_create(&thread, NULL, stream_run, stream) != 0)
			return -EAGAIN;
		r = phase_run(&phases[i], hot, &seed);
		if (streaming) {
			atomic_store(&stream->stop, true);
			pthread_join(thread, NULL);
			r = r < 0 ? r : stream->error;
		}
	}
	return r;
}

static void stream_print(const struct stream *stream)
{
	double seconds = (stream->ended_ns - stream->started_ns) / 1e9;
	if (stream->bytes == 0)
		return;
	printf("stream_mb_per_s=%.0f\n", stream->bytes / 1e6 / seconds);
	printf("stream_mb=%.0f\n", stream->bytes / 1e6);
	printf("stream_resident_mib=%.0f\n", stream->most_resident_bytes / 1048576.0);
}

static int run(const struct name_list *hot, struct stream *stream, const char *seconds)
{
	struct phase phases[3] = {{.name = "before"}, {.name = "during"}, {.name = "after"}};

	if (sscanf(seconds, "%u,%u,%u", &phases[0].seconds, &phases[1].seconds, &phases[2].seconds) != 3 ||
		hot->count == 0)
		return -EINVAL;
	int r = run_phases(phases, hot, stream);
	for (int i = 0; i < 3; i++) {
		if (r == 0)
			phase_print(&phases[i]);
		free(phases[i].took_ns);
	}
	if (r == 0)
		stream_print(stream);
	return r;
}

static int drop(const struct name_list *names)
{
	for (size_t i = 0; i < names->count; i++) {
		int fd = open(names->names[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		int r = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
		if (r > 0)
			return -r;
	}
	return 0;
}

static int read_lists(struct name_list *lists, char *paths[], int count)
{
	int r = 0;
	for (int i = 0; i < count && r == 0; i++) {
		r = name_list_read(&lists[i], paths[i]);
		if (r < 0)
			fprintf(stderr, "hotread: %s: %s\n", paths[i], strerror(-r));
	}
	return r;
}

int main(int argc, char *argv[])
{
	struct name_list lists[3] = {0};
	int r = -EINVAL;

	standard_fds_take();
	if (argc == 3 && strcmp(argv[1], "drop") == 0) {
		r = read_lists(lists, argv + 2, 1);
		r = r < 0 ? r : drop(&lists[0]);
	} else if (argc == 3 && strcmp(argv[1], "warm") == 0) {
		r = read_lists(lists, argv + 2, 1);
		r = r < 0 ? r : warm_up(&lists[0]);
	} else if (argc == 6 && strcmp(argv[1], "run") == 0) {
		struct stream stream = {.names = &lists[1], .backing_names = &lists[2]};
		r = read_lists(lists, argv + 2, 3);
		r = r < 0 ? r : run(&lists[0], &stream, argv[5]);
	}
	for (int i = 0; i < 3; i++)
		name_list_deinit(&lists[i]);
	if (r < 0)
		fprintf(stderr, "hotread: %s\n", strerror(-r));
	return r < 0;
}
