/* bench_mount - shared by the benchmarks of this folder: pauses, errors, mounts, and files to measure. */
#pragma once

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

/* The name that begins the lines of fail(), and the programs to use. */
extern const char *bench_name, *bench_sievefs, *bench_sievectl;

void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void pause_ms(unsigned ms);
/* calloc() of count numbers; ends the program if there is no memory. */
double *new_samples(size_t count);
/* Sorts them. */
double median_of(double *samples, size_t count);
/* A whole number from 1 to most; otherwise fail(). */
unsigned number_of(const char *text, unsigned most);

/* Files below top: file_count of each size. */
struct bench_files {
	const char *top;
	const unsigned *sizes_kib;
	unsigned size_count, file_count;
};

/* TOP/4K.7 */
void bench_path(char path[PATH_MAX], const char *top, unsigned size_kib, unsigned file);
/* Makes the files, and writes them to the disk. */
void bench_files_make(const struct bench_files *files);
void bench_files_remove(const struct bench_files *files);

/* Starts a daemon in the foreground, and returns its pid once the mount answers. */
pid_t mount_with(const char *options, const char *source, const char *point);
void unmount(pid_t daemon);
/* A number that `sievectl stat` shows. */
long long mount_counter(const char *point, const char *name);
/* Waits until the counter has reached value. Asks at least twice, so that each way that is compared pays for
 * as many requests. */
void await_counter(const char *point, const char *name, long long value);
