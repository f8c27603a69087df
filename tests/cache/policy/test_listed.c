#include "cache/policy/listed.h"
#include "tests/support/check.h"

#define DIRS 200

static struct listed listed;
static uint8_t uses[DIRS];
static uint32_t last_thread;

static int forget_all(void **state)
{
	listed = (struct listed){0};
	for (unsigned i = 0; i < DIRS; i++)
		uses[i] = 0;
	return 0;
}

static bool opens(uint32_t thread, unsigned dir)
{
	return listed_opened(&listed, &uses[dir], thread, dir + 1);
}

static void asks(uint32_t thread, unsigned dir, unsigned files)
{
	for (unsigned i = 0; i < files; i++)
		listed_asked(&listed, &uses[dir], thread, dir + 1);
}

/* A new process lists all directories, and looks up so many names of each that it gets without attributes.
 * Returns how many directories come from the cache. */
static unsigned walk(unsigned files)
{
	uint32_t thread = ++last_thread;
	unsigned cached = 0;

	for (unsigned dir = 0; dir < DIRS; dir++) {
		if (opens(thread, dir)) {
			cached++;
			asks(thread, dir, files);
		} else {
			listed_went_on(&listed, &uses[dir], thread, false);
		}
	}
	return cached;
}

static unsigned walk_as_ls(void)
{
	uint32_t thread = ++last_thread;
	unsigned cached = 0;

	for (unsigned dir = 0; dir < DIRS; dir++) {
		cached += opens(thread, dir);
		listed_went_on(&listed, &uses[dir], thread, true);
	}
	return cached;
}

static void names_alone_always_come_from_the_cache(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(walk(0), DIRS);
}

static void a_thread_that_looks_names_up_gets_attributes(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(walk(50), 1);
}

static void small_directories_add_up(void **state)
{
	assert_in_range(walk(LISTED_MANY - 2), 2, 4);
}

static void a_few_names_are_no_sign(void **state)
{
	assert_int_equal(walk(1), DIRS);
}

static void who_goes_on_with_attributes_keeps_them(void **state)
{
	assert_int_equal(walk_as_ls(), 1);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(walk_as_ls(), 0);
}

static void those_who_want_attributes_do_not_keep_others_from_the_cache(void **state)
{
	walk(0);
	for (unsigned i = 0; i < 20; i++) {
		walk(50);
		assert_in_range(walk(0), DIRS - 1 - i, DIRS - 1);
		walk_as_ls();
		assert_in_range(walk(0), DIRS - 2 - i, DIRS - 1);
	}
}

static void a_long_walk_is_checked_again(void **state)
{
	unsigned cached = 0;

	assert_true(opens(1, 0));
	asks(1, 0, LISTED_MANY);
	for (unsigned i = 0; i < LISTED_TRUST; i++)
		cached += opens(1, 1);
	assert_int_equal(cached, 0);
	assert_true(opens(1, 1));
}

static void names_alone_come_from_the_cache_again_soon(void **state)
{
	unsigned walks = 0;

	walk_as_ls();
	while (walk(0) < DIRS)
		walks++;
	assert_in_range(walks, 1, 5);
}

static void other_threads_that_look_names_up_count_for_the_directory(void **state)
{
	assert_true(opens(1, 0));
	for (uint32_t thread = 2; thread < 2 + LISTED_MANY; thread++)
		asks(thread, 0, 1);
	assert_false(opens(1, 0));
	assert_true(opens(1, 1));
	for (unsigned i = 1; i < LISTED_WAIT; i++)
		assert_false(opens(1, 0));
	assert_true(opens(1, 0));
}

static void what_is_looked_up_without_a_listing_is_no_sign(void **state)
{
	asks(1, 0, 1000);
	assert_true(opens(1, 0));
}

#define TEST(name) cmocka_unit_test_setup(name, forget_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_alone_always_come_from_the_cache),
		TEST(a_thread_that_looks_names_up_gets_attributes),
		TEST(small_directories_add_up),
		TEST(a_few_names_are_no_sign),
		TEST(who_goes_on_with_attributes_keeps_them),
		TEST(those_who_want_attributes_do_not_keep_others_from_the_cache),
		TEST(a_long_walk_is_checked_again),
		TEST(names_alone_come_from_the_cache_again_soon),
		TEST(other_threads_that_look_names_up_count_for_the_directory),
		TEST(what_is_looked_up_without_a_listing_is_no_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
