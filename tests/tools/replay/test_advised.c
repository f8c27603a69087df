/*
 * What advise says from a sample, beside a full replay. The recorded traces are read as in
 * test_replay_known.c, and left out where they are not there.
 */
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/tools/replay/workload_trace.h"
#include "tools/replay/advised.h"

static const double factors[] = {0.25, 0.5, 1, 2, 4, 8};

struct point {
	const char *trace, *policy;
	double part; /* the present cache, of the working set */
};

static double worst;

/* Sizes as advise has them, from a quarter of the present cache to eight times. */
static void compare(const struct trace *trace, const struct advised *advised,
	const struct replay_options *like, const struct point *point, double most)
{
	for (size_t i = 0; i < G_N_ELEMENTS(factors); i++) {
		struct replay_options options = *like;
		struct replay_result full;
		struct advise_result result;
		double found;

		options.evict.policy = evict_find(point->policy);
		options.evict.budget = (uint64_t)(point->part * factors[i] * (double)trace->working_set);
		assert_int_equal(replay_run(trace, &options, &full), 0);
		assert_int_equal(advised_run(advised, &options, &result), 0);
		found = (double)full.hit_count / (double)trace->open_count;
		worst = MAX(worst, ABS(found - result.hit_ratio));
		if (ABS(found - result.hit_ratio) > most)
			fail_msg("%s, %s, %g of the working set: advised %.4f, replayed %.4f", point->trace,
				point->policy, point->part * factors[i], result.hit_ratio, found);
	}
}

static struct advised *sample_of(const struct trace *trace, double part)
{
	struct advised *advised = advised_new(trace, (uint64_t)(part * (double)trace->working_set));

	assert_non_null(advised);
	return advised;
}

/* One file in several, for a mount's own options and for those of cache simulators. */
static void zipf_is_within_two_points(void **state)
{
	const struct replay_options simulator = {
		.evict = {.admit = 1, .largest_part = 1, .memory_is_free = true}};
	const struct replay_options mount = {.evict = {.admit = 2}, .charge = REPLAY_PAGES};
	static const double exponents[] = {0.7, 0.9, 1.1};
	struct workload w = workload_find("zipf")->defaults;
	unsigned one_in;
	uint32_t files, opens;

	w.kind = "zipf";
	w.file_count = 200000;
	w.open_count = 1500000;
	for (size_t i = 0; i < G_N_ELEMENTS(exponents); i++) {
		const struct point s3gd = {"zipf", "s3gd", 0.05}, lru = {"zipf", "lru", 0.05};
		struct advised *advised;
		struct trace trace;

		w.zipf = exponents[i];
		workload_trace_make(&w, &trace);
		advised = sample_of(&trace, 0.05);
		advised_extent(advised, &one_in, &files, &opens);
		assert_true(one_in >= 4);
		compare(&trace, advised, &mount, &s3gd, 0.02);
		compare(&trace, advised, &simulator, &s3gd, 0.02);
		compare(&trace, advised, &simulator, &lru, 0.02);
		advised_free(advised);
		trace_unload(&trace);
	}
}

static char *directory;

static const struct point recorded[] = {
	{"cloudPhysicsIO", "s3gd", 0.03},
	{"cloudPhysicsIO", "lru", 0.10},
	{"devday", "s3gd", 0.01},
	{"devday", "sieve", 0.03},
	{"devday", "lru", 0.10},
	{"sprite_unit", "s3gd", 0.03},
	{"sprite_unit", "lru", 0.10},
	{"tencent1326", "s3gd", 0.03},
	{"tencent1326", "lru", 0.10},
	{"tencent2706", "s3gd", 0.03},
	{"tencent2706", "lru", 0.10},
};

static void recorded_traces_are_within_two_points(void **state)
{
	const struct replay_options options = {.evict = {.admit = 2}, .charge = REPLAY_PAGES};

	for (size_t i = 0; i < G_N_ELEMENTS(recorded); i++) {
		g_autofree char *path =
			g_strdup_printf("%s/%s.oracleGeneral.bin.zst", directory, recorded[i].trace);
		struct advised *advised;
		struct trace trace;
		char *error;

		if (access(path, R_OK) != 0) {
			printf("left out: no %s; SIEVEFS_TRACES names another directory\n", path);
			skip();
		}
		if (trace_load(path, &trace, &error) < 0)
			fail_msg("%s", error);
		advised = sample_of(&trace, recorded[i].part);
		compare(&trace, advised, &options, &recorded[i], 0.02);
		advised_free(advised);
		trace_unload(&trace);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zipf_is_within_two_points),
		cmocka_unit_test(recorded_traces_are_within_two_points),
	};
	int r;

	directory = g_strdup(getenv("SIEVEFS_TRACES"));
	if (!directory)
		directory = g_build_filename(SOURCE_ROOT, "..", "shared", "traces", NULL);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	printf("the furthest from a replay: %.2f points\n", 100 * worst);
	g_free(directory);
	return r;
}
