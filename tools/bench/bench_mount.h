/* bench_mount - what the benchmarks of this folder share: pauses, failing, and mounts and files to measure.
 */
#pragma once

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

/* The programs to use, and what the lines of fail() begin with. */
extern const char *bench_name, *bench_sievefs, *bench_sievectl;

void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void pause_ms(unsigned ms);
/* calloc() of numbers, which never fails. */
double *new_samples(size_t count);
/* Sorts them. */
double median_of(double *samples, size_t count);
/* A whole number from 1 to most, or fail(). */
unsigned number_of(const char *text, unsigned most);

/* So many files of each of some sizes, below top. */
struct bench_files {
	const char *top;
	const unsigned *sizes_kib;
	unsigned size_count, file_count;
};

/* TOP/4K.7 */
void bench_path(char path[PATH_MAX], const char *top, unsigned size_kib, unsigned file);
/* Makes them, written to the disk. */
void bench_files_make(const struct bench_files *files);
void bench_files_remove(const struct bench_files *files);

/* A daemon in the foreground, once its mount answers. */
pid_t mount_with(const char *options, const char *source, const char *point);
void unmount(pid_t daemon);
/* A number that `sievectl stat` shows. */
long long mount_counter(const char *point, const char *name);
/* Until the counter has reached that. Two questions at least, so that each way pays for as many. */
void await_counter(const char *point, const char *name, long long value);
