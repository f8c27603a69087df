#include "cache/policy/trailing.h"
#include "tests/support/check.h"
#include <string.h>

/* A hundred of the tests' pages are a piece. */
#define UNITS(x) ((x)*TRAILING_PIECE / 100)
#define WINDOW UNITS(1000)
#define MS 10 /* from picture to picture */

/* What is known from picture to picture. */
struct story {
	struct extent extents[8];
	size_t count;
	int64_t now_ms;
};

/* The next picture shows these; the verdicts are in story->extents. */
static unsigned picture(struct story *story, const struct extent *now, size_t count)
{
	struct extent next[8];
	unsigned streams;

	memcpy(next, now, count * sizeof(*now));
	story->now_ms += MS;
	streams = trailing_judge(story->extents, story->count, next, count, WINDOW, story->now_ms);
	memcpy(story->extents, next, count * sizeof(*next));
	story->count = count;
	return streams;
}

#define EXTENT(a, b, n)                                             \
	{                                                           \
		.from = UNITS(a), .to = UNITS(b), .pages = UNITS(n) \
	}

static void assert_drop(const struct extent *e, uint64_t from, uint64_t to)
{
	assert_int_equal(e->verdict, TRAILING_DROP);
	assert_int_equal(e->drop.from, UNITS(from));
	assert_int_equal(e->drop.to, UNITS(to));
}

static void of_a_stream_the_window_behind_its_front_stays(void **state)
{
	struct story story = {.count = 0};

	assert_int_equal(picture(&story, (struct extent[]){EXTENT(0, 5000, 5000)}, 1), 1);
	assert_drop(&story.extents[0], 0, 4000);
	assert_int_equal(picture(&story, (struct extent[]){EXTENT(4000, 9000, 5000)}, 1), 1);
	assert_drop(&story.extents[0], 4000, 8000);
	assert_int_equal(picture(&story, (struct extent[]){EXTENT(8000, 9000, 1000)}, 1), 0);
	assert_int_equal(story.extents[0].verdict, TRAILING_LEAVE);
}

static void a_stream_that_goes_backwards_keeps_its_beginning(void **state)
{
	struct story story = {.count = 0};

	picture(&story, (struct extent[]){EXTENT(9500, 10000, 500)}, 1);
	assert_int_equal(picture(&story, (struct extent[]){EXTENT(5000, 10000, 5000)}, 1), 1);
	assert_drop(&story.extents[0], 6000, 10000);
}

static void two_streams_in_a_file_keep_a_window_each(void **state)
{
	struct story story = {.count = 0};

	picture(&story, (struct extent[]){EXTENT(0, 600, 600), EXTENT(50000, 50600, 600)}, 2);
	assert_int_equal(
		picture(&story, (struct extent[]){EXTENT(0, 3000, 3000), EXTENT(50000, 53000, 3000)}, 2), 2);
	assert_drop(&story.extents[0], 0, 2000);
	assert_drop(&story.extents[1], 50000, 52000);
}

static void a_reader_that_skips_is_a_stream(void **state)
{
	struct story story = {.count = 0};

	picture(&story, (struct extent[]){EXTENT(0, 8000, 1000)}, 1);
	assert_int_equal(story.extents[0].verdict, TRAILING_LEAVE);
	assert_int_equal(picture(&story, (struct extent[]){EXTENT(0, 32000, 4000)}, 1), 1);
	assert_drop(&story.extents[0], 0, 24000);
}

static void what_fills_up_between_its_ends_is_read_at_random(void **state)
{
	struct story story = {.count = 0};

	picture(&story, (struct extent[]){EXTENT(100, 100000, 1000)}, 1);
	assert_int_equal(picture(&story, (struct extent[]){EXTENT(0, 100100, 3000)}, 1), 0);
	assert_int_equal(story.extents[0].verdict, TRAILING_RANDOM);
}

static void a_record_that_is_being_read_is_not_told_yet(void **state)
{
	struct story story = {.count = 0};

	picture(&story, (struct extent[]){EXTENT(800, 900, 10), EXTENT(1000, 2700, 1700)}, 2);
	picture(&story, (struct extent[]){EXTENT(800, 1000, 140), EXTENT(1000, 2700, 1700)}, 2);
	assert_int_equal(story.extents[0].verdict, TRAILING_LEAVE);
	assert_false(story.extents[0].stream);
}

static void a_stream_between_random_pages_is_told_from_them(void **state)
{
	struct story story = {.count = 0};

	picture(&story, (struct extent[]){EXTENT(0, 700, 700), EXTENT(20000, 90000, 900)}, 2);
	picture(&story, (struct extent[]){EXTENT(0, 4700, 4700), EXTENT(20000, 90000, 2000)}, 2);
	assert_drop(&story.extents[0], 0, 3600); /* 3700, but for the folio there */
	assert_int_equal(story.extents[1].verdict, TRAILING_RANDOM);
}

static void no_folio_lies_across_the_end_of_what_is_dropped(void **state)
{
	for (unsigned length = 1300; length < 2500; length += 100) {
		struct story forwards = {.count = 0}, backwards = {.count = 0};

		picture(&forwards, (struct extent[]){EXTENT(100, 1100, 1000)}, 1);
		picture(&forwards, (struct extent[]){EXTENT(100, length, length - 100)}, 1);
		picture(&backwards, (struct extent[]){EXTENT(8900, 9900, 1000)}, 1);
		picture(&backwards, (struct extent[]){EXTENT(10000 - length, 9900, length - 100)}, 1);
		if (length >= 1400) { /* the first folio that is not in the window is complete */
			assert_int_equal(forwards.extents[0].verdict, TRAILING_DROP);
			assert_int_equal(forwards.extents[0].drop.to % TRAILING_FOLIO, 0);
		} else {
			assert_int_equal(forwards.extents[0].verdict, TRAILING_LEAVE);
		}
		if (backwards.extents[0].verdict == TRAILING_DROP)
			assert_int_equal(backwards.extents[0].drop.from % TRAILING_FOLIO, 0);
	}
}

static void a_reader_that_rests_keeps_its_pages_for_half_a_second(void **state)
{
	struct story story = {.count = 0};
	int ms = 0;

	picture(&story, (struct extent[]){EXTENT(0, 900, 900), EXTENT(50000, 50600, 600)}, 2);
	for (; ms < TRAILING_REST_MS - MS; ms += MS) {
		picture(&story, (struct extent[]){EXTENT(0, 900, 900), EXTENT(50000, 50600 + ms, 600 + ms)},
			2);
		assert_int_equal(story.extents[0].verdict, TRAILING_LEAVE);
	}
	picture(&story, (struct extent[]){EXTENT(0, 900, 900), EXTENT(50000, 50600 + ms, 600 + ms)}, 2);
	assert_drop(&story.extents[0], 0, 900);
}

static void pieces_that_never_grow_are_left_alone_in_the_end(void **state)
{
	struct story story = {.count = 0};

	picture(&story, (struct extent[]){EXTENT(10, 20, 10)}, 1);
	story.now_ms += TRAILING_REST_MS;
	picture(&story, (struct extent[]){EXTENT(10, 20, 10)}, 1);
	assert_int_equal(story.extents[0].verdict, TRAILING_RANDOM);
}

static void at_the_end_streams_keep_nothing_and_scattered_pages_stay(void **state)
{
	const struct extent before[] = {{.from = 0, .to = UNITS(8000), .pages = UNITS(1000), .stream = true}};
	struct extent now[] = {EXTENT(0, 8000, 1000), EXTENT(20000, 20900, 900), EXTENT(30000, 39000, 60),
		EXTENT(50000, 50032, 32)};

	trailing_end(before, 1, now, 4);
	assert_drop(&now[0], 0, 8000);
	assert_drop(&now[1], 20000, 20900);
	assert_int_equal(now[2].verdict, TRAILING_LEAVE);
	assert_int_equal(now[3].verdict, TRAILING_LEAVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_stream_the_window_behind_its_front_stays),
		cmocka_unit_test(a_stream_that_goes_backwards_keeps_its_beginning),
		cmocka_unit_test(two_streams_in_a_file_keep_a_window_each),
		cmocka_unit_test(a_reader_that_skips_is_a_stream),
		cmocka_unit_test(what_fills_up_between_its_ends_is_read_at_random),
		cmocka_unit_test(a_record_that_is_being_read_is_not_told_yet),
		cmocka_unit_test(a_stream_between_random_pages_is_told_from_them),
		cmocka_unit_test(no_folio_lies_across_the_end_of_what_is_dropped),
		cmocka_unit_test(a_reader_that_rests_keeps_its_pages_for_half_a_second),
		cmocka_unit_test(pieces_that_never_grow_are_left_alone_in_the_end),
		cmocka_unit_test(at_the_end_streams_keep_nothing_and_scattered_pages_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
