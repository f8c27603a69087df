#include "cache/policy/rereads.h"
#include "tests/support/check.h"

#define FILES 40

struct world {
	struct rereads rereads;
	struct reread files[FILES];
	struct reread *leaver;
};

static void begin(struct world *world, uint64_t limit)
{
	*world = (struct world){0};
	rereads_init(&world->rereads, limit);
}

/* Reads the file whole, if it is not there. Returns whether it was. */
static bool read_file(struct world *world, unsigned i, uint64_t size)
{
	bool there = world->files[i].size > 0;

	if (!rereads_opened(&world->rereads, &world->files[i], i + 1, size, &world->leaver))
		rereads_whole(&world->rereads, i + 1);
	assert_true(world->rereads.used <= world->rereads.limit);
	return there;
}

static void a_file_stays_from_its_second_reading_on(void **state)
{
	struct world world;

	begin(&world, 100);
	assert_false(read_file(&world, 0, 60));
	assert_false(read_file(&world, 0, 60));
	assert_true(read_file(&world, 0, 60));
	assert_int_equal(world.rereads.used, 60);
	rereads_leave(&world.rereads, &world.files[0]);
	assert_int_equal(world.rereads.used, 0);
	rereads_leave(&world.rereads, &world.files[0]);
	rereads_deinit(&world.rereads);
}

static void what_is_larger_than_the_limit_never_stays(void **state)
{
	struct world world;

	begin(&world, 100);
	for (int i = 0; i < 10; i++)
		assert_false(read_file(&world, 0, 101));
	rereads_deinit(&world.rereads);
	begin(&world, 0);
	for (int i = 0; i < 10; i++)
		assert_false(read_file(&world, 0, 1));
	rereads_deinit(&world.rereads);
}

/* Where LRU would find nothing. */
static void of_a_round_that_does_not_fit_a_part_stays(void **state)
{
	struct world world;
	int hits = 0;

	begin(&world, 100);
	for (int round = 0; round < 10; round++) {
		hits = 0;
		for (unsigned i = 0; i < 20; i++)
			hits += read_file(&world, i, 10);
	}
	assert_in_range(hits, 8, 10);
	rereads_deinit(&world.rereads);
}

static void what_is_not_read_any_more_makes_room(void **state)
{
	struct world world;
	int hits = 0;

	begin(&world, 100);
	for (int round = 0; round < 3; round++)
		for (unsigned i = 0; i < 10; i++)
			read_file(&world, i, 10);
	for (int round = 0; round < 10; round++) {
		hits = 0;
		for (unsigned i = 20; i < 30; i++)
			hits += read_file(&world, i, 10);
	}
	assert_int_equal(hits, 10);
	rereads_deinit(&world.rereads);
}

static void a_lower_limit_names_who_has_to_go(void **state)
{
	struct world world;
	int left = 0;

	begin(&world, 100);
	for (int round = 0; round < 2; round++)
		for (unsigned i = 0; i < 10; i++)
			read_file(&world, i, 10);
	while (rereads_limit(&world.rereads, 35))
		left++;
	assert_int_equal(left, 7);
	assert_int_equal(world.rereads.used, 30);
	rereads_deinit(&world.rereads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_stays_from_its_second_reading_on),
		cmocka_unit_test(what_is_larger_than_the_limit_never_stays),
		cmocka_unit_test(of_a_round_that_does_not_fit_a_part_stays),
		cmocka_unit_test(what_is_not_read_any_more_makes_room),
		cmocka_unit_test(a_lower_limit_names_who_has_to_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
