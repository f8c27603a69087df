#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cache/policy/glob.h"

static void a_pattern_without_a_slash_matches_names_anywhere(void **state)
{
	assert_true(glob_match("*.o", "/a.o"));
	assert_true(glob_match("*.o", "/deep/below/a.o"));
	assert_false(glob_match("*.o", "/deep.o/below"));
	assert_true(glob_match("a?c", "/x/abc"));
	assert_false(glob_match("a?c", "/x/ac"));
}

static void a_star_stays_within_a_name_and_two_go_across(void **state)
{
	assert_true(glob_match("/src/*.c", "/src/main.c"));
	assert_false(glob_match("/src/*.c", "/src/deep/main.c"));
	assert_true(glob_match("/src/**.c", "/src/deep/main.c"));
	assert_true(glob_match("/src/**", "/src/a/b/c"));
	assert_false(glob_match("/src/**", "/srcs/a"));
	assert_true(glob_match("**/cache/**", "/home/x/cache/y"));
	assert_true(glob_match("/*/*/*.h", "/usr/include/stdio.h"));
	assert_true(glob_match("/a*b*c/**/x?z", "/aXbYc/1/2/xyz"));
	assert_false(glob_match("/a*b*c/**/x?z", "/aXbYd/1/2/xyz"));
	assert_true(glob_match("**", "/anything/at/all"));
}

static void sets_take_ranges_and_negation(void **state)
{
	assert_true(glob_match("[a-c]1", "/b1"));
	assert_false(glob_match("[a-c]1", "/d1"));
	assert_true(glob_match("[!a-c]1", "/d1"));
	assert_true(glob_match("[]x]", "/]"));
	assert_true(glob_match("[a-]", "/-"));
	assert_false(glob_match("/a[!b]c", "/a/c")); /* a set is never a slash */
}

static void wrong_patterns_are_told(void **state)
{
	assert_null(glob_check("*.[ch]"));
	assert_null(glob_check("/a/**/b"));
	assert_null(glob_check("**/b"));
	assert_non_null(glob_check("src/*.c"));
	assert_non_null(glob_check("*.[ch"));
	assert_non_null(glob_check("[]"));
	assert_non_null(glob_check(""));
}

static void many_stars_end_in_time(void **state)
{
	char path[2001], pattern[] = "/a*a*a*a*a*a*a*a**a*a*a*a**a*a*a*a*b";

	memset(path, 'a', 2000);
	path[0] = '/';
	path[2000] = '\0';
	assert_false(glob_match(pattern, path));
}

static void ranges_hold_their_ends(void **state)
{
	assert_true(glob_match("[a-c]1", "/a1"));
	assert_true(glob_match("[a-c]1", "/c1"));
	assert_false(glob_match("[b-c]1", "/a1"));
	assert_false(glob_match("[!a-c]1", "/a1"));
	assert_false(glob_match("[!a-c]1", "/c1"));
	assert_true(glob_match("[!]x]", "/y"));
	assert_false(glob_match("[!]x]", "/]"));
	assert_false(glob_match("[a-]", "/b"));
}

static void a_question_mark_is_no_slash(void **state)
{
	assert_true(glob_match("/a?c", "/abc"));
	assert_false(glob_match("/a?c", "/a/c"));
}

/* What a star before two of them could have matched is of no interest any more. */
static void two_stars_begin_anew(void **state)
{
	assert_true(glob_match("/*a/**/b", "/xa/c/d/b"));
	assert_false(glob_match("/*a/**/b", "/x/a/c/d"));
	assert_true(glob_match("/*/**b", "/x/ab/ab"));
	assert_true(glob_match("/*.d/**.c", "/x.d/a/b.d/c.c"));
	assert_true(glob_match("/*a**bac", "/axbac"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_without_a_slash_matches_names_anywhere),
		cmocka_unit_test(a_star_stays_within_a_name_and_two_go_across),
		cmocka_unit_test(sets_take_ranges_and_negation),
		cmocka_unit_test(wrong_patterns_are_told),
		cmocka_unit_test(many_stars_end_in_time),
		cmocka_unit_test(ranges_hold_their_ends),
		cmocka_unit_test(a_question_mark_is_no_slash),
		cmocka_unit_test(two_stars_begin_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
