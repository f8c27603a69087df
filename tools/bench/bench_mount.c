#include "tools/bench/bench_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FUSE_MAGIC 0x65735546

const char *bench_name = "bench", *bench_sievefs, *bench_sievectl;

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", bench_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

double *new_samples(size_t count)
{
	double *samples = calloc(count, sizeof(*samples));

	if (!samples)
		fail("no memory");
	return samples;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median_of(double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), compare);
	return samples[count / 2];
}

unsigned number_of(const char *text, unsigned most)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*end || number == 0 || number > most)
		fail("%s: takes a number from 1 to %u", text, most);
	return (unsigned)number;
}

void bench_path(char path[PATH_MAX], const char *top, unsigned size_kib, unsigned file)
{
	if (snprintf(path, PATH_MAX, "%s/%uK.%u", top, size_kib, file) >= PATH_MAX)
		fail("%s: too long", top);
}

static void make_file(const char *path, unsigned size_kib, unsigned file)
{
	size_t size = (size_t)size_kib << 10;
	char *bytes = malloc(size);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (!bytes)
		fail("no memory");
	memset(bytes, (int)file + 1, size);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || fsync(fd) < 0)
		fail("%s: %s", path, strerror(errno));
	close(fd);
	free(bytes);
}

void bench_files_make(const struct bench_files *files)
{
	char path[PATH_MAX];

	for (unsigned size = 0; size < files->size_count; size++)
		for (unsigned file = 0; file < files->file_count; file++) {
			bench_path(path, files->top, files->sizes_kib[size], file);
			make_file(path, files->sizes_kib[size], file);
		}
}

void bench_files_remove(const struct bench_files *files)
{
	char path[PATH_MAX];

	for (unsigned size = 0; size < files->size_count; size++)
		for (unsigned file = 0; file < files->file_count; file++) {
			bench_path(path, files->top, files->sizes_kib[size], file);
			unlink(path);
		}
}

pid_t mount_with(const char *options, const char *source, const char *point)
{
	struct statfs fs = {0};
	pid_t daemon = fork();

	if (daemon == 0) {
		execl(bench_sievefs, bench_sievefs, "-f", "-o", options, source, point, (char *)NULL);
		_exit(127);
	}
	for (int tries = 0; tries < 1000; tries++) {
		if (statfs(point, &fs) == 0 && fs.f_type == FUSE_MAGIC)
			return daemon;
		if (waitpid(daemon, NULL, WNOHANG) == daemon)
			break;
		pause_ms(10);
	}
	fail("%s did not mount", bench_sievefs);
}

void unmount(pid_t daemon)
{
	kill(daemon, SIGTERM);
	waitpid(daemon, NULL, 0);
}

long long mount_counter(const char *point, const char *name)
{
	char command[3 * PATH_MAX], text[65536], key[64];
	const char *found;
	size_t length;
	FILE *pipe;

	snprintf(command, sizeof(command), "'%s' stat '%s' --json", bench_sievectl, point);
	pipe = popen(command, "re");
	length = pipe ? fread(text, 1, sizeof(text) - 1, pipe) : 0;
	if (!pipe || pclose(pipe) != 0)
		fail("%s failed", command);
	text[length] = '\0';
	snprintf(key, sizeof(key), "\"%s\":", name);
	found = strstr(text, key);
	if (!found)
		fail("%s shows no %s", command, name);
	return strtoll(found + strlen(key), NULL, 10);
}

void await_counter(const char *point, const char *name, long long value)
{
	pause_ms(100);
	mount_counter(point, name);
	for (int tries = 0; mount_counter(point, name) < value; tries++) {
		if (tries == 200)
			fail("%s of %s does not reach %lld", name, point, value);
		pause_ms(100);
	}
}
