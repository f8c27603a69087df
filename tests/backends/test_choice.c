#include "backends/choice.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
	KIB = 1 << 10,
	MIB = 1 << 20,
	EPOCH = 16 * MIB,
};

/* Streams that always report the same cost, until the choice has seen so much. */
static enum choice_mode chosen_after(
	uint64_t window_ns, uint64_t straight_ns, uint64_t total, uint64_t *straight_bytes)
{
	struct choice choice;
	struct choice_class *class;
	enum choice_mode mode;

	choice_init(&choice, &choice_of_reads);
	class = choice_class_of(&choice, MIB);
	mode = choice_start(class);
	*straight_bytes = 0;
	for (uint64_t seen = 0; seen < total; seen += EPOCH) {
		uint64_t ns_per_mib = mode == CHOICE_WINDOW ? window_ns : straight_ns;

		if (mode == CHOICE_STRAIGHT)
			*straight_bytes += EPOCH;
		mode = choice_report(class, mode, EPOCH, ns_per_mib * (EPOCH / MIB));
	}
	return class->mode;
}

static void the_cheaper_mode_wins(void **state)
{
	uint64_t straight;

	assert_int_equal(chosen_after(1000000, 1800000, 200 * MIB, &straight), CHOICE_WINDOW);
	assert_int_equal(chosen_after(450000, 300000, 200 * MIB, &straight), CHOICE_STRAIGHT);
	assert_int_equal(chosen_after(300000, 295000, 200 * MIB, &straight), CHOICE_WINDOW);
}

static void the_dearer_mode_is_tried_more_and_more_rarely(void **state)
{
	uint64_t straight;

	chosen_after(1000000, 1800000, 16ull << 30, &straight);
	assert_in_range(straight, 2 * EPOCH, 8 * EPOCH);
}

static void a_device_that_changes_is_found_out(void **state)
{
	struct choice choice;
	struct choice_class *class;
	enum choice_mode mode;

	choice_init(&choice, &choice_of_reads);
	class = choice_class_of(&choice, MIB);
	mode = choice_start(class);
	for (uint64_t seen = 0; seen < 4ull << 30; seen += EPOCH) {
		bool changed = seen > 1ull << 30;
		uint64_t ns = (mode == CHOICE_WINDOW) == changed ? 900000 : 300000;

		mode = choice_report(class, mode, EPOCH, ns * (EPOCH / MIB));
	}
	assert_int_equal(class->mode, CHOICE_STRAIGHT);
}

/* An epoch of the other mode, which takes twice as long, is tried and lost. */
static enum choice_mode epoch(struct choice_class *class, enum choice_mode mode)
{
	uint64_t ns_per_mib = mode == CHOICE_WINDOW ? 100000 : 200000;

	return choice_report(class, mode, EPOCH, ns_per_mib * (EPOCH / MIB));
}

static void sizes_of_requests_are_measured_apart(void **state)
{
	struct choice choice;

	assert_ptr_equal(choice_class_of(&choice, 1), choice_class_of(&choice, 128 * KIB));
	assert_ptr_not_equal(choice_class_of(&choice, 128 * KIB), choice_class_of(&choice, 128 * KIB + 1));
	assert_ptr_equal(choice_class_of(&choice, 128 * KIB + 1), choice_class_of(&choice, 512 * KIB));
	assert_ptr_not_equal(choice_class_of(&choice, 512 * KIB), choice_class_of(&choice, 512 * KIB + 1));
	assert_ptr_equal(choice_class_of(&choice, 512 * KIB + 1), choice_class_of(&choice, 64 * MIB));
}

static void one_stream_alone_tries_the_other_mode(void **state)
{
	struct choice choice;
	struct choice_class *class = choice_class_of(&choice, MIB);

	choice_init(&choice, &choice_of_reads);
	assert_int_equal(epoch(class, CHOICE_WINDOW), CHOICE_STRAIGHT);
	for (int i = 0; i < 100; i++)
		assert_int_equal(epoch(class, CHOICE_WINDOW), CHOICE_WINDOW);
	assert_int_equal(epoch(class, CHOICE_STRAIGHT), CHOICE_WINDOW);
}

static void an_abandoned_trial_starts_again(void **state)
{
	struct choice choice;
	struct choice_class *class = choice_class_of(&choice, MIB);

	choice_init(&choice, &choice_of_reads);
	assert_int_equal(epoch(class, CHOICE_WINDOW), CHOICE_STRAIGHT);
	choice_abandon(class, CHOICE_WINDOW); /* another stream, which tried nothing */
	assert_int_equal(epoch(class, CHOICE_WINDOW), CHOICE_WINDOW);
	choice_abandon(class, CHOICE_STRAIGHT);
	assert_int_equal(epoch(class, CHOICE_WINDOW), CHOICE_STRAIGHT);
}

/* Bytes of the mode in use until the other one is tried. */
static uint64_t until_trial(struct choice_class *class)
{
	enum choice_mode mode = choice_start(class);
	uint64_t bytes = 0;

	while (epoch(class, mode) == mode)
		bytes += EPOCH;
	return bytes;
}

static void the_dearer_mode_is_tried_now_and_then_for_ever(void **state)
{
	struct choice choice;
	struct choice_class *class = choice_class_of(&choice, MIB);

	choice_init(&choice, &choice_of_reads);
	for (int i = 0; i < 20; i++) {
		assert_true(until_trial(class) <= 8ull << 30);
		assert_int_equal(epoch(class, CHOICE_STRAIGHT), CHOICE_WINDOW);
	}
	assert_true(until_trial(class) > 4ull << 30);
}

/* What was learnt of the old device says nothing of the new one. */
static void after_a_change_of_mode_the_other_is_tried_soon_again(void **state)
{
	struct choice choice;
	struct choice_class *class = choice_class_of(&choice, MIB);
	uint64_t bytes = 0;

	choice_init(&choice, &choice_of_reads);
	for (int i = 0; i < 10; i++) {
		until_trial(class);
		epoch(class, CHOICE_STRAIGHT);
	}
	do { /* it is believed in after some trials */
		until_trial(class);
	} while (choice_report(class, CHOICE_STRAIGHT, EPOCH, 1) != CHOICE_STRAIGHT);
	while (choice_report(class, CHOICE_STRAIGHT, EPOCH, 1) == CHOICE_STRAIGHT)
		bytes += EPOCH;
	assert_true(bytes <= 512ull << 20);
}

static void the_other_mode_is_left_after_an_epoch(void **state)
{
	struct choice_meter meter = {0};
	uint64_t now_ns = 1000000000, straight = 0;
	struct choice choice;

	choice_init(&choice, &choice_of_writes);
	for (int i = 0; i < 1024; i++) {
		enum choice_mode mode = choice_note(&choice, &meter, MIB, now_ns);

		straight += mode == CHOICE_STRAIGHT;
		now_ns += mode == CHOICE_WINDOW ? 700000 : 1100000;
	}
	assert_int_equal(meter.mode, CHOICE_WINDOW);
	assert_int_equal(straight, (choice_of_writes.settling + choice_of_writes.epoch) / MIB);
	choice_end(&meter);
}

static enum choice_mode mode_of_writes(uint64_t window_ns, uint64_t straight_ns)
{
	struct choice_meter meter = {0};
	struct choice choice;
	uint64_t now_ns = 1000000000;

	choice_init(&choice, &choice_of_writes);
	for (int i = 0; i < 4096; i++)
		now_ns +=
			choice_note(&choice, &meter, MIB, now_ns) == CHOICE_WINDOW ? window_ns : straight_ns;
	choice_end(&meter);
	return choice_start(choice_class_of(&choice, MIB));
}

static void a_window_of_writes_has_to_be_worth_its_copy(void **state)
{
	assert_int_equal(mode_of_writes(700000, 1000000), CHOICE_WINDOW);
	assert_int_equal(mode_of_writes(980000, 1000000), CHOICE_STRAIGHT);
	assert_int_equal(mode_of_writes(1200000, 1000000), CHOICE_STRAIGHT);
}

static void a_rest_is_not_measured(void **state)
{
	struct choice_meter meter = {0};
	uint64_t now_ns = 1000000000;
	struct choice choice;

	choice_init(&choice, &choice_of_reads);
	for (int i = 0; i < 1024; i++) {
		now_ns += i % 20 ? 700000 : 1000000000;
		choice_note(&choice, &meter, MIB, now_ns);
	}
	assert_int_equal(meter.class->ns_per_mib[CHOICE_WINDOW], 0);
	choice_end(&meter);
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
