#include "backends/behind.h"
#include "backends/resident.h"
#include "tests/backends/fixture.h"
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

enum {
	WINDOW = 1 << 20,
	PIECE = 100000,
};

static void note(struct behind *behind, off_t offset, size_t size, bool cached)
{
	struct behind_range left = behind_note(behind, offset, size, cached, WINDOW);

	assert_true(left.from == left.to);
}

static void assert_range(struct behind_range range, off_t from, off_t to)
{
	assert_int_equal(range.from, from);
	assert_int_equal(range.to, to);
}

/* Whatever the sizes: each byte is begun once, settled once after that, and no more than two windows and a
 * write are left. */
static void check_stream(size_t size, off_t first)
{
	struct behind behind = {0};
	off_t begun = first - first % 4096, settled = begun;

	for (off_t offset = first; offset < first + 20 * WINDOW; offset += (off_t)size) {
		struct behind_work work;

		note(&behind, offset, size, true);
		if (!behind_is_full(&behind, WINDOW))
			continue;
		work = behind_take(&behind, WINDOW);
		assert_int_equal(work.begin.from, begun);
		assert_int_equal(work.begin.to % WINDOW, 0);
		if (work.settle.from != work.settle.to)
			assert_range(work.settle, settled, begun);
		settled = begun;
		begun = work.begin.to;
		assert_true(begun > offset + (off_t)size - WINDOW);
		assert_false(behind_is_full(&behind, WINDOW));
	}
	assert_range(behind_end(&behind, WINDOW), settled, behind.end);
}

static void a_stream_of_any_size_is_begun_and_settled_once(void **state)
{
	static const size_t sizes[] = {
		4096, PIECE, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW + 5, 7 * WINDOW};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		check_stream(sizes[i], 0);
		check_stream(sizes[i], 5 * WINDOW + 4097);
	}
}

static void writes_out_of_order_are_one_stream(void **state)
{
	struct behind behind = {0};

	note(&behind, PIECE, PIECE, true);
	note(&behind, 0, PIECE, true);
	for (off_t i = 2; i < 11; i++)
		note(&behind, (i ^ 1) * PIECE, PIECE, true);
	assert_true(behind_is_full(&behind, WINDOW));
	assert_range(behind_take(&behind, WINDOW).begin, 0, WINDOW);
}

static void what_another_stream_left_is_settled_when_one_begins(void **state)
{
	struct behind behind = {0};
	off_t far = 100 * (off_t)WINDOW;

	note(&behind, 0, PIECE, true);
	note(&behind, far, 2 * WINDOW, true); /* a single small write is none */
	assert_range(behind_note(&behind, 0, PIECE, true, WINDOW), far, far + 2 * WINDOW);
	assert_range(behind_note(&behind, far, PIECE, true, WINDOW), 0, 0);
}

static void few_bytes_far_apart_fill_no_window(void **state)
{
	struct behind behind = {0};

	for (off_t i = 0; i < 100; i++) {
		note(&behind, i * WINDOW, 4096, true);
		assert_false(behind_is_full(&behind, WINDOW));
	}
}

static void nothing_is_done_where_nothing_was_cached(void **state)
{
	struct behind behind = {0};
	struct behind_work work;

	note(&behind, 0, WINDOW, true);
	work = behind_take(&behind, WINDOW);
	assert_range(work.begin, 0, WINDOW);
	note(&behind, WINDOW, WINDOW, false);
	work = behind_take(&behind, WINDOW);
	assert_range(work.begin, 0, 0);
	assert_range(work.settle, 0, WINDOW);
	note(&behind, 2 * WINDOW, WINDOW, false);
	work = behind_take(&behind, WINDOW);
	assert_range(work.begin, 0, 0);
	assert_range(work.settle, 0, 0);
	assert_range(behind_end(&behind, WINDOW), 0, 0);
}

static void a_window_is_full_at_its_last_byte(void **state)
{
	struct behind behind = {0};

	note(&behind, 0, WINDOW - 1, true);
	assert_false(behind_is_full(&behind, WINDOW));
	note(&behind, WINDOW - 1, 1, true);
	assert_true(behind_is_full(&behind, WINDOW));
}

/* What filled it does not count for the next one. */
static void a_full_window_begins_a_fresh_one(void **state)
{
	struct behind behind = {0};

	note(&behind, 0, WINDOW, true);
	assert_range(behind_take(&behind, WINDOW).begin, 0, WINDOW);
	for (off_t i = 1; i < 100; i++) {
		note(&behind, i * WINDOW, 4096, true);
		assert_false(behind_is_full(&behind, WINDOW));
	}
}

static void a_stream_shorter_than_a_window_leaves_nothing_to_do(void **state)
{
	struct behind behind = {0};

	note(&behind, 0, WINDOW - 1, true);
	assert_range(behind_end(&behind, WINDOW), 0, 0);
	note(&behind, WINDOW - 1, WINDOW, true);
	assert_range(behind_end(&behind, WINDOW), (WINDOW - 1) & ~4095, 2 * WINDOW - 1);
}

static void a_write_into_what_is_there_moves_no_end(void **state)
{
	struct behind behind = {0};

	note(&behind, 0, WINDOW, true);
	note(&behind, WINDOW / 2, 4096, true);
	assert_true(behind_is_full(&behind, WINDOW));
	assert_range(behind_end(&behind, WINDOW), 0, WINDOW);
}

static void what_was_not_waited_for_is_dirty(void **state)
{
	struct behind behind = {0};

	note(&behind, 0, WINDOW, true);
	assert_int_equal(behind_dirty(&behind), WINDOW);
	assert_int_equal(behind_take(&behind, WINDOW).settle_dirty, 0);
	note(&behind, WINDOW, WINDOW, true);
	assert_int_equal(behind_dirty(&behind), 2 * WINDOW);
	assert_int_equal(behind_take(&behind, WINDOW).settle_dirty, WINDOW);
	assert_int_equal(behind_dirty(&behind), WINDOW);
	note(&behind, 2 * WINDOW, WINDOW, false); /* around the page cache */
	assert_int_equal(behind_take(&behind, WINDOW).settle_dirty, WINDOW);
	assert_int_equal(behind_dirty(&behind), 0);
}

static void what_is_written_twice_is_dirty_once(void **state)
{
	struct behind behind = {0};

	for (int i = 0; i < 1000; i++)
		note(&behind, 0, PIECE, true);
	assert_int_equal(behind_dirty(&behind), PIECE);
}

static void all_is_taken_up_to_the_last_whole_page(void **state)
{
	struct behind behind = {0};
	struct behind_work work;

	note(&behind, 0, WINDOW, true);
	behind_take(&behind, WINDOW);
	note(&behind, WINDOW, PIECE, true);
	work = behind_take_all(&behind);
	assert_range(work.begin, 0, 0);
	assert_range(work.settle, 0, (WINDOW + PIECE) & ~4095);
	assert_int_equal(work.settle_dirty, WINDOW + PIECE);
	assert_int_equal(behind_dirty(&behind), 0);
	note(&behind, WINDOW + PIECE, PIECE, true);
	assert_range(behind_take_all(&behind).settle, (WINDOW + PIECE) & ~4095, (WINDOW + 2 * PIECE) & ~4095);
}

static void the_part_of_a_page_that_was_left_is_settled_at_the_end(void **state)
{
	struct behind behind = {0};

	note(&behind, 0, WINDOW + PIECE, true);
	behind_take_all(&behind);
	assert_range(behind_end(&behind, WINDOW), (WINDOW + PIECE) & ~4095, WINDOW + PIECE);
	note(&behind, WINDOW + PIECE, WINDOW, false);
	behind_take_all(&behind);
	assert_range(behind_end(&behind, WINDOW), 0, 0);
}

/* A file that is small so far: all of it goes once it is large. */
static void what_was_kept_is_dropped_later(void **state)
{
	struct behind behind = {0};
	struct behind_work work;

	for (off_t i = 0; i < 4; i++) {
		note(&behind, i * WINDOW, WINDOW, true);
		work = behind_take(&behind, WINDOW);
		behind_keep(&behind, &work);
		assert_true(work.keep);
		assert_int_equal(work.settle_dirty, i ? WINDOW : 0);
	}
	assert_int_equal(behind_dirty(&behind), WINDOW);
	assert_range(behind_end(&behind, WINDOW), 0, 4 * WINDOW);
}

static void what_was_kept_is_dropped_though_the_rest_went_around_the_page_cache(void **state)
{
	struct behind behind = {0};
	struct behind_work work;

	note(&behind, 0, WINDOW, true);
	behind_take(&behind, WINDOW);
	note(&behind, WINDOW, WINDOW, false);
	work = behind_take(&behind, WINDOW);
	assert_range(work.settle, 0, WINDOW);
	behind_keep(&behind, &work);
	assert_range(behind_end(&behind, WINDOW), 0, 2 * WINDOW);
}

struct waiting_job {
	struct behind_job job;
	sem_t done;
};

static void job_done(struct behind_job *job)
{
	sem_post(&((struct waiting_job *)job)->done);
}

/* By cachestat(2). */
static uint64_t dirty_pages(int fd, uint64_t offset, uint64_t size)
{
	uint64_t range[2] = {offset, size}, counts[5];

	assert_return_code(syscall(SYS_cachestat, fd, range, counts, 0), errno);
	return counts[1] + counts[2]; /* dirty, and being written */
}

static void run_job(bool threads_only, bool keep)
{
	const struct engine_settings settings = {.threads_only = threads_only};
	struct backend_stats stats = {0};
	struct waiting_job waiting;
	struct fixture fixture;
	struct engine *engine;
	unsigned char *buf = buffer_new(WINDOW);

	fixture_init(&fixture, ".", 4 * WINDOW);
	for (off_t offset = 0; offset < 4 * WINDOW; offset += WINDOW) /* a folio is dropped as a whole */
		assert_int_equal(pwrite(fixture.fd, buf, WINDOW, offset), WINDOW);
	assert_int_equal(engine_new(&settings, &engine), 0);
	waiting.job = (struct behind_job){
		.engine = engine,
		.stats = &stats,
		.fd = fixture.fd,
		.work = {.begin = {3 * WINDOW, 4 * WINDOW}, .settle = {WINDOW, 3 * WINDOW}, .keep = keep},
		.done = job_done,
	};
	sem_init(&waiting.done, 0, 0);
	behind_run(&waiting.job);
	while (sem_wait(&waiting.done) < 0)
		;
	assert_int_equal(backend_counted(&stats.dropped_bytes), keep ? 0 : 2 * WINDOW);
	assert_int_equal(resident_pages(fixture.fd, WINDOW, 2 * WINDOW), keep ? 2 * WINDOW / 4096 : 0);
	assert_int_equal(dirty_pages(fixture.fd, WINDOW, 2 * WINDOW), 0);
	assert_int_equal(resident_pages(fixture.fd, 0, WINDOW), WINDOW / 4096);
	assert_int_equal(resident_pages(fixture.fd, 3 * WINDOW, WINDOW), WINDOW / 4096);
	/* what was begun is soon clean, though nobody waits for it */
	for (int i = 0; i < 500 && dirty_pages(fixture.fd, 3 * WINDOW, WINDOW) > 0; i++)
		poll(NULL, 0, 10);
	assert_int_equal(dirty_pages(fixture.fd, 3 * WINDOW, WINDOW), 0);
	engine_free(engine);
	close(fixture.fd);
	unlink(fixture.path);
	free(buf);
}

static void a_job_drops_what_it_settles_and_keeps_what_it_begins(void **state)
{
	if (syscall(SYS_cachestat, -1, NULL, NULL, 0) < 0 && errno == ENOSYS) {
		print_message("skipped: the kernel has no cachestat(2)\n");
		skip();
	}
	for (int i = 0; i < 4; i++)
		run_job(i & 1, i & 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_of_any_size_is_begun_and_settled_once),
		cmocka_unit_test(writes_out_of_order_are_one_stream),
		cmocka_unit_test(what_another_stream_left_is_settled_when_one_begins),
		cmocka_unit_test(few_bytes_far_apart_fill_no_window),
		cmocka_unit_test(nothing_is_done_where_nothing_was_cached),
		cmocka_unit_test(a_window_is_full_at_its_last_byte),
		cmocka_unit_test(a_full_window_begins_a_fresh_one),
		cmocka_unit_test(a_stream_shorter_than_a_window_leaves_nothing_to_do),
		cmocka_unit_test(a_write_into_what_is_there_moves_no_end),
		cmocka_unit_test(what_was_not_waited_for_is_dirty),
		cmocka_unit_test(what_is_written_twice_is_dirty_once),
		cmocka_unit_test(all_is_taken_up_to_the_last_whole_page),
		cmocka_unit_test(the_part_of_a_page_that_was_left_is_settled_at_the_end),
		cmocka_unit_test(what_was_kept_is_dropped_later),
		cmocka_unit_test(what_was_kept_is_dropped_though_the_rest_went_around_the_page_cache),
		cmocka_unit_test(a_job_drops_what_it_settles_and_keeps_what_it_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
