#include "backends/stream_mode.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
	KIB = 1 << 10,
	MIB = 1 << 20,
	EPOCH = 16 * MIB,
};

static struct stream_mode_class *class_of_reads(struct stream_modes *modes)
{
	stream_mode_init(modes, &stream_mode_of_reads);
	return stream_mode_class_of(modes, MIB);
}

/* Streams that always report the same cost, until the choice has seen so much. */
static enum stream_mode chosen_after(
	uint64_t window_ns, uint64_t straight_ns, uint64_t total, uint64_t *straight_bytes)
{
	struct stream_modes modes;
	struct stream_mode_class *class;
	enum stream_mode mode;

	class = class_of_reads(&modes);
	mode = stream_mode_start(class);
	*straight_bytes = 0;
	for (uint64_t seen = 0; seen < total; seen += EPOCH) {
		uint64_t ns_per_mib = mode == STREAM_WINDOW ? window_ns : straight_ns;

		if (mode == STREAM_STRAIGHT)
			*straight_bytes += EPOCH;
		mode = stream_mode_report(class, mode, EPOCH, ns_per_mib * (EPOCH / MIB));
	}
	return class->mode;
}

static void the_cheaper_mode_wins(void **state)
{
	uint64_t straight;

	assert_int_equal(chosen_after(1000000, 1800000, 200 * MIB, &straight), STREAM_WINDOW);
	assert_int_equal(chosen_after(450000, 300000, 200 * MIB, &straight), STREAM_STRAIGHT);
	assert_int_equal(chosen_after(300000, 295000, 200 * MIB, &straight), STREAM_WINDOW);
}

static void the_dearer_mode_is_tried_more_and_more_rarely(void **state)
{
	uint64_t straight;

	chosen_after(1000000, 1800000, 16ull << 30, &straight);
	assert_in_range(straight, 2 * EPOCH, 8 * EPOCH);
}

static void a_device_that_changes_is_found_out(void **state)
{
	struct stream_modes modes;
	struct stream_mode_class *class;
	enum stream_mode mode;

	class = class_of_reads(&modes);
	mode = stream_mode_start(class);
	for (uint64_t seen = 0; seen < 4ull << 30; seen += EPOCH) {
		bool changed = seen > 1ull << 30;
		uint64_t ns = (mode == STREAM_WINDOW) == changed ? 900000 : 300000;

		mode = stream_mode_report(class, mode, EPOCH, ns * (EPOCH / MIB));
	}
	assert_int_equal(class->mode, STREAM_STRAIGHT);
}

/* An epoch of the other mode, which takes twice as long, is tried and lost. */
static enum stream_mode epoch(struct stream_mode_class *class, enum stream_mode mode)
{
	uint64_t ns_per_mib = mode == STREAM_WINDOW ? 100000 : 200000;

	return stream_mode_report(class, mode, EPOCH, ns_per_mib * (EPOCH / MIB));
}

static void sizes_of_requests_are_measured_apart(void **state)
{
	struct stream_modes modes;

	assert_ptr_equal(stream_mode_class_of(&modes, 1), stream_mode_class_of(&modes, 128 * KIB));
	assert_ptr_not_equal(
		stream_mode_class_of(&modes, 128 * KIB), stream_mode_class_of(&modes, 128 * KIB + 1));
	assert_ptr_equal(
		stream_mode_class_of(&modes, 128 * KIB + 1), stream_mode_class_of(&modes, 512 * KIB));
	assert_ptr_not_equal(
		stream_mode_class_of(&modes, 512 * KIB), stream_mode_class_of(&modes, 512 * KIB + 1));
	assert_ptr_equal(stream_mode_class_of(&modes, 512 * KIB + 1), stream_mode_class_of(&modes, 64 * MIB));
}

static void one_stream_alone_tries_the_other_mode(void **state)
{
	struct stream_modes modes;
	struct stream_mode_class *class = class_of_reads(&modes);

	assert_int_equal(epoch(class, STREAM_WINDOW), STREAM_STRAIGHT);
	for (int i = 0; i < 100; i++)
		assert_int_equal(epoch(class, STREAM_WINDOW), STREAM_WINDOW);
	assert_int_equal(epoch(class, STREAM_STRAIGHT), STREAM_WINDOW);
}

static void an_abandoned_trial_starts_again(void **state)
{
	struct stream_modes modes;
	struct stream_mode_class *class = class_of_reads(&modes);

	assert_int_equal(epoch(class, STREAM_WINDOW), STREAM_STRAIGHT);
	stream_mode_abandon(class, STREAM_WINDOW); /* another stream, which tried nothing */
	assert_int_equal(epoch(class, STREAM_WINDOW), STREAM_WINDOW);
	stream_mode_abandon(class, STREAM_STRAIGHT);
	assert_int_equal(epoch(class, STREAM_WINDOW), STREAM_STRAIGHT);
}

/* Bytes of the mode in use until the other one is tried. */
static uint64_t until_trial(struct stream_mode_class *class)
{
	enum stream_mode mode = stream_mode_start(class);
	uint64_t bytes = 0;

	while (epoch(class, mode) == mode)
		bytes += EPOCH;
	return bytes;
}

static void the_dearer_mode_is_tried_now_and_then_for_ever(void **state)
{
	struct stream_modes modes;
	struct stream_mode_class *class = class_of_reads(&modes);

	for (int i = 0; i < 20; i++) {
		assert_true(until_trial(class) <= 8ull << 30);
		assert_int_equal(epoch(class, STREAM_STRAIGHT), STREAM_WINDOW);
	}
	assert_true(until_trial(class) > 4ull << 30);
}

/* What was learnt of the old device says nothing of the new one. */
static void after_a_change_of_mode_the_other_is_tried_soon_again(void **state)
{
	struct stream_modes modes;
	struct stream_mode_class *class = class_of_reads(&modes);
	uint64_t bytes = 0;

	for (int i = 0; i < 10; i++) {
		until_trial(class);
		epoch(class, STREAM_STRAIGHT);
	}
	do { /* it is believed in after some trials */
		until_trial(class);
	} while (stream_mode_report(class, STREAM_STRAIGHT, EPOCH, 1) != STREAM_STRAIGHT);
	while (stream_mode_report(class, STREAM_STRAIGHT, EPOCH, 1) == STREAM_STRAIGHT)
		bytes += EPOCH;
	assert_true(bytes <= 512ull << 20);
}

static void the_other_mode_is_left_after_an_epoch(void **state)
{
	struct stream_mode_meter meter = {0};
	uint64_t now_ns = 1000000000, straight = 0;
	struct stream_modes modes;

	stream_mode_init(&modes, &stream_mode_of_writes);
	for (int i = 0; i < 1024; i++) {
		enum stream_mode mode = stream_mode_note(&modes, &meter, MIB, now_ns);

		straight += mode == STREAM_STRAIGHT;
		now_ns += mode == STREAM_WINDOW ? 700000 : 1100000;
	}
	assert_int_equal(meter.mode, STREAM_WINDOW);
	assert_int_equal(straight, (stream_mode_of_writes.settling + stream_mode_of_writes.epoch) / MIB);
	stream_mode_end(&meter);
}

static enum stream_mode mode_of_writes(uint64_t window_ns, uint64_t straight_ns)
{
	struct stream_mode_meter meter = {0};
	struct stream_modes modes;
	uint64_t now_ns = 1000000000;

	stream_mode_init(&modes, &stream_mode_of_writes);
	for (int i = 0; i < 4096; i++)
		now_ns += stream_mode_note(&modes, &meter, MIB, now_ns) == STREAM_WINDOW ? window_ns
											 : straight_ns;
	stream_mode_end(&meter);
	return stream_mode_start(stream_mode_class_of(&modes, MIB));
}

static void a_window_of_writes_has_to_be_worth_its_copy(void **state)
{
	assert_int_equal(mode_of_writes(700000, 1000000), STREAM_WINDOW);
	assert_int_equal(mode_of_writes(980000, 1000000), STREAM_STRAIGHT);
	assert_int_equal(mode_of_writes(1200000, 1000000), STREAM_STRAIGHT);
}

static void a_rest_is_not_measured(void **state)
{
	struct stream_mode_meter meter = {0};
	uint64_t now_ns = 1000000000;
	struct stream_modes modes;

	stream_mode_init(&modes, &stream_mode_of_reads);
	for (int i = 0; i < 1024; i++) {
		now_ns += i % 20 ? 700000 : 1000000000;
		stream_mode_note(&modes, &meter, MIB, now_ns);
	}
	assert_int_equal(meter.class->ns_per_mib[STREAM_WINDOW], 0);
	stream_mode_end(&meter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cheaper_mode_wins),
		cmocka_unit_test(the_dearer_mode_is_tried_more_and_more_rarely),
		cmocka_unit_test(a_device_that_changes_is_found_out),
		cmocka_unit_test(sizes_of_requests_are_measured_apart),
		cmocka_unit_test(one_stream_alone_tries_the_other_mode),
		cmocka_unit_test(an_abandoned_trial_starts_again),
		cmocka_unit_test(the_dearer_mode_is_tried_now_and_then_for_ever),
		cmocka_unit_test(after_a_change_of_mode_the_other_is_tried_soon_again),
		cmocka_unit_test(the_other_mode_is_left_after_an_epoch),
		cmocka_unit_test(a_window_of_writes_has_to_be_worth_its_copy),
		cmocka_unit_test(a_rest_is_not_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
