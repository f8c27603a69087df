#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>

#include <cmocka.h>

#include "cache/policy/advise.h"

#define SIZE 1000ULL
#define FILES 100
#define ROUNDS 50

static uint64_t files[FILES];
static uint16_t tokens[FILES * ROUNDS];

/* One file after the other, again and again. */
static struct advise_sample loop(void)
{
	for (unsigned i = 0; i < FILES; i++)
		files[i] = sample_pack(sample_hash(i), SIZE, 0, false);
	for (unsigned i = 0; i < FILES * ROUNDS; i++)
		tokens[i] = i % FILES;
	return (struct advise_sample){
		.extent = {.file_count = FILES,
			.open_count = FILES * ROUNDS,
			.token_count = FILES * ROUNDS,
			.seen = {FILES * ROUNDS, FILES * ROUNDS * SIZE}},
		.files = files,
		.tokens = tokens,
	};
}

static struct advise_cache cache_of(const char *policy, uint64_t file_count)
{
	return (struct advise_cache){
		.policy = evict_find(policy),
		.budget = file_count * SIZE,
		.admit = 1,
		.small_max = UINT64_MAX,
		.largest = UINT64_MAX,
		.charges_file_only = true,
	};
}

static struct advise_result simulate(const struct advise_sample *sample, const struct advise_cache *cache)
{
	struct advise_result result;
	struct advise *a;

	assert_int_equal(advise_new(&a, sample), 0);
	assert_int_equal(advise_simulate(a, cache, &result), 0);
	advise_free(a);
	return result;
}

static void near(double found, double expected)
{
	if (found < expected - 1e-9 || found > expected + 1e-9)
		fail_msg("%.6f instead of %.6f", found, expected);
}

static void lru_has_all_of_a_loop_or_nothing(void **state)
{
	const struct advise_sample sample = loop();
	const struct advise_cache less = cache_of("lru", FILES - 1), all = cache_of("lru", FILES);

	near(simulate(&sample, &less).hit_ratio, 0);
	near(simulate(&sample, &all).hit_ratio, 1 - 1.0 / ROUNDS);
	near(simulate(&sample, &all).byte_hit_ratio, 1 - 1.0 / ROUNDS);
}

static void each_further_open_for_admission_misses_one_round(void **state)
{
	const struct advise_sample sample = loop();

	for (unsigned admit = 1; admit <= 4; admit++) {
		struct advise_cache cache = cache_of("lru", 2 * FILES);

		cache.admit = admit;
		near(simulate(&sample, &cache).hit_ratio, 1 - (double)admit / ROUNDS);
	}
}

static void larger_files_are_hit_by_rule_only(void **state)
{
	struct advise_sample sample = loop();
	struct advise_cache cache = cache_of("lru", FILES);

	cache.small_max = 10 * SIZE;
	files[0] = sample_pack(sample_hash(0), 11 * SIZE, 0, false);
	files[1] = sample_pack(sample_hash(1), 11 * SIZE, 0, true);
	cache.budget += 20 * SIZE;
	near(simulate(&sample, &cache).hit_ratio, (FILES - 1.0) / FILES * (ROUNDS - 1) / ROUNDS);
	cache.largest = 10 * SIZE;
	near(simulate(&sample, &cache).hit_ratio, (FILES - 2.0) / FILES * (ROUNDS - 1) / ROUNDS);
}

/* Half of the states are of the same files in another version. */
static void a_new_version_is_a_miss_and_a_new_size_is_none(void **state)
{
	struct advise_sample sample = loop();
	const struct advise_cache cache = cache_of("lru", 2 * FILES);

	for (unsigned i = 0; i < FILES / 2; i++)
		files[FILES / 2 + i] = sample_pack(sample_hash(i), SIZE, 1, false);
	near(simulate(&sample, &cache).hit_ratio, 0);
	for (unsigned i = 0; i < FILES / 2; i++)
		files[FILES / 2 + i] = sample_pack(sample_hash(i), 2 * SIZE, 0, false);
	near(simulate(&sample, &cache).hit_ratio, 1 - 0.5 / ROUNDS);
}

/* One file in four, so a cache of four times the size. The sample has fewer opens than a quarter of those
 * seen: of files that are always hit. */
static void what_was_seen_and_not_chosen_counts_as_hit(void **state)
{
	struct advise_sample sample = loop();
	struct advise_cache cache = cache_of("lru", 4 * FILES);

	sample.extent.shift = 2;
	sample.extent.seen.opens *= 5;
	sample.extent.seen.bytes *= 5;
	near(simulate(&sample, &cache).hit_ratio, 1 - 0.8 / ROUNDS);
	cache.budget--;
	near(simulate(&sample, &cache).hit_ratio, 0.2);
	sample.extent.seen.opens /= 10;
	near(simulate(&sample, &cache).hit_ratio, 0);
}

static void the_first_half_warms_the_cache_where_older_opens_are_gone(void **state)
{
	struct advise_sample sample = loop();
	const struct advise_cache cache = cache_of("lru", FILES);

	sample.extent.is_cut = true;
	near(simulate(&sample, &cache).hit_ratio, 1);
}

static void an_empty_sample_has_no_hits(void **state)
{
	const struct advise_sample sample = {{0}};
	const struct advise_cache cache = cache_of("s3gd", FILES);

	near(simulate(&sample, &cache).hit_ratio, 0);
	near(simulate(&sample, &cache).byte_hit_ratio, 0);
}

static void a_sample_that_contradicts_itself_is_refused(void **state)
{
	struct advise_sample sample = loop();
	struct advise *a;

	tokens[7] = FILES;
	assert_int_equal(advise_new(&a, &sample), -EINVAL);
	assert_null(a);
	sample = loop();
	sample.extent.shift = SAMPLE_SHIFT_MAX + 1;
	assert_int_equal(advise_new(&a, &sample), -EINVAL);
}

static void the_files_that_a_small_cache_holds_are_counted(void **state)
{
	struct advise_sample sample = loop();
	struct advise_cache cache = cache_of("lru", 40);
	struct advise *a;

	sample.extent.shift = 1;
	assert_int_equal(advise_new(&a, &sample), 0);
	assert_int_equal(advise_file_count(a), FILES);
	assert_int_equal(advise_cached_files(a, &cache), 20);
	cache.budget *= 100;
	assert_int_equal(advise_cached_files(a, &cache), FILES);
	cache.small_max = 1;
	assert_int_equal(advise_cached_files(a, &cache), 0);
	advise_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lru_has_all_of_a_loop_or_nothing),
		cmocka_unit_test(each_further_open_for_admission_misses_one_round),
		cmocka_unit_test(larger_files_are_hit_by_rule_only),
		cmocka_unit_test(a_new_version_is_a_miss_and_a_new_size_is_none),
		cmocka_unit_test(what_was_seen_and_not_chosen_counts_as_hit),
		cmocka_unit_test(the_first_half_warms_the_cache_where_older_opens_are_gone),
		cmocka_unit_test(an_empty_sample_has_no_hits),
		cmocka_unit_test(a_sample_that_contradicts_itself_is_refused),
		cmocka_unit_test(the_files_that_a_small_cache_holds_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
