#include "cache/trail/tail.h"

#include "cache/base/page_cache.h"
#include "tests/cache/trail/fixture.h"
#include "tests/support/check.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB 256ull /* pages */

static void append(struct large_file *file, uint64_t from, uint64_t to)
{
	char *piece = calloc(1, 256 * PAGE_CACHE_PAGE);

	assert_non_null(piece);
	for (uint64_t p = from; p < to; p += 256)
		assert_int_equal(pwrite(file->fd, piece, 256 * PAGE_CACHE_PAGE, (off_t)p * PAGE_CACHE_PAGE),
			256 * PAGE_CACHE_PAGE);
	free(piece);
}

/* Looks until no more than so many pages are left of the tail. */
static void look_until(
	struct tail *tail, const struct large_file *file, uint64_t pages, bool ends, uint64_t left)
{
	for (int i = 0; i < 1000; i++) {
		struct tail_look look = {.pages = pages, .ends = ends};

		assert_int_equal(tail_look(tail, file->fd, &look), 0);
		if (tail->resident <= left && tail->unwritten <= left)
			return;
		poll(NULL, 0, 10);
	}
	fail_msg("%llu pages are left, %llu of them unwritten", (unsigned long long)tail->resident,
		(unsigned long long)tail->unwritten);
}

static void what_is_complete_is_written_back_and_dropped(void **state)
{
	struct large_file file;
	struct tail tail;
	struct tail_look look = {.pages = 20 * MIB};

	large_file_make(&file, 0, 0);
	tail_begin(&tail, 0);
	append(&file, 0, 20 * MIB);
	assert_int_equal(tail_look(&tail, file.fd, &look), 0);
	assert_int_equal(look.appended, 20 * MIB);
	/* two pieces of three are complete; the last is being written */
	look_until(&tail, &file, 20 * MIB, false, 4 * MIB);
	assert_int_equal(large_file_resident(&file, 0, 16 * MIB), 0);
	assert_int_equal(large_file_resident(&file, 16 * MIB, 20 * MIB), 4 * MIB);
	assert_int_equal(tail.span.from, 16 * MIB);
	look_until(&tail, &file, 20 * MIB, true, 0);
	assert_int_equal(large_file_resident(&file, 0, 20 * MIB), 0);
	large_file_remove(&file);
}

static void what_was_there_before_is_not_the_tails(void **state)
{
	struct large_file file;
	struct tail tail;

	large_file_make(&file, 8 * MIB, 0);
	large_file_read(&file, 0, 8 * MIB);
	tail_begin(&tail, 8 * MIB);
	append(&file, 8 * MIB, 24 * MIB);
	look_until(&tail, &file, 24 * MIB, true, 0);
	assert_int_equal(large_file_resident(&file, 8 * MIB, 24 * MIB), 0);
	assert_in_range(large_file_resident(&file, 0, 8 * MIB), 7 * MIB, 8 * MIB);
	large_file_remove(&file);
}

static void a_hole_at_the_end_is_left_to_others(void **state)
{
	struct tail_look look = {.pages = 4096 * MIB};
	struct large_file file;
	struct tail tail;

	large_file_make(&file, 0, 0);
	tail_begin(&tail, 0);
	assert_return_code(ftruncate(file.fd, (off_t)(4096 * MIB) * PAGE_CACHE_PAGE), errno);
	assert_int_equal(tail_look(&tail, file.fd, &look), 0);
	assert_int_equal(tail.span.from, tail.span.to);
	append(&file, 2048 * MIB, 2056 * MIB);
	assert_int_equal(tail_look(&tail, file.fd, &look), 0);
	assert_int_equal(look.appended, 0);
	assert_int_equal(large_file_resident(&file, 2048 * MIB, 2056 * MIB), 8 * MIB);
	large_file_remove(&file);
}

static void a_file_that_was_truncated_has_a_tail_again(void **state)
{
	struct tail_look look = {.pages = 12 * MIB};
	struct large_file file;
	struct tail tail;

	large_file_make(&file, 0, 0);
	tail_begin(&tail, 0);
	append(&file, 0, 12 * MIB);
	assert_int_equal(tail_look(&tail, file.fd, &look), 0);
	assert_return_code(ftruncate(file.fd, 0), errno);
	look.pages = 0;
	assert_int_equal(tail_look(&tail, file.fd, &look), 0);
	assert_int_equal(tail.resident, 0);
	append(&file, 0, 16 * MIB);
	look_until(&tail, &file, 16 * MIB, true, 0);
	assert_int_equal(large_file_resident(&file, 0, 16 * MIB), 0);
	large_file_remove(&file);
}

static void mapped_pages_hold_up_nothing(void **state)
{
	struct large_file file;
	struct tail tail;
	void *map;

	large_file_make(&file, 0, 0);
	tail_begin(&tail, 0);
	append(&file, 0, 32 * MIB);
	map = mmap(NULL, 8 * MIB * PAGE_CACHE_PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, file.fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	look_until(&tail, &file, 32 * MIB, true, 8 * MIB);
	look_until(&tail, &file, 32 * MIB, true, 0); /* the mapped piece is another's matter by then */
	assert_int_equal(large_file_resident(&file, 8 * MIB, 32 * MIB), 0);
	munmap(map, 8 * MIB * PAGE_CACHE_PAGE);
	large_file_remove(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_complete_is_written_back_and_dropped),
		cmocka_unit_test(what_was_there_before_is_not_the_tails),
		cmocka_unit_test(a_hole_at_the_end_is_left_to_others),
		cmocka_unit_test(a_file_that_was_truncated_has_a_tail_again),
		cmocka_unit_test(mapped_pages_hold_up_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
