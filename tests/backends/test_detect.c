#include "backends/detect.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
	KIB = 1 << 10,
	MIB = 1 << 20,
};

static const struct detect_limits limits = {.after = 256 * KIB, .gap = 128 * KIB};

static enum detect_order after_reads(off_t first, int64_t step, size_t size, unsigned count)
{
	enum detect_order order = DETECT_NONE;
	struct detect detect = {0};

	for (unsigned i = 0; i < count; i++)
		order = detect_read(&detect, &limits, first + i * step, size);
	return order;
}

static void a_run_is_a_stream_after_so_many_bytes(void **state)
{
	assert_int_equal(after_reads(0, 64 * KIB, 64 * KIB, 3), DETECT_NONE);
	assert_int_equal(after_reads(0, 64 * KIB, 64 * KIB, 4), DETECT_FORWARD);
	assert_int_equal(after_reads(5 * MIB + 1, MIB, MIB, 2), DETECT_FORWARD);
}

static void backwards_and_strided_runs_are_told_apart(void **state)
{
	assert_int_equal(after_reads(50 * MIB, -128 * KIB, 128 * KIB, 4), DETECT_BACKWARD);
	assert_int_equal(after_reads(0, MIB, 4 * KIB, 6), DETECT_STRIDED);
	assert_int_equal(after_reads(50 * MIB, -MIB, 4 * KIB, 6), DETECT_STRIDED);
}

static void a_backward_run_of_large_reads_is_never_a_forward_one(void **state)
{
	for (unsigned count = 2; count < 20; count++)
		assert_int_equal(after_reads(50 * MIB, -MIB, MIB, count), DETECT_BACKWARD);
}

static void skipping_a_little_is_still_in_order(void **state)
{
	assert_int_equal(after_reads(0, 128 * KIB + 64 * KIB, 128 * KIB, 8), DETECT_FORWARD);
}

static void requests_may_overtake_each_other(void **state)
{
	static const off_t blocks[] = {0, 2, 1, 3, 5, 4, 7, 6, 8, 9};
	enum detect_order order = DETECT_NONE;
	struct detect detect = {0};

	for (unsigned i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		order = detect_read(&detect, &limits, blocks[i] * 128 * KIB, 128 * KIB);
	assert_int_equal(order, DETECT_FORWARD);
}

/* Reads records of four parts of 1 MiB each, in this order. */
static enum detect_order read_record(struct detect *detect, off_t start, const unsigned parts[4])
{
	enum detect_order order = DETECT_NONE;

	for (unsigned i = 0; i < 4; i++)
		order = detect_read(detect, &limits, start + (off_t)parts[i] * MIB, MIB);
	return order;
}

static const unsigned one_by_one[4] = {0, 1, 2, 3};

static void assert_third_record_is_known(int64_t stride, const unsigned parts[4])
{
	struct detect detect = {0};
	off_t start = 500 * MIB;

	read_record(&detect, start, one_by_one);
	read_record(&detect, start + stride, one_by_one);
	for (unsigned i = 0; i < 4; i++) {
		off_t offset = start + 2 * stride + (off_t)parts[i] * MIB;

		assert_int_equal(detect_read(&detect, &limits, offset, MIB), DETECT_STRIDED);
		assert_int_equal(detect.record.start, start + 2 * stride);
		assert_int_equal(detect.record.size, 4 * MIB);
		assert_int_equal(detect.record.stride, stride);
	}
}

static void records_of_several_reads_are_strided_from_the_third_on(void **state)
{
	static const int64_t strides[] = {-4 * MIB, -16 * MIB, 8 * MIB, 100 * MIB};

	for (unsigned i = 0; i < sizeof(strides) / sizeof(strides[0]); i++)
		assert_third_record_is_known(strides[i], one_by_one);
}

static void reads_of_a_record_may_overtake_each_other(void **state)
{
	static const unsigned parts[][4] = {{1, 0, 2, 3}, {0, 2, 1, 3}, {0, 1, 3, 2}, {1, 0, 3, 2}};

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		assert_third_record_is_known(-4 * MIB, parts[i]);
		assert_third_record_is_known(16 * MIB, parts[i]);
	}
}

/* It begins where its first bytes are, not with what was read first. */
static void a_record_is_as_large_if_its_first_reads_overtook_each_other(void **state)
{
	static const unsigned swapped[] = {1, 0, 2, 3};
	struct detect detect = {0};

	read_record(&detect, 0, one_by_one);
	read_record(&detect, 16 * MIB, swapped);
	assert_int_equal(detect_read(&detect, &limits, 32 * MIB, MIB), DETECT_STRIDED);
	assert_int_equal(detect.record.start, 32 * MIB);
	assert_int_equal(detect.record.size, 4 * MIB);
	assert_int_equal(detect.record.stride, 16 * MIB);
}

static void of_records_at_random_places_only_the_size_is_known(void **state)
{
	static const off_t starts[] = {900, 20, 444, 130, 777, 8};
	struct detect detect = {0};

	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		off_t start = starts[i] * MIB;

		if (i < 2) {
			read_record(&detect, start, one_by_one);
			continue;
		}
		assert_int_equal(read_record(&detect, start, one_by_one), DETECT_STRIDED);
		assert_int_equal(detect.record.start, start);
		assert_int_equal(detect.record.size, 4 * MIB);
		assert_int_equal(detect.record.stride, 0);
	}
	assert_int_equal(detect_read(&detect, &limits, 50 * MIB, 4 * KIB), DETECT_NONE);
}

static void a_run_longer_than_the_records_before_is_a_stream(void **state)
{
	struct detect detect = {0};

	for (off_t start = 800 * MIB; start > 700 * MIB; start -= 16 * MIB)
		read_record(&detect, start, one_by_one);
	assert_int_equal(read_record(&detect, 10 * MIB, one_by_one), DETECT_STRIDED);
	assert_int_equal(detect_read(&detect, &limits, 14 * MIB, MIB), DETECT_FORWARD);
}

static void reads_that_hop_about_in_one_place_are_no_stream(void **state)
{
	struct detect detect = {0};
	unsigned seed = 3;

	for (int i = 0; i < 10000; i++)
		assert_int_equal(
			detect_read(&detect, &limits, 10 * MIB + rand_r(&seed) % (200 * KIB), 4 * KIB),
			DETECT_NONE);
}

static void random_reads_are_called_random(void **state)
{
	struct detect detect = {0};
	unsigned seed = 4;

	for (int i = 0; i < 100; i++)
		detect_read(&detect, &limits, (off_t)(rand_r(&seed) % 4096) * MIB, 4 * KIB);
	assert_true(detect_is_random(&detect));
	for (int i = 0; i < 100; i++)
		detect_read(&detect, &limits, i * 4 * KIB, 4 * KIB);
	assert_false(detect_is_random(&detect));
}

static void the_first_read_of_a_file_is_no_jump(void **state)
{
	struct detect detect = {0};

	detect_read(&detect, &limits, 0, 4 * KIB);
	assert_false(detect_jumped(&detect));
	detect_read(&detect, &limits, 700 * MIB, 4 * KIB);
	assert_true(detect_jumped(&detect));
	detect_read(&detect, &limits, 700 * MIB + 4 * KIB, 4 * KIB);
	assert_false(detect_jumped(&detect));
}

static void strides_are_no_jumps(void **state)
{
	struct detect detect = {0};

	for (int i = 0; i < 8; i++)
		detect_read(&detect, &limits, i * MIB, 4 * KIB);
	assert_false(detect_jumped(&detect));
	detect_read(&detect, &limits, 700 * MIB, 4 * KIB);
	assert_true(detect_jumped(&detect));
}

static void reads_over_the_same_bytes_again_make_no_stream(void **state)
{
	for (unsigned count = 1; count < 40; count++) {
		assert_int_equal(after_reads(0, KIB, 128 * KIB, count), DETECT_NONE);
		assert_int_equal(after_reads(50 * MIB, -KIB, 128 * KIB, count), DETECT_NONE);
	}
	/* until they have moved as far as a stream */
	assert_int_equal(after_reads(0, KIB, 128 * KIB, 129), DETECT_FORWARD);
	assert_int_equal(after_reads(50 * MIB, -KIB, 128 * KIB, 129), DETECT_BACKWARD);
}

static void a_stride_leaves_out_two_bytes_of_three_and_shows_at_the_fifth_read(void **state)
{
	assert_int_equal(after_reads(MIB, 12 * KIB, 4 * KIB, 4), DETECT_NONE);
	assert_int_equal(after_reads(MIB, 12 * KIB, 4 * KIB, 5), DETECT_STRIDED);
	assert_int_equal(after_reads(MIB, 12 * KIB - 1, 4 * KIB, 5), DETECT_NONE);
	assert_int_equal(after_reads(50 * MIB, -12 * KIB, 4 * KIB, 4), DETECT_NONE);
	assert_int_equal(after_reads(50 * MIB, -12 * KIB, 4 * KIB, 5), DETECT_STRIDED);
}

static void the_same_distance_is_no_stride_where_it_is_far_or_sizes_differ(void **state)
{
	enum detect_order order = DETECT_NONE;
	struct detect detect = {0};

	assert_int_equal(after_reads(0, 256 * (int64_t)MIB, 4 * KIB, 6), DETECT_STRIDED);
	assert_int_equal(after_reads(0, 257 * (int64_t)MIB, 4 * KIB, 6), DETECT_NONE);
	for (unsigned i = 0; i < 10; i++)
		order = detect_read(&detect, &limits, (off_t)i * 10 * MIB, i % 2 ? 4 * KIB : 8 * KIB);
	assert_int_equal(order, DETECT_NONE);
}

static void a_few_jumps_are_not_called_random(void **state)
{
	struct detect detect = {0};

	for (unsigned i = 0; i < 15; i++) {
		detect_read(&detect, &limits, (off_t)(i * i + 7) * 10 * MIB, 4 * KIB);
		assert_false(detect_is_random(&detect));
	}
	detect_read(&detect, &limits, 0, 4 * KIB);
	assert_true(detect_is_random(&detect));
}

static void records_shorter_than_a_stream_are_none(void **state)
{
	struct detect detect = {0};

	for (unsigned record = 0; record < 8; record++) {
		off_t start = (off_t)(record * record + 3) * 10 * MIB;

		for (unsigned part = 0; part < 3; part++)
			assert_int_equal(detect_read(&detect, &limits, start + part * 64 * KIB, 64 * KIB),
				DETECT_NONE);
	}
}

static void a_run_that_begins_otherwise_is_not_the_next_record(void **state)
{
	struct detect detect = {0};

	read_record(&detect, 500 * MIB, one_by_one);
	read_record(&detect, 600 * MIB, one_by_one);
	assert_int_equal(detect_read(&detect, &limits, 700 * MIB, 4 * KIB), DETECT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_is_a_stream_after_so_many_bytes),
		cmocka_unit_test(backwards_and_strided_runs_are_told_apart),
		cmocka_unit_test(a_backward_run_of_large_reads_is_never_a_forward_one),
		cmocka_unit_test(skipping_a_little_is_still_in_order),
		cmocka_unit_test(requests_may_overtake_each_other),
		cmocka_unit_test(records_of_several_reads_are_strided_from_the_third_on),
		cmocka_unit_test(reads_of_a_record_may_overtake_each_other),
		cmocka_unit_test(a_record_is_as_large_if_its_first_reads_overtook_each_other),
		cmocka_unit_test(of_records_at_random_places_only_the_size_is_known),
		cmocka_unit_test(a_run_longer_than_the_records_before_is_a_stream),
		cmocka_unit_test(reads_that_hop_about_in_one_place_are_no_stream),
		cmocka_unit_test(random_reads_are_called_random),
		cmocka_unit_test(the_first_read_of_a_file_is_no_jump),
		cmocka_unit_test(strides_are_no_jumps),
		cmocka_unit_test(reads_over_the_same_bytes_again_make_no_stream),
		cmocka_unit_test(a_stride_leaves_out_two_bytes_of_three_and_shows_at_the_fifth_read),
		cmocka_unit_test(the_same_distance_is_no_stride_where_it_is_far_or_sizes_differ),
		cmocka_unit_test(a_few_jumps_are_not_called_random),
		cmocka_unit_test(records_shorter_than_a_stream_are_none),
		cmocka_unit_test(a_run_that_begins_otherwise_is_not_the_next_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
