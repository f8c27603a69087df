/*
 * Bars for the policies' miss ratios on synthetic workloads: a change that makes a policy worse than it was
 * fails here. Same seed, same trace, same figures on every machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/tools/replay/workload_trace.h"
#include "tools/replay/replay.h"

static double miss_ratio(
	const struct trace *trace, const char *policy, double part, const struct replay_options *like)
{
	struct replay_options options = *like;
	struct replay_result result;

	options.evict.policy = evict_find(policy);
	options.evict.budget = part * trace->working_set;
	if (!options.evict.admit)
		options.evict.admit = 1;
	if (!options.evict.largest_part)
		options.evict.largest_part = 1;
	assert_int_equal(replay_run(trace, &options, &result), 0);
	assert_true(result.stats.charged <= options.evict.budget);
	return 1 - result.hit_count / (double)trace->open_count;
}

static void make(const char *kind, uint64_t seed, struct trace *trace)
{
	struct workload w = workload_find(kind)->defaults;

	w.kind = kind;
	w.seed = seed;
	w.open_count /= 5;
	w.file_count /= 5;
	if (w.cold_count > 100)
		w.cold_count /= 5;
	workload_trace_make(&w, trace);
}

struct bar {
	const char *kind, *policy;
	double at_1, at_10; /* object miss ratio at 1 % and at 10 % of the working set */
};

static const struct bar bars[] = {
#include "tests/tools/replay/bars.inc"
};

static void no_policy_misses_more_than_it_did(void **state)
{
	const struct replay_options options = {.evict = {.memory_is_free = true}};
	const char *kind = "";
	struct trace trace = {0};

	for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
		double at_1, at_10;

		if (strcmp(bars[i].kind, kind)) {
			trace_unload(&trace);
			kind = bars[i].kind;
			make(kind, 1, &trace);
		}
		at_1 = miss_ratio(&trace, bars[i].policy, 0.01, &options);
		at_10 = miss_ratio(&trace, bars[i].policy, 0.10, &options);
		print_message("\t{\"%s\", \"%s\", %.4f, %.4f},\n", kind, bars[i].policy, at_1, at_10);
		if (at_1 > bars[i].at_1 + 0.002 || at_10 > bars[i].at_10 + 0.002)
			fail_msg("%s misses more of %s than %.4f and %.4f", bars[i].policy, kind,
				bars[i].at_1, bars[i].at_10);
	}
	trace_unload(&trace);
}

/* The miss ratio of a cache that fills up, and then lets nothing leave. */
static double miss_ratio_without_evictions(const struct trace *trace, uint64_t budget)
{
	bool *is_cached = calloc(trace->file_count, sizeof(*is_cached));
	uint64_t used = 0, hits = 0;

	assert_non_null(is_cached);
	for (uint64_t i = 0; i < trace->open_count; i++) {
		uint32_t file = trace->opens[i];
		uint64_t size = trace->files[file].size;

		hits += is_cached[file];
		if (is_cached[file] || used + size > budget)
			continue;
		is_cached[file] = true;
		used += size;
	}
	free(is_cached);
	return 1 - hits / (double)trace->open_count;
}

static void s3gd_misses_no_more_over_ten_epochs_than_a_cache_that_never_evicts(void **state)
{
	const struct replay_options options = {.evict = {.memory_is_free = true}};
	const double parts[] = {0.25, 0.5, 0.75, 0.9}; /* of the working set */
	struct trace trace;

	make("epoch", 1, &trace);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		double part = parts[i];
		double never = miss_ratio_without_evictions(&trace, part * trace.working_set);
		double s3gd = miss_ratio(&trace, "s3gd", part, &options);
		double lru = miss_ratio(&trace, "lru", part, &options);

		print_message(
			"%.2f: s3gd misses %.4f, lru %.4f, without evictions %.4f\n", part, s3gd, lru, never);
		assert_true(s3gd <= never);
		assert_true(lru > never);
	}
	trace_unload(&trace);
}

static void the_reference_bit_alone_costs_s3gd_less_than_half_a_percent(void **state)
{
	const struct replay_options counting = {.evict = {.memory_is_free = true}};
	const struct replay_options bit = {.evict = {.memory_is_free = true, .bit_only = true}};
	double counted = 0, by_bit = 0;

	for (const struct workload_kind *kind = workload_kinds; kind->name; kind++) {
		struct trace trace;

		make(kind->name, 2, &trace);
		counted += miss_ratio(&trace, "s3gd", 0.03, &counting);
		by_bit += miss_ratio(&trace, "s3gd", 0.03, &bit);
		trace_unload(&trace);
	}
	assert_true(by_bit <= counted * 1.005);
}

/* Hot files that fit, twenty rounds of them with a scan of ten times as many files after each. */
static void a_hot_set_that_fits_survives_scans(void **state)
{
	const char *const policies[] = {"s3gd", "s3fifo"};
	const struct workload w = {.kind = "scan",
		.seed = 5,
		.file_count = 1000,
		.open_count = 100000,
		.round_count = 20,
		.cold_count = 10000,
		.size_median = 6144,
		.size_sigma = 1,
		.size_max = 1 << 20};
	uint64_t hot_bytes = 0;
	struct trace trace;

	workload_trace_make(&w, &trace);
	for (uint32_t i = 0; i < trace.file_count; i++)
		hot_bytes += trace.files[i].id <= w.file_count ? trace.files[i].size : 0;
	for (size_t i = 0; i < 2; i++) {
		const struct replay_options options = {.charge = REPLAY_BYTES};
		double part = hot_bytes / 0.9 / trace.working_set;
		double misses = miss_ratio(&trace, policies[i], part, &options) * trace.open_count;
		double lost = misses - w.file_count - w.round_count * (double)w.cold_count;

		print_message("%s lost %.2f%% of the hits\n", policies[i], 100 * lost / w.open_count);
		assert_true(lost <= 0.01 * w.open_count);
	}
	trace_unload(&trace);
}

static void writes_cost_hits_and_nothing_else(void **state)
{
	const struct replay_options options = {
		.charge = REPLAY_PAGES, .evict = {.admit = 2, .largest_part = 8}};
	double before[16] = {0}, after;
	struct trace trace;

	make("zipf", 3, &trace);
	for (size_t i = 0; evict_catalogue[i]; i++)
		before[i] = miss_ratio(&trace, evict_policy_name(evict_catalogue[i]), 0.2, &options);
	assert_int_equal(trace_add_writes(&trace, 0.05, 1), 0);
	for (size_t i = 0; evict_catalogue[i]; i++) {
		after = miss_ratio(&trace, evict_policy_name(evict_catalogue[i]), 0.2, &options);
		assert_true(after > before[i] && after < before[i] + 0.2);
	}
	trace_unload(&trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_policy_misses_more_than_it_did),
		cmocka_unit_test(s3gd_misses_no_more_over_ten_epochs_than_a_cache_that_never_evicts),
		cmocka_unit_test(the_reference_bit_alone_costs_s3gd_less_than_half_a_percent),
		cmocka_unit_test(a_hot_set_that_fits_survives_scans),
		cmocka_unit_test(writes_cost_hits_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
