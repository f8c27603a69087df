/*
 * workload - synthetic opens, the same on every machine for the same options.
 *
 * Files have log-normal sizes. Hot files are drawn by Zipf's law; the kind decides what else is opened.
 */
#pragma once

#include <stdint.h>

struct workload {
	const char *kind; /* one of workload_kinds */
	uint64_t seed;
	uint32_t file_count;  /* hot files */
	uint64_t open_count;  /* of hot files, in all */
	double zipf;          /* exponent; 0: all files are equally likely */
	uint32_t round_count; /* rounds of hot opens, each followed by what the kind does */
	uint32_t cold_count;  /* files of a scan or a loop; opens once in so many for onehit */
	double size_median;   /* bytes */
	double size_sigma;    /* of the logarithm */
	double size_max;      /* bytes */
};

struct workload_kind {
	const char *name, *help;
	struct workload defaults;
};

extern const struct workload_kind workload_kinds[]; /* ended by a NULL name */
const struct workload_kind *workload_find(const char *name);

/* Calls emit for each open until it fails. 0, -ENOMEM, or what emit returned. */
typedef int workload_emit(void *ctx, uint64_t number, uint64_t id, uint64_t size);
int workload_run(const struct workload *w, workload_emit *emit, void *ctx);
