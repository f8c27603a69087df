#include "backends/behind_bound.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIB (1ull << 20)
#define SECOND_NS 1000000000ull

struct bound_fixture {
	struct backend_stats stats;
	struct behind_bound bound;
	struct behind_holder holders[3];
};

static void begin(struct bound_fixture *fixture, uint64_t max)
{
	*fixture = (struct bound_fixture){0};
	behind_bound_init(&fixture->bound, max, &fixture->stats);
}

static void end(struct bound_fixture *fixture)
{
	for (int i = 0; i < 3; i++)
		behind_bound_hold(&fixture->bound, &fixture->holders[i], 0, 0);
	assert_int_equal(backend_counted(&fixture->stats.write_memory), 0);
	assert_int_equal(behind_bound_free(&fixture->bound), fixture->bound.max);
	behind_bound_deinit(&fixture->bound);
}

static void what_one_holds_is_free_for_nobody(void **state)
{
	struct bound_fixture fixture;

	begin(&fixture, 64 * MIB);
	behind_bound_hold(&fixture.bound, &fixture.holders[0], 16 * MIB, 0);
	behind_bound_hold(&fixture.bound, &fixture.holders[1], 8 * MIB, 0);
	assert_int_equal(behind_bound_free(&fixture.bound), 40 * MIB);
	behind_bound_hold(&fixture.bound, &fixture.holders[0], 4 * MIB, 0);
	assert_int_equal(behind_bound_free(&fixture.bound), 52 * MIB);
	assert_int_equal(backend_counted(&fixture.stats.write_memory), 12 * MIB);
	end(&fixture);
}

static void what_is_on_its_way_counts_too(void **state)
{
	struct bound_fixture fixture;

	begin(&fixture, 4 * MIB);
	behind_bound_begin(&fixture.bound, 3 * MIB);
	assert_int_equal(behind_bound_free(&fixture.bound), MIB);
	behind_bound_begin(&fixture.bound, 3 * MIB);
	assert_int_equal(behind_bound_free(&fixture.bound), 0);
	behind_bound_end(&fixture.bound, 3 * MIB);
	behind_bound_end(&fixture.bound, 3 * MIB);
	end(&fixture);
}

/* Each holds what is free at the most: the last finds as much as the others have. */
static void equal_streams_leave_room_for_one_more(void **state)
{
	struct bound_fixture fixture;
	uint64_t part = 0;

	begin(&fixture, 64 * MIB);
	while (part < behind_bound_free(&fixture.bound)) {
		part += MIB;
		for (int i = 0; i < 3; i++)
			behind_bound_hold(&fixture.bound, &fixture.holders[i], part, 0);
	}
	assert_int_equal(part, 16 * MIB);
	assert_int_equal(behind_bound_free(&fixture.bound), 16 * MIB);
	end(&fixture);
}

static void who_rests_is_forgotten_until_it_writes_again(void **state)
{
	struct bound_fixture fixture;

	begin(&fixture, 64 * MIB);
	behind_bound_hold(&fixture.bound, &fixture.holders[0], 10 * MIB, SECOND_NS);
	behind_bound_hold(&fixture.bound, &fixture.holders[1], MIB, 40 * SECOND_NS);
	assert_int_equal(behind_bound_free(&fixture.bound), 53 * MIB);
	behind_bound_hold(&fixture.bound, &fixture.holders[1], MIB, 42 * SECOND_NS);
	assert_int_equal(behind_bound_free(&fixture.bound), 63 * MIB);
	behind_bound_hold(&fixture.bound, &fixture.holders[0], 11 * MIB, 43 * SECOND_NS);
	assert_int_equal(behind_bound_free(&fixture.bound), 52 * MIB);
	end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_holds_is_free_for_nobody),
		cmocka_unit_test(what_is_on_its_way_counts_too),
		cmocka_unit_test(equal_streams_leave_room_for_one_more),
		cmocka_unit_test(who_rests_is_forgotten_until_it_writes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
