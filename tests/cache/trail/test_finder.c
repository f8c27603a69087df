#include "cache/trail/finder.h"

#include "cache/base/page_cache.h"
#include "tests/cache/trail/fixture.h"
#include "tests/support/check.h"
#include "tests/support/random.h"
#include <stdlib.h>

#define MIB 256ull /* pages */
#define GIB (1024 * MIB)

/* Questions that the kernel was asked, and pages that it has walked over for them. */
static unsigned asked;
static uint64_t walked;

int __real_page_cache_count(int fd, off_t offset, uint64_t size, struct page_cache_counts *counts);
int __wrap_page_cache_count(int fd, off_t offset, uint64_t size, struct page_cache_counts *counts);

int __wrap_page_cache_count(int fd, off_t offset, uint64_t size, struct page_cache_counts *counts)
{
	int r = __real_page_cache_count(fd, offset, size, counts);

	asked++;
	walked += r == 0 ? counts->cached : 0;
	return r;
}

struct found {
	struct spans kept;
	struct span apart;
	struct finder finder;
	struct extent extents[FINDER_EXTENTS];
	int count;
};

static struct found *prepare(struct large_file *file, uint64_t pages, int sparse)
{
	struct found *found = calloc(1, sizeof(*found));

	assert_non_null(found);
	large_file_make(file, pages, sparse);
	spans_init(&found->kept, 1000);
	return found;
}

static void find_after(struct found *found, const struct large_file *file, const struct found *before,
	const struct spans *known)
{
	assert_int_equal(finder_prepare(&found->finder, file->fd, &found->kept, found->apart), 0);
	found->finder.known = known;
	asked = 0;
	walked = 0;
	found->count = finder_find(&found->finder, before ? before->extents : NULL,
		before ? (size_t)before->count : 0, found->extents);
	assert_true(found->count >= 0);
}

static void find(struct found *found, const struct large_file *file)
{
	find_after(found, file, NULL, NULL);
}

static void finish(struct found *found, struct large_file *file)
{
	spans_deinit(&found->kept);
	free(found);
	large_file_remove(file);
}

static void every_resident_page_is_in_an_extent(void **state)
{
	struct random random = {.state = 3};
	struct large_file file;
	struct found *found = prepare(&file, 64 * MIB, 0);
	uint64_t sum = 0;

	for (int i = 0; i < 200; i++)
		large_file_read_alone(&file, random_below(&random, 64 * MIB));
	large_file_read(&file, 10 * MIB, 20 * MIB);
	find(found, &file);
	for (int i = 0; i < found->count; i++) {
		const struct extent *e = &found->extents[i];

		assert_int_equal(e->pages, large_file_resident(&file, e->from, e->to));
		sum += e->pages;
	}
	assert_int_equal(sum, large_file_resident(&file, 0, 64 * MIB));
	assert_int_equal(finder_count(&found->finder), sum);
	finish(found, &file);
}

static void stretches_without_holes_are_extents_of_their_own(void **state)
{
	struct large_file file;
	struct found *found = prepare(&file, 64 * MIB, 0);

	large_file_read(&file, 8 * MIB, 16 * MIB);
	large_file_read(&file, 24 * MIB, 28 * MIB);
	find(found, &file);
	assert_int_equal(found->count, 2);
	assert_int_equal(found->extents[0].from, 8 * MIB);
	assert_int_equal(found->extents[0].to, 16 * MIB);
	assert_int_equal(found->extents[1].from, 24 * MIB);
	assert_int_equal(found->extents[1].pages, 4 * MIB);
	finish(found, &file);
}

static void kept_pages_are_not_found(void **state)
{
	struct large_file file;
	struct found *found = prepare(&file, 64 * MIB, 0);

	large_file_read(&file, 0, 20 * MIB);
	for (uint64_t p = 30 * MIB; p < 31 * MIB; p += 2)
		large_file_read_alone(&file, p);
	assert_int_equal(finder_picture(file.fd, 0, 64 * MIB, &found->kept), 0);
	assert_int_equal(spans_covered(&found->kept, 0, 64 * MIB), large_file_resident(&file, 0, 64 * MIB));
	find(found, &file);
	assert_int_equal(found->count, 0);
	assert_int_equal(finder_count(&found->finder), 0);
	large_file_read(&file, 40 * MIB, 42 * MIB);
	find(found, &file);
	assert_int_equal(found->count, 1);
	assert_int_equal(found->extents[0].pages, 2 * MIB);
	finish(found, &file);
}

/* The cost is that of the pages, and of the file's size no more than its logarithm. */
static void finding_a_window_takes_few_questions_in_a_file_of_any_size(void **state)
{
	static const struct {
		uint64_t pages;
		unsigned most;
	} files[] = {{GIB, 60}, {100 * GIB, 75}, {1024 * GIB, 90}};

	for (size_t i = 0; i < 3; i++) {
		struct large_file file;
		struct found *found = prepare(&file, files[i].pages, 1);
		uint64_t from = files[i].pages / 7 * 5;

		large_file_read(&file, from, from + 32 * MIB);
		find(found, &file);
		assert_int_equal(found->count, 1);
		if (asked > files[i].most)
			fail_msg("%u questions for %llu pages", asked, (unsigned long long)files[i].pages);
		asked = 0;
		assert_int_equal(finder_count(&found->finder), 32 * MIB);
		assert_int_equal(asked, 1);
		finish(found, &file);
	}
}

static uint64_t pages_of(const struct found *found)
{
	uint64_t sum = 0;

	for (int i = 0; i < found->count; i++)
		sum += found->extents[i].pages;
	return sum;
}

/* A stream went on by two MiB: a search costs no more than a few times that. */
static void what_is_known_is_not_walked_over_again(void **state)
{
	struct large_file file;
	struct found *before = prepare(&file, 1024 * MIB, 0), *found = calloc(1, sizeof(*found));
	struct spans known;

	assert_non_null(found);
	spans_init(&found->kept, 1000);
	spans_init(&known, 8);
	large_file_read(&file, 10 * MIB, 42 * MIB);
	find(before, &file);
	assert_int_equal(spans_add(&known, 10 * MIB, 41 * MIB), 0);
	large_file_read(&file, 42 * MIB, 44 * MIB);
	find_after(found, &file, before, &known);
	assert_in_range(walked, 3 * MIB, 12 * MIB);
	assert_int_equal(pages_of(found), large_file_resident(&file, 0, 1024 * MIB));
	assert_int_equal(finder_count(&found->finder), pages_of(found));
	find_after(found, &file, before, NULL);
	assert_true(walked > 60 * MIB);
	assert_int_equal(pages_of(found), large_file_resident(&file, 0, 1024 * MIB));
	spans_deinit(&known);
	free(found);
	finish(before, &file);
}

/* Its pages have left since: none is found beyond what is known and what is there. */
static void what_is_known_and_has_left_is_found_all_the_same(void **state)
{
	struct large_file file;
	struct found *found = prepare(&file, 64 * MIB, 0);
	struct spans known;

	spans_init(&known, 8);
	assert_int_equal(spans_add(&known, 10 * MIB, 20 * MIB), 0);
	large_file_read(&file, 18 * MIB, 22 * MIB);
	find_after(found, &file, NULL, &known);
	assert_int_equal(found->count, 1);
	assert_int_equal(found->extents[0].from, 10 * MIB);
	assert_int_equal(found->extents[0].to, 22 * MIB);
	spans_deinit(&known);
	finish(found, &file);
}

static void more_pieces_than_there_is_room_for_are_in_the_last_extent(void **state)
{
	struct large_file file;
	struct found *found = prepare(&file, 40 * GIB, 1);
	uint64_t sum = 0;

	for (uint64_t i = 0; i < FINDER_EXTENTS + 50; i++)
		large_file_read_alone(&file, i * 2 * FINDER_GAP);
	find(found, &file);
	assert_int_equal(found->count, FINDER_EXTENTS);
	for (int i = 0; i < found->count; i++)
		sum += found->extents[i].pages;
	assert_int_equal(sum, FINDER_EXTENTS + 50);
	finish(found, &file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_resident_page_is_in_an_extent),
		cmocka_unit_test(stretches_without_holes_are_extents_of_their_own),
		cmocka_unit_test(kept_pages_are_not_found),
		cmocka_unit_test(finding_a_window_takes_few_questions_in_a_file_of_any_size),
		cmocka_unit_test(what_is_known_is_not_walked_over_again),
		cmocka_unit_test(what_is_known_and_has_left_is_found_all_the_same),
		cmocka_unit_test(more_pieces_than_there_is_room_for_are_in_the_last_extent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
