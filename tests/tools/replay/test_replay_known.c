/*
 * Recorded traces against figures of other implementations, which respect file sizes and admit every miss.
 * The traces are no part of the project: they are read from the directory SIEVEFS_TRACES, else from
 * ../shared/traces beside the source tree, and without them the test is skipped.
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

#include "tools/replay/replay.h"

struct known {
	const char *trace, *policy;
	double object_miss_ratio[3]; /* at 1, 10, 40 % */
};

static const double parts[] = {0.01, 0.10, 0.40};

static const struct known knowns[] = {
	{"cloudPhysicsIO", "lru", {0.8339, 0.8097, 0.6332}},
	{"cloudPhysicsIO", "clock", {0.8328, 0.8086, 0.6337}},
	{"cloudPhysicsIO", "sieve", {0.8231, 0.7903, 0.5794}},
	{"cloudPhysicsIO", "gdsf", {0.8209, 0.7582, 0.5632}},
	{"devday", "lru", {0.7657, 0.1622, 0.1347}},
	{"devday", "clock", {0.7650, 0.1627, 0.1346}},
	{"devday", "sieve", {0.7505, 0.1739, 0.1284}},
	{"devday", "gdsf", {0.3753, 0.1488, 0.1274}},
	{"tencent1326", "lru", {0.9611, 0.8832, 0.6703}},
	{"tencent1326", "clock", {0.9600, 0.8808, 0.6527}},
	{"tencent1326", "sieve", {0.9524, 0.8692, 0.6325}},
	{"tencent1326", "gdsf", {0.9534, 0.8101, 0.5165}},
	{"tencent2706", "lru", {0.7900, 0.3919, 0.3649}},
	{"tencent2706", "clock", {0.7841, 0.3836, 0.3646}},
	{"tencent2706", "sieve", {0.7871, 0.3822, 0.3648}},
	{"tencent2706", "gdsf", {0.5691, 0.3753, 0.3543}},
	{"sprite_unit", "lru", {0.8367, 0.1352, 0.0592}},
	{"sprite_unit", "clock", {0.8385, 0.1359, 0.0603}},
	{"sprite_unit", "sieve", {0.8071, 0.1848, 0.0733}},
	{"sprite_unit", "gdsf", {0.8131, 0.1518, 0.0632}},
};

static char *directory;

static double miss_ratio(const struct trace *trace, const char *policy, double part)
{
	struct replay_options options = {
		.evict = {
			.policy = evict_find(policy), .admit = 1, .largest_part = 1, .memory_is_free = true}};
	struct replay_result result;

	options.evict.budget = part * trace->working_set;
	assert_int_equal(replay_run(trace, &options, &result), 0);
	return 1 - result.hit_count / (double)trace->open_count;
}

static void load(const char *name, struct trace *trace)
{
	g_autofree char *path = g_strdup_printf("%s/%s.oracleGeneral.bin.zst", directory, name);
	char *error;

	if (trace_load(path, trace, &error) < 0)
		fail_msg("%s", error);
	trace->path = name; /* the other ends here */
}

static void known_policies_agree_with_other_implementations(void **state)
{
	const char *name = "";
	struct trace trace = {0};

	for (size_t i = 0; i < G_N_ELEMENTS(knowns); i++) {
		if (strcmp(knowns[i].trace, name)) {
			trace_unload(&trace);
			name = knowns[i].trace;
			load(name, &trace);
		}
		for (size_t k = 0; k < 3; k++) {
			double found = miss_ratio(&trace, knowns[i].policy, parts[k]);

			if (ABS(found - knowns[i].object_miss_ratio[k]) > 0.001)
				fail_msg("%s on %s at %g: %.4f instead of %.4f", knowns[i].policy, name,
					parts[k], found, knowns[i].object_miss_ratio[k]);
		}
	}
	trace_unload(&trace);
}

static void s3gd_meets_its_targets_on_a_recorded_day(void **state)
{
	const double targets[][2] = {{0.01, 0.40}, {0.03, 0.27}, {0.10, 0.142}};
	struct trace trace;

	load("devday", &trace);
	for (size_t i = 0; i < 3; i++)
		assert_true(miss_ratio(&trace, "s3gd", targets[i][0]) <= targets[i][1]);
	trace_unload(&trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_policies_agree_with_other_implementations),
		cmocka_unit_test(s3gd_meets_its_targets_on_a_recorded_day),
	};
	g_autofree char *first = NULL;

	directory = g_strdup(getenv("SIEVEFS_TRACES"));
	if (!directory)
		directory = g_build_filename(SOURCE_ROOT, "..", "shared", "traces", NULL);
	first = g_build_filename(directory, "devday.oracleGeneral.bin.zst", NULL);
	if (access(first, R_OK)) {
		printf("skipped: no traces in %s; SIEVEFS_TRACES names another directory\n", directory);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
