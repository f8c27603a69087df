/*
 * What an open costs the sample, in ns: of a file that is not chosen, and of one that is, with all that is
 * taken in and made room for. Medians of nine runs; the first argument is the number of threads (default 1).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache/base/clock.h"
#include "cache/policy/sample.h"

enum { RUNS = 9, OPENS = 2000000, THREADS_MAX = 64 };

static struct sample sample;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t file_count;

static void *open_many(void *argument)
{
	uint64_t first = (uint64_t)(uintptr_t)argument;

	for (uint64_t i = 0; i < OPENS; i++) {
		uint64_t hash = sample_hash(sample_hash(first + i) % file_count);

		if (sample_open(&sample, hash, 4096, 0, false) && pthread_mutex_trylock(&lock) == 0) {
			sample_take_in(&sample, 1ULL << 30);
			pthread_mutex_unlock(&lock);
		}
	}
	return NULL;
}

static double run(unsigned thread_count)
{
	pthread_t threads[THREADS_MAX];
	int64_t start_ns = clock_read_ns(CLOCK_MONOTONIC);

	for (unsigned i = 0; i < thread_count; i++)
		if (pthread_create(&threads[i], NULL, open_many, (void *)((uintptr_t)i * OPENS)) != 0)
			exit(1);
	for (unsigned i = 0; i < thread_count; i++)
		pthread_join(threads[i], NULL);
	return (double)(clock_read_ns(CLOCK_MONOTONIC) - start_ns) / OPENS;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *what, uint64_t files, uint64_t mask, unsigned thread_count)
{
	double ns[RUNS];

	for (unsigned i = 0; i < RUNS; i++) {
		sample = (struct sample){0};
		sample_init(&sample, UINT64_MAX);
		sample.mask = mask;
		file_count = files;
		ns[i] = run(thread_count);
	}
	qsort(ns, RUNS, sizeof(*ns), compare);
	printf("%-44s %6.1f ns an open (%.1f to %.1f), %u threads\n", what, ns[RUNS / 2], ns[0], ns[RUNS - 1],
		thread_count);
}

int main(int argc, char **argv)
{
	unsigned thread_count = argc > 1 ? (unsigned)atoi(argv[1]) : 1;

	if (thread_count < 1 || thread_count > THREADS_MAX)
		return 2;
	measure("files that are not chosen", 5000, UINT64_MAX, thread_count);
	measure("5,000 files, all chosen, older opens cut", 5000, 0, thread_count);
	measure("10,000,000 files, thinned as they come", 10000000, 0, thread_count);
	return 0;
}
