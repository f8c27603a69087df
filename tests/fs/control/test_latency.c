#include "fs/control/latency.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define US 1000ull
#define S 1000000000ull

static struct latency *new_latency(void)
{
	struct latency *latency = NULL;

	assert_int_equal(posix_memalign((void **)&latency, 64, sizeof(*latency)), 0);
	memset(latency, 0, sizeof(*latency));
	return latency;
}

static unsigned bucket_counted(uint64_t ns)
{
	struct latency *latency = new_latency();
	struct latency_figures figures;
	unsigned bucket = 0;

	latency_count(latency, OPERATION_read, ns);
	latency_read(latency, OPERATION_read, &figures);
	assert_int_equal(figures.count, 1);
	while (!figures.buckets[bucket])
		bucket++;
	free(latency);
	return bucket;
}

static void each_time_falls_into_the_bucket_that_bounds_it(void **state)
{
	(void)state;
	for (uint64_t ns = 1; ns < 200 * S; ns += 1 + ns / 7) {
		const unsigned bucket = bucket_counted(ns);

		assert_true(ns <= latency_bucket_ns(bucket));
		if (bucket)
			assert_true(ns > latency_bucket_ns(bucket - 1));
	}
	for (unsigned bucket = 0; bucket < LATENCY_BUCKETS - 1; bucket++) {
		assert_int_equal(bucket_counted(latency_bucket_ns(bucket)), bucket);
		assert_int_equal(bucket_counted(latency_bucket_ns(bucket) + 1), bucket + 1);
	}
	assert_int_equal(bucket_counted(0), 0);
	assert_int_equal(latency_bucket_ns(LATENCY_PARTS), 2 * US);
	assert_true(latency_bucket_ns(LATENCY_BUCKETS - 2) > 60 * S);
}

static void percentiles_are_at_most_a_quarter_too_high(void **state)
{
	struct latency *latency = new_latency();
	struct latency_figures figures;

	(void)state;
	for (uint64_t us = 1; us <= 1000; us++)
		latency_count(latency, OPERATION_open, us * US);
	latency_read(latency, OPERATION_open, &figures);
	assert_int_equal(figures.count, 1000);
	assert_int_equal(figures.sum_ns, 500500 * US);
	assert_int_equal(figures.max_ns, 1000 * US);
	assert_in_range(latency_percentile_ns(&figures, 0.5), 500 * US, 625 * US);
	assert_in_range(latency_percentile_ns(&figures, 0.99), 990 * US, 1000 * US);
	assert_int_equal(latency_percentile_ns(&figures, 1), 1000 * US);
	latency_read(latency, OPERATION_read, &figures);
	assert_int_equal(latency_percentile_ns(&figures, 0.5), 0);
	free(latency);
}

static void *count_many(void *latency)
{
	for (unsigned i = 0; i < 20000; i++)
		latency_count(latency, OPERATION_write, i);
	return NULL;
}

static void no_operation_of_many_threads_is_lost(void **state)
{
	struct latency *latency = new_latency();
	struct latency_figures figures;
	pthread_t threads[LATENCY_SHARES + 2];

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, latency), 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
		pthread_join(threads[i], NULL);
	latency_read(latency, OPERATION_write, &figures);
	assert_int_equal(figures.count, 20000 * G_N_ELEMENTS(threads));
	assert_int_equal(figures.max_ns, 19999);
	free(latency);
}

static void only_what_happened_is_shown(void **state)
{
	struct latency *latency = new_latency();
	g_autoptr(GString) out = g_string_new("{");

	(void)state;
	latency_count(latency, OPERATION_mkdir, 3 * US);
	latency_count(latency, OPERATION_mkdir, 100 * S);
	latency_to_json(latency, out);
	assert_string_equal(out->str,
		"{\"operations\":{\"mkdir\":{\"count\":2,\"sum_seconds\":100.000003,\"p50_seconds\":3e-06,"
		"\"p99_seconds\":100,\"max_seconds\":100}}");
	g_string_truncate(out, 0);
	latency_to_text(latency, out);
	assert_non_null(strstr(out->str, "\nmkdir "));
	assert_null(strstr(out->str, "\nopen "));
	g_string_truncate(out, 0);
	latency_to_openmetrics(latency, out);
	assert_non_null(strstr(out->str, "_bucket{operation=\"mkdir\",le=\"0.000002000\"} 0\n"));
	assert_non_null(strstr(out->str, "_bucket{operation=\"mkdir\",le=\"0.000004000\"} 1\n"));
	assert_non_null(strstr(out->str, "_bucket{operation=\"mkdir\",le=\"+Inf\"} 2\n"));
	assert_non_null(strstr(out->str, "_count{operation=\"mkdir\"} 2\n"));
	assert_non_null(strstr(out->str, "_sum{operation=\"mkdir\"} 100.000003000\n"));
	assert_null(strstr(out->str, "open"));
	free(latency);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_time_falls_into_the_bucket_that_bounds_it),
		cmocka_unit_test(percentiles_are_at_most_a_quarter_too_high),
		cmocka_unit_test(no_operation_of_many_threads_is_lost),
		cmocka_unit_test(only_what_happened_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
