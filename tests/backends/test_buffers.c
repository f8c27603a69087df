#include "backends/buffers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum {
	MANY = 40,
};

static struct backend_stats stats;

static int forget_stats(void **state)
{
	memset(&stats, 0, sizeof(stats));
	return 0;
}

static uint64_t memory_in_buffers(void)
{
	return backend_counted(&stats.memory) / BUFFER_SIZE;
}

static void no_more_are_given_than_fit_into_the_memory(void **state)
{
	struct buffer *taken[3];
	struct buffers buffers;

	buffers_init(&buffers, 3 * BUFFER_SIZE + BUFFER_SIZE / 2, &stats);
	assert_int_equal(backend_counted(&stats.memory_max), 3 * BUFFER_SIZE);
	for (int i = 0; i < 3; i++) {
		taken[i] = buffers_take(&buffers);
		assert_non_null(taken[i]);
		memset(taken[i]->data, i, BUFFER_SIZE);
		assert_int_equal((uintptr_t)taken[i]->data % 4096, 0);
	}
	assert_int_equal(backend_counted(&stats.memory_refused), 0);
	assert_null(buffers_take(&buffers));
	assert_int_equal(backend_counted(&stats.memory_refused), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(taken[i]->data[BUFFER_SIZE - 1], i);
	buffers_give(&buffers, taken[0]);
	taken[0] = buffers_take(&buffers);
	assert_non_null(taken[0]);
	assert_null(buffers_take(&buffers));
	for (int i = 0; i < 3; i++)
		buffers_give(&buffers, taken[i]);
	buffers_deinit(&buffers);
}

static void one_is_given_where_there_is_memory_for_none(void **state)
{
	struct buffers buffers;
	struct buffer *only;

	buffers_init(&buffers, 0, &stats);
	only = buffers_take(&buffers);
	assert_non_null(only);
	assert_null(buffers_take(&buffers));
	buffers_give(&buffers, only);
	buffers_give(&buffers, NULL);
	buffers_deinit(&buffers);
}

static void a_few_that_were_given_back_are_kept_and_taken_again(void **state)
{
	struct buffer *taken[MANY];
	struct buffers buffers;
	uint64_t kept;

	buffers_init(&buffers, MANY * (size_t)BUFFER_SIZE, &stats);
	for (int i = 0; i < MANY; i++)
		taken[i] = buffers_take(&buffers);
	assert_int_equal(memory_in_buffers(), MANY);
	for (int i = 0; i < MANY; i++)
		buffers_give(&buffers, taken[i]);
	kept = memory_in_buffers();
	assert_in_range(kept, 1, MANY / 2);
	taken[0] = buffers_take(&buffers);
	assert_int_equal(memory_in_buffers(), kept);
	for (int i = 1; i < MANY; i++)
		taken[i] = buffers_take(&buffers);
	assert_int_equal(memory_in_buffers(), MANY);
	for (int i = 0; i < MANY; i++)
		buffers_give(&buffers, taken[i]);
	assert_int_equal(memory_in_buffers(), kept);
	buffers_deinit(&buffers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(no_more_are_given_than_fit_into_the_memory, forget_stats),
		cmocka_unit_test_setup(one_is_given_where_there_is_memory_for_none, forget_stats),
		cmocka_unit_test_setup(a_few_that_were_given_back_are_kept_and_taken_again, forget_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
