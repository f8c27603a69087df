#include "cache/policy/queue_class.h"
#include "tests/support/check.h"

/* A thread, and what the kernel counts of it. */
struct thread {
	struct queue_class class;
	struct queue_class_facts facts;
	int64_t now_ms;
};

/* Until its next look it runs so many times, waiting so long before each. */
static bool go_on(struct thread *thread, uint64_t slices, uint64_t wait_us)
{
	int64_t before_ms = thread->now_ms;

	thread->now_ms = queue_class_next_ms(&thread->class);
	if (!thread->class.is_known)
		thread->now_ms = before_ms + QUEUE_CLASS_NORMAL_LOOK_MS;
	thread->facts.slices += slices;
	thread->facts.run_ns += slices * 3000;
	thread->facts.wait_ns += slices * wait_us * 1000;
	return queue_class_look(&thread->class, &thread->facts, thread->now_ms);
}

static struct thread idle_thread(void)
{
	struct thread thread = {0};

	go_on(&thread, 0, 0);
	assert_true(go_on(&thread, 1000, 2));
	return thread;
}

static void a_busy_thread_enters_the_idle_class(void **state)
{
	struct thread thread = {0};

	assert_false(go_on(&thread, 1000, 2)); /* since when, is not known yet */
	assert_true(go_on(&thread, 1000, 2));
	for (unsigned i = 0; i < 1000; i++)
		assert_true(go_on(&thread, 20, 5));
	assert_int_equal(thread.class.returns, 0);
}

static void a_thread_with_few_requests_stays_in_the_normal_class(void **state)
{
	struct thread thread = {0};

	for (unsigned i = 0; i < 100; i++)
		assert_false(go_on(&thread, QUEUE_CLASS_BUSY - 1, 2));
}

static void a_thread_in_the_normal_class_is_looked_at_once_a_second(void **state)
{
	struct thread thread = {0};

	go_on(&thread, 0, 0);
	assert_int_equal(queue_class_next_ms(&thread.class) - thread.now_ms, QUEUE_CLASS_NORMAL_LOOK_MS);
	thread = idle_thread();
	assert_int_equal(queue_class_next_ms(&thread.class) - thread.now_ms, QUEUE_CLASS_IDLE_LOOK_MS);
}

static void a_thread_without_requests_leaves_the_class_without_a_penalty(void **state)
{
	struct thread thread = idle_thread();
	int64_t since_ms = thread.now_ms;

	while (go_on(&thread, 0, 0))
		assert_true(thread.now_ms - since_ms < QUEUE_CLASS_NORMAL_LOOK_MS);
	assert_int_equal(thread.class.returns, 0);
	assert_true(go_on(&thread, 1000, 2));
}

/* It has not run between two looks. */
static struct thread resting_thread(void)
{
	struct thread thread = {0};

	go_on(&thread, 0, 0);
	go_on(&thread, 0, 0);
	assert_true(thread.class.is_resting);
	return thread;
}

static void a_thread_that_gets_requests_after_a_rest_enters_the_class_within_milliseconds(void **state)
{
	struct thread thread = resting_thread();

	thread.now_ms += 700;
	queue_class_wake(&thread.class, thread.now_ms);
	assert_false(thread.class.is_resting);
	assert_int_equal(queue_class_next_ms(&thread.class) - thread.now_ms, QUEUE_CLASS_FIRST_LOOK_MS);
	assert_true(go_on(&thread, QUEUE_CLASS_FEWEST, 2));
}

static void a_thread_that_is_busy_from_its_start_enters_the_class_within_milliseconds(void **state)
{
	struct thread thread = {0};

	go_on(&thread, 100, 2);
	queue_class_wake(&thread.class, thread.now_ms);
	assert_int_equal(queue_class_next_ms(&thread.class) - thread.now_ms, QUEUE_CLASS_FIRST_LOOK_MS);
	assert_true(go_on(&thread, QUEUE_CLASS_FEWEST, 2));
}

static void a_thread_that_gets_requests_more_slowly_enters_the_class_later(void **state)
{
	struct thread thread = resting_thread();

	queue_class_wake(&thread.class, thread.now_ms);
	assert_false(go_on(&thread, QUEUE_CLASS_FEWEST - 1, 2));
	assert_true(go_on(&thread, QUEUE_CLASS_FEWEST, 2));
}

static void after_a_single_request_the_looks_become_as_seldom_as_before(void **state)
{
	struct thread thread = resting_thread();
	unsigned looks = 0;

	queue_class_wake(&thread.class, thread.now_ms);
	assert_false(go_on(&thread, 1, 2));
	for (; queue_class_next_ms(&thread.class) - thread.now_ms < QUEUE_CLASS_NORMAL_LOOK_MS; looks++)
		assert_false(go_on(&thread, 0, 0));
	assert_in_range(looks, 1, 10);
}

static void only_a_thread_that_did_not_run_and_did_not_wait_is_at_rest(void **state)
{
	struct thread thread = resting_thread();

	go_on(&thread, 1, 2);
	assert_false(thread.class.is_resting);
	thread = idle_thread();
	go_on(&thread, 0, 0);
	assert_false(thread.class.is_resting);
	thread.facts.runnable = true;
	assert_false(go_on(&thread, 0, 0));
	assert_false(thread.class.is_resting);
	thread = idle_thread();
	while (go_on(&thread, 0, 0))
		;
	assert_true(thread.class.is_resting);
}

static void a_request_of_a_thread_that_does_not_rest_changes_nothing(void **state)
{
	struct thread thread = idle_thread();
	int64_t next_ms = queue_class_next_ms(&thread.class);

	queue_class_wake(&thread.class, thread.now_ms + 3);
	assert_int_equal(queue_class_next_ms(&thread.class), next_ms);
}

static void a_thread_that_rested_keeps_its_time_outside_the_class(void **state)
{
	struct thread thread = idle_thread();
	int64_t left_ms;

	while (thread.class.penalty_ms < 8 * QUEUE_CLASS_PENALTY_MS) {
		assert_false(go_on(&thread, 5, 3000));
		left_ms = thread.now_ms;
		while (!go_on(&thread, 1000, 2))
			;
	}
	assert_false(go_on(&thread, 5, 3000));
	left_ms = thread.now_ms;
	assert_false(go_on(&thread, 0, 0));
	queue_class_wake(&thread.class, thread.now_ms);
	while (!go_on(&thread, 1000, 2))
		;
	assert_true(thread.now_ms - left_ms >= 16 * QUEUE_CLASS_PENALTY_MS);
}

static void a_thread_that_gets_no_time_leaves_the_class_at_the_next_look(void **state)
{
	struct thread thread = idle_thread();

	thread.facts.runnable = true;
	assert_false(go_on(&thread, 0, 0));
	assert_int_equal(thread.class.returns, 1);
}

static void a_thread_that_sleeps_does_not_count_as_waiting(void **state)
{
	struct thread thread = idle_thread();

	assert_true(go_on(&thread, 0, 0));
	assert_int_equal(thread.class.returns, 0);
}

static void a_thread_that_runs_all_the_time_does_not_count_as_waiting(void **state)
{
	struct thread thread = idle_thread();

	thread.facts.runnable = true;
	thread.facts.run_ns += QUEUE_CLASS_IDLE_LOOK_MS * 1000000; /* in one slice */
	assert_true(go_on(&thread, 0, 0));
}

static void a_thread_that_waits_long_for_each_slice_leaves_the_class(void **state)
{
	struct thread thread = idle_thread();

	assert_false(go_on(&thread, 5, 3000));
	thread = idle_thread();
	assert_true(
		go_on(&thread, 1, 1000)); /* a single wait that is short beside the time between two looks */
	assert_true(go_on(&thread, 5000, 4)); /* each is short, though they add up to all of the time */
}

static void the_time_outside_the_class_doubles_up_to_a_minute(void **state)
{
	struct thread thread = idle_thread();
	int64_t expected_ms = QUEUE_CLASS_PENALTY_MS;

	for (unsigned i = 0; i < 12; i++) {
		int64_t left_ms;

		assert_false(go_on(&thread, 5, 3000));
		left_ms = thread.now_ms;
		while (!go_on(&thread, 1000, 2))
			;
		assert_int_equal(thread.now_ms - left_ms, expected_ms);
		expected_ms = expected_ms < QUEUE_CLASS_PENALTY_MAX_MS ? 2 * expected_ms : expected_ms;
	}
}

static void after_a_long_time_in_the_class_the_penalty_starts_anew(void **state)
{
	struct thread thread = idle_thread();
	int64_t left_ms;

	for (unsigned i = 0; i < 5; i++) {
		assert_false(go_on(&thread, 5, 3000));
		while (!go_on(&thread, 1000, 2))
			;
	}
	for (int64_t until_ms = thread.now_ms + QUEUE_CLASS_PENALTY_MAX_MS; thread.now_ms < until_ms;)
		assert_true(go_on(&thread, 20, 5));
	assert_false(go_on(&thread, 5, 3000));
	left_ms = thread.now_ms;
	while (!go_on(&thread, 1000, 2))
		;
	assert_int_equal(thread.now_ms - left_ms, QUEUE_CLASS_PENALTY_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_thread_enters_the_idle_class),
		cmocka_unit_test(a_thread_with_few_requests_stays_in_the_normal_class),
		cmocka_unit_test(a_thread_in_the_normal_class_is_looked_at_once_a_second),
		cmocka_unit_test(a_thread_without_requests_leaves_the_class_without_a_penalty),
		cmocka_unit_test(
			a_thread_that_gets_requests_after_a_rest_enters_the_class_within_milliseconds),
		cmocka_unit_test(a_thread_that_is_busy_from_its_start_enters_the_class_within_milliseconds),
		cmocka_unit_test(a_thread_that_gets_requests_more_slowly_enters_the_class_later),
		cmocka_unit_test(after_a_single_request_the_looks_become_as_seldom_as_before),
		cmocka_unit_test(only_a_thread_that_did_not_run_and_did_not_wait_is_at_rest),
		cmocka_unit_test(a_request_of_a_thread_that_does_not_rest_changes_nothing),
		cmocka_unit_test(a_thread_that_rested_keeps_its_time_outside_the_class),
		cmocka_unit_test(a_thread_that_gets_no_time_leaves_the_class_at_the_next_look),
		cmocka_unit_test(a_thread_that_sleeps_does_not_count_as_waiting),
		cmocka_unit_test(a_thread_that_runs_all_the_time_does_not_count_as_waiting),
		cmocka_unit_test(a_thread_that_waits_long_for_each_slice_leaves_the_class),
		cmocka_unit_test(the_time_outside_the_class_doubles_up_to_a_minute),
		cmocka_unit_test(after_a_long_time_in_the_class_the_penalty_starts_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
