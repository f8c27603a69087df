#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/policy/sample.h"

#define KIB 1024ULL
#define GIB (1ULL << 30)

static uint64_t files[SAMPLE_FILES];
static uint16_t tokens[SAMPLE_ROOM / 2], opens[1 << 20];

static struct sample *new_sample(uint64_t size_max)
{
	struct sample *s = aligned_alloc(_Alignof(struct sample), sizeof(*s));

	assert_non_null(s);
	*s = (struct sample){0};
	sample_init(s, size_max);
	return s;
}

static void open_file(struct sample *s, uint64_t id, uint64_t size, uint64_t cache_size)
{
	if (sample_open(s, sample_hash(id), size, 0, false))
		sample_take_in(s, cache_size);
}

static void decode(const struct sample_extent *extent)
{
	static struct open_code code;
	uint32_t count = 0;

	assert_true(extent->open_count <= sizeof(opens) / sizeof(*opens));
	memset(&code, 0, sizeof(code));
	for (uint32_t i = 0; i < extent->token_count; i++)
		for (uint32_t n = open_code_count(tokens[i]); n; n--)
			opens[count++] = open_code_next(&code, tokens[i]);
	assert_int_equal(count, extent->open_count);
}

/* Takes in what waits and copies all; opens and files are those of the extent. */
static struct sample_extent read_all(struct sample *s)
{
	struct sample_extent extent;

	sample_take_in(s, GIB);
	sample_read_extent(s, &extent);
	assert_int_equal(sample_read_files(s, 0, files, SAMPLE_FILES), extent.file_count);
	assert_int_equal(sample_read_tokens(s, 0, tokens, SAMPLE_ROOM / 2), extent.token_count);
	decode(&extent);
	return extent;
}

static bool is_of(uint16_t open, uint64_t id)
{
	return sample_unpack(files[open]).name ==
	       sample_unpack(sample_pack(sample_hash(id), 0, 0, false)).name;
}

static void a_packed_file_keeps_what_it_was(void **state)
{
	for (uint64_t size = 0; size < 1ULL << 42; size = size * 3 / 2 + 1) {
		struct sample_file file = sample_unpack(sample_pack(77, size, 33, true));

		assert_int_equal(file.name, 77);
		assert_int_equal(file.version, 33);
		assert_true(file.by_rule);
		assert_true(file.size <= size && size - file.size <= size / 2048);
	}
	assert_false(sample_unpack(sample_pack(UINT64_MAX, UINT64_MAX, 64, false)).by_rule);
	assert_int_equal(sample_unpack(sample_pack(UINT64_MAX, UINT64_MAX, 64, false)).version, 0);
}

static void all_is_below_a_mebibyte(void **state)
{
	/* a piece is read into a buffer, and goes into a reply that grows to the next power of two */
	assert_true(sizeof(struct sample) + SAMPLE_PIECE + 2 * SAMPLE_PIECE <= 1 << 20);
}

static void while_there_is_room_each_open_is_kept_in_order(void **state)
{
	struct sample *s = new_sample(KIB);
	struct sample_extent extent;

	for (uint64_t i = 0; i < 10000; i++)
		open_file(s, i * i % 1000, 100, GIB);
	extent = read_all(s);
	assert_int_equal(extent.open_count, 10000);
	assert_int_equal(extent.shift, 0);
	assert_false(extent.is_cut);
	assert_int_equal(extent.seen.opens, 10000);
	assert_int_equal(extent.seen.bytes, 1000000);
	for (uint64_t i = 0; i < 10000; i++)
		assert_true(is_of(opens[i], i * i % 1000));
	free(s);
}

static void larger_files_are_no_part_of_it(void **state)
{
	struct sample *s = new_sample(KIB);
	struct sample_extent extent;

	open_file(s, 1, KIB, GIB);
	open_file(s, 2, KIB + 1, GIB);
	extent = read_all(s);
	assert_int_equal(extent.open_count, 1);
	assert_int_equal(extent.seen.opens, 1);
	free(s);
}

static void a_new_size_or_version_is_told(void **state)
{
	struct sample *s = new_sample(KIB);
	struct sample_extent extent;

	sample_open(s, sample_hash(1), 10, 0, false);
	sample_open(s, sample_hash(1), 11, 0, false);
	sample_open(s, sample_hash(1), 11, 5, false);
	sample_open(s, sample_hash(1), 11, 5, false);
	extent = read_all(s);
	assert_int_equal(extent.open_count, 4);
	assert_int_equal(extent.file_count, 3);
	assert_int_equal(sample_unpack(files[opens[1]]).size, 11);
	assert_int_equal(sample_unpack(files[opens[2]]).version, 5);
	assert_int_equal(opens[2], opens[3]);
	free(s);
}

/* The cache is large: the sample reaches back to the first open, with fewer files. */
static void files_beyond_the_room_thin_the_sample(void **state)
{
	struct sample *s = new_sample(KIB);
	struct sample_extent extent;
	uint64_t chosen = 0;

	for (uint64_t i = 0; i < 1000000; i++)
		open_file(s, i, 100, GIB);
	extent = read_all(s);
	assert_false(extent.is_cut);
	assert_in_range(extent.shift, 4, 6);
	assert_int_equal(extent.seen.opens, 1000000);
	for (uint64_t i = 0; i < 1000000; i++) {
		if (sample_hash(i) & ((1ULL << extent.shift) - 1))
			continue;
		assert_true(chosen < extent.open_count && is_of(opens[chosen], i));
		chosen++;
	}
	assert_int_equal(chosen, extent.open_count);
	free(s);
}

/* The cache holds some four hundred files: half of them say too little of it, so the older opens go. */
static void a_small_cache_keeps_all_files_and_a_shorter_time(void **state)
{
	struct sample *s = new_sample(KIB);
	struct sample_extent extent;

	for (uint64_t i = 0; i < 1000000; i++)
		open_file(s, i % 30000, 1000, 450 * KIB);
	extent = read_all(s);
	assert_true(extent.is_cut);
	assert_int_equal(extent.shift, 0);
	assert_int_equal(extent.seen.opens, extent.open_count);
	for (uint64_t i = 0; i < extent.open_count; i++)
		assert_true(is_of(opens[i], (1000000 - extent.open_count + i) % 30000));
	free(s);
}

static void few_files_are_not_thinned_however_large_the_cache_is(void **state)
{
	struct sample *s = new_sample(KIB);
	struct sample_extent extent;

	for (uint64_t i = 0; i < 2000000; i++)
		open_file(s, sample_hash(i) % 5000, 100, GIB);
	extent = read_all(s);
	assert_true(extent.is_cut);
	assert_int_equal(extent.shift, 0);
	assert_in_range(extent.open_count, 100000, SAMPLE_ROOM / 2);
	assert_int_equal(extent.seen.opens, extent.open_count);
	free(s);
}

/* Whatever was thinned and cut: what is kept are the newest opens of the chosen files, all of them. */
static void is_the_end_of(const struct sample_extent *extent, const uint32_t *ids, uint32_t count)
{
	uint32_t at = extent->open_count;

	while (count-- && at) {
		if (sample_hash(ids[count]) & ((1ULL << extent->shift) - 1))
			continue;
		assert_true(is_of(opens[--at], ids[count]));
	}
	assert_int_equal(at, 0);
}

static void the_newest_opens_of_the_chosen_files_are_kept(void **state)
{
	enum { COUNT = 1500000 };
	static uint32_t ids[COUNT];

	for (unsigned round = 0; round < 6; round++) {
		struct sample *s = new_sample(KIB);
		struct sample_extent extent;
		uint32_t run = 0;

		/* runs of old and of new files, and some at random */
		srandom(round);
		for (uint32_t i = 0; i < COUNT; i++) {
			if (run-- == 0)
				run = (uint32_t)random() % 300;
			if (run == 0)
				ids[i] = (uint32_t)random() % (10000U << round);
			else
				ids[i] = i ? ids[i - 1] + 1 : 0;
			open_file(s, ids[i], 500, (1 + round % 3) * 2000 * KIB);
		}
		extent = read_all(s);
		assert_true(extent.open_count > 50000);
		is_the_end_of(&extent, ids, COUNT);
		free(s);
	}
}

/* Each open of a file that stays is told by those before it of files that leave. */
static void what_grows_by_thinning_loses_its_oldest_opens(void **state)
{
	enum { LOOP = 9000, ROUNDS = 100, OTHERS = 50000, COUNT = 2 * LOOP * ROUNDS + OTHERS };
	static uint32_t ids[COUNT], staying[4], leaving[LOOP], others[LOOP];
	struct sample *s = new_sample(KIB);
	struct sample_extent extent;
	uint32_t stay = 0, leave = 0, n = 0;

	for (uint32_t id = 1; stay < 4 || leave < LOOP; id++) {
		if (sample_hash(id) & 1 && leave < LOOP)
			leaving[leave++] = id;
		else if (!(sample_hash(id) & 1) && stay < 4)
			staying[stay++] = id;
	}
	srandom(1);
	for (uint32_t i = 0; i < LOOP; i++)
		others[i] = staying[random() % 4];
	for (uint32_t i = 0; i < LOOP * ROUNDS; i++) {
		ids[n++] = leaving[i % LOOP];
		ids[n++] = others[i % LOOP];
	}
	for (; n < COUNT; n++)
		ids[n] = 1000000 + n;
	for (n = 0; n < COUNT; n++)
		open_file(s, ids[n], 100, GIB);
	extent = read_all(s);
	assert_int_equal(extent.shift, 1);
	assert_true(extent.is_cut);
	assert_true(extent.open_count > 100000);
	assert_true(extent.seen.opens < COUNT && extent.seen.opens > extent.open_count);
	is_the_end_of(&extent, ids, COUNT);
	free(s);
}

/* Nobody takes them in meanwhile. */
static void opens_that_were_lost_do_not_count_as_seen(void **state)
{
	struct sample *s = new_sample(KIB);
	struct sample_extent extent;

	for (uint64_t i = 0; i < 2 * SAMPLE_WAITING; i++)
		assert_true(sample_open(s, sample_hash(i), 100, 0, false) == (i >= SAMPLE_WAITING - 1));
	extent = read_all(s);
	assert_int_equal(extent.open_count, SAMPLE_WAITING);
	assert_int_equal(extent.seen.opens, SAMPLE_WAITING);
	free(s);
}

static void the_generation_tells_what_changed_besides_the_end(void **state)
{
	struct sample *s = new_sample(KIB);
	struct sample_extent before, after;
	uint16_t first;

	for (uint64_t i = 0; i < 20000; i++)
		open_file(s, i, 100, GIB);
	before = read_all(s);
	first = opens[0];
	for (uint64_t i = 0; i < 20000; i++)
		open_file(s, i, 100, GIB);
	after = read_all(s);
	assert_int_equal(before.generation, after.generation);
	assert_int_equal(first, opens[0]);
	for (uint64_t i = 0; i < 100000; i++)
		open_file(s, i, 100, GIB);
	after = read_all(s);
	assert_int_not_equal(before.generation, after.generation);
	free(s);
}

static void opens_lost_before_files_are_dropped_count_once(void **state)
{
	struct sample *s = new_sample(KIB);
	struct sample_extent before, after;
	uint64_t id = 0;

	while (before = read_all(s), before.file_count <= SAMPLE_FILES - 2 * SAMPLE_WAITING)
		for (unsigned i = 0; i < SAMPLE_WAITING; i++)
			open_file(s, id++, 100, GIB);
	assert_int_equal(before.shift, 0);
	for (unsigned i = 0; i < 20 * SAMPLE_WAITING; i++)
		sample_open(s, sample_hash(id++), 100, 0, false);
	after = read_all(s);
	assert_int_equal(after.shift, 1);
	assert_int_equal(after.seen.opens, before.seen.opens + SAMPLE_WAITING);
	assert_int_equal(after.seen.bytes, 100 * after.seen.opens);
	free(s);
}

enum { THREADS = 4, OPENS_EACH = 400000 };

struct opener {
	pthread_t thread;
	struct sample *sample;
	pthread_mutex_t *lock;
	uint64_t number;
};

static void *open_many(void *argument)
{
	const struct opener *o = argument;

	for (uint64_t i = 0; i < OPENS_EACH; i++) {
		uint64_t hash = sample_hash(o->number << 32 | (i * i % 40000));

		if (sample_open(o->sample, hash, 100, 0, false) && pthread_mutex_trylock(o->lock) == 0) {
			sample_take_in(o->sample, GIB);
			pthread_mutex_unlock(o->lock);
		}
	}
	return NULL;
}

/* As in a mount: opens by many, of whom one takes in what waits, and somebody who asks. */
static void opens_of_many_threads_meet_in_one_sample(void **state)
{
	struct sample *s = new_sample(KIB);
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct opener openers[THREADS];
	struct sample_extent extent;
	uint64_t expected;

	for (unsigned i = 0; i < THREADS; i++) {
		openers[i] = (struct opener){.sample = s, .lock = &lock, .number = i};
		assert_int_equal(pthread_create(&openers[i].thread, NULL, open_many, &openers[i]), 0);
	}
	for (unsigned i = 0; i < 100; i++) {
		pthread_mutex_lock(&lock);
		read_all(s);
		pthread_mutex_unlock(&lock);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(openers[i].thread, NULL);
	extent = read_all(s);
	assert_true(extent.seen.opens <= THREADS * OPENS_EACH);
	expected = extent.seen.opens >> extent.shift;
	assert_in_range(extent.open_count, expected * 9 / 10, expected * 11 / 10);
	free(s);
}

static void a_restart_takes_larger_files_and_forgets_the_opens_before(void **state)
{
	struct sample *s = new_sample(4 * KIB);
	struct sample_extent extent, before;

	open_file(s, 1, KIB, GIB);
	open_file(s, 2, 8 * KIB, GIB);
	before = read_all(s);
	assert_int_equal(before.open_count, 1);
	open_file(s, 1, KIB, GIB); /* it still waits */
	sample_restart(s, 16 * KIB);
	extent = read_all(s);
	assert_int_equal(extent.open_count, 0);
	assert_int_equal(extent.file_count, 0);
	assert_int_equal(extent.seen.opens, 0);
	assert_true(extent.is_cut);
	assert_int_not_equal(extent.generation, before.generation);

	open_file(s, 2, 8 * KIB, GIB);
	open_file(s, 1, KIB, GIB);
	open_file(s, 2, 8 * KIB, GIB);
	extent = read_all(s);
	assert_int_equal(extent.open_count, 3);
	assert_int_equal(extent.file_count, 2);
	assert_int_equal(extent.seen.bytes, 17 * KIB);
	assert_int_equal(opens[0], opens[2]);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packed_file_keeps_what_it_was),
		cmocka_unit_test(all_is_below_a_mebibyte),
		cmocka_unit_test(while_there_is_room_each_open_is_kept_in_order),
		cmocka_unit_test(larger_files_are_no_part_of_it),
		cmocka_unit_test(a_new_size_or_version_is_told),
		cmocka_unit_test(files_beyond_the_room_thin_the_sample),
		cmocka_unit_test(a_small_cache_keeps_all_files_and_a_shorter_time),
		cmocka_unit_test(few_files_are_not_thinned_however_large_the_cache_is),
		cmocka_unit_test(the_newest_opens_of_the_chosen_files_are_kept),
		cmocka_unit_test(what_grows_by_thinning_loses_its_oldest_opens),
		cmocka_unit_test(opens_that_were_lost_do_not_count_as_seen),
		cmocka_unit_test(opens_lost_before_files_are_dropped_count_once),
		cmocka_unit_test(opens_of_many_threads_meet_in_one_sample),
		cmocka_unit_test(a_restart_takes_larger_files_and_forgets_the_opens_before),
		cmocka_unit_test(the_generation_tells_what_changed_besides_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
