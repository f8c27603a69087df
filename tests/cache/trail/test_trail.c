#include "cache/trail/trail.h"

#include "tests/cache/trail/fixture.h"
#include "tests/support/check.h"
#include "tests/support/pages.h"
#include "tests/support/random.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB 256ull /* pages */
#define ID 7
#define PAUSE_MS 4 /* after each MiB that is read */
#define WINDOW (24 * MIB)
#define SIZE (256 * MIB)
#define BOUND (SIZE / 4 * 3) /* the machine may be busy: the trail has its turns late then */

static struct trail *start(void)
{
	const struct trail_settings settings = {.window = WINDOW * 4096, .memory = 64 << 20};
	struct trail *trail;

	assert_int_equal(trail_new(&settings, &trail), 0);
	return trail;
}

static int begin(struct trail *trail, uint64_t id, int fd)
{
	const struct trail_open how = {.fd = fd, .may_stay = true, .reader = getpid()};

	return trail_begin(trail, id, &how);
}

/* Reads as a program would that the disk slows: the trail gets its turns. */
static uint64_t read_slowly(const struct large_file *file, uint64_t from, uint64_t to)
{
	uint64_t most = 0;

	for (uint64_t p = from; p < to; p += MIB) {
		large_file_read(file, p, p + MIB);
		poll(NULL, 0, PAUSE_MS);
		if (large_file_resident(file, from, to) > most)
			most = large_file_resident(file, from, to);
	}
	return most;
}

static uint64_t settled(const struct large_file *file, uint64_t pages, uint64_t most)
{
	for (int i = 0; i < 300 && large_file_resident(file, 0, pages) > most; i++)
		poll(NULL, 0, 10);
	return large_file_resident(file, 0, pages);
}

static void a_stream_keeps_to_its_window_and_leaves_nothing(void **state)
{
	struct large_file file;
	struct trail *trail = start();

	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	assert_in_range(read_slowly(&file, 0, SIZE), 0, BOUND);
	trail_end(trail, ID);
	assert_int_equal(settled(&file, SIZE, 0), 0);
	for (int i = 0; i < 100 && trail_stats(trail)->files; i++)
		poll(NULL, 0, 10);
	assert_int_equal(trail_stats(trail)->files, 0);
	assert_in_range(trail_stats(trail)->dropped_bytes, 128ull << 20, 257ull << 20);
	large_file_remove(&file);
	trail_free(trail);
}

static void stream_with_a_window_that_shrinks(void *context)
{
	const struct trail_settings settings = {.window = SIZE * 4096, .memory = SIZE * 4096};
	uint64_t *resident = context;
	struct large_file file;
	struct trail *trail;

	assert_int_equal(trail_new(&settings, &trail), 0);
	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	read_slowly(&file, 0, SIZE / 2);
	resident[0] = large_file_resident(&file, 0, SIZE / 2);
	trail_set_window(trail, WINDOW * 4096);
	read_slowly(&file, SIZE / 2, SIZE);
	resident[1] = settled(&file, SIZE, SIZE / 4);
	trail_end(trail, ID);
	large_file_remove(&file);
	trail_free(trail);
}

static void a_stream_keeps_to_the_window_of_now(void **state)
{
	uint64_t resident[2];

	run_undisturbed(stream_with_a_window_that_shrinks, resident);
	assert_in_range(resident[0], SIZE / 2 - 2 * MIB, SIZE / 2);
	assert_in_range(resident[1], 0, SIZE / 4);
}

struct stayed {
	uint64_t dense, scattered, all; /* pages at the end */
	uint64_t before;
};

#define SCATTERED (10 * MIB / 3 + 1)

static void stream_over_resident_parts(void *context)
{
	struct trail *trail = start();
	struct stayed *stayed = context;
	struct large_file file;

	large_file_make(&file, SIZE, 1);
	large_file_read(&file, 16 * MIB, 32 * MIB);
	for (uint64_t p = 170 * MIB; p < 180 * MIB; p += 3) /* in a part that the open does not look at */
		large_file_read_alone(&file, p);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	read_slowly(&file, 0, SIZE);
	trail_end(trail, ID);
	stayed->all = settled(&file, SIZE, 16 * MIB + SCATTERED);
	stayed->dense = large_file_resident(&file, 16 * MIB, 32 * MIB);
	stayed->scattered = large_file_resident(&file, 170 * MIB, 180 * MIB);
	large_file_remove(&file);
	trail_free(trail);
}

static void what_was_there_before_stays(void **state)
{
	struct stayed stayed;

	run_undisturbed(stream_over_resident_parts, &stayed);
	assert_in_range(stayed.dense, 14 * MIB, 16 * MIB);
	assert_in_range(stayed.scattered, SCATTERED / 8 * 7, SCATTERED);
	assert_in_range(stayed.all, 14 * MIB, 16 * MIB + SCATTERED);
}

static void stream_over_random_pages(void *context)
{
	struct random random = {.state = 5};
	struct trail *trail = start();
	struct stayed *stayed = context;
	struct large_file file;

	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	for (int i = 0; i < 20000; i++) {
		large_file_read_alone(&file, random_below(&random, SIZE));
		if (i % 100 == 0)
			poll(NULL, 0, PAUSE_MS);
	}
	poll(NULL, 0, 50);
	stayed->before = large_file_resident(&file, 0, SIZE);
	/* another program opens it, and reads it all */
	assert_int_equal(begin(trail, ID, -1), 0);
	poll(NULL, 0, 50);
	read_slowly(&file, 0, SIZE);
	trail_end(trail, ID);
	trail_end(trail, ID);
	stayed->all = settled(&file, SIZE, stayed->before);
	large_file_remove(&file);
	trail_free(trail);
}

static void pages_read_at_random_stay_when_a_stream_passes(void **state)
{
	struct stayed stayed;

	run_undisturbed(stream_over_random_pages, &stayed);
	assert_in_range(stayed.before, 14000, 20000);
	assert_in_range(stayed.all, stayed.before / 8 * 7, stayed.before / 8 * 9);
}

static void a_reader_that_skips_leaves_no_more_than_its_window(void **state)
{
	struct large_file file;
	struct trail *trail = start();
	uint64_t most = 0, now;

	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	for (uint64_t p = 0; p < SIZE; p += 64) {
		for (uint64_t i = p; i < p + 16; i++)
			large_file_read_alone(&file, i);
		if (p % MIB)
			continue;
		poll(NULL, 0, PAUSE_MS);
		now = large_file_resident(&file, 0, SIZE);
		most = now > most ? now : most;
	}
	assert_true(most <= BOUND);
	trail_end(trail, ID);
	assert_true(settled(&file, SIZE, 2 * MIB) <= 2 * MIB);
	large_file_remove(&file);
	trail_free(trail);
}

static void a_backward_reader_keeps_to_its_window_too(void **state)
{
	struct large_file file;
	struct trail *trail = start();
	uint64_t most = 0, now;

	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	for (uint64_t p = SIZE; p > 0; p -= MIB) {
		large_file_read(&file, p - MIB, p);
		poll(NULL, 0, PAUSE_MS);
		now = large_file_resident(&file, 0, SIZE);
		most = now > most ? now : most;
	}
	assert_in_range(most, 0, BOUND);
	trail_end(trail, ID);
	assert_int_equal(settled(&file, SIZE, 0), 0);
	large_file_remove(&file);
	trail_free(trail);
}

static void mapped_pages_stay_and_are_not_tried_again_and_again(void **state)
{
	struct large_file file;
	struct trail *trail = start();
	unsigned long long dropped;
	void *map;

	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	for (int i = 0; i < 300 && !trail_stats(trail)->looks;
		i++) /* until it has seen that there was nothing */
		poll(NULL, 0, 10);
	map = mmap(NULL, 64 * MIB * 4096, PROT_READ, MAP_SHARED | MAP_POPULATE, file.fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	poll(NULL, 0, 700);
	assert_in_range(large_file_resident(&file, 0, 64 * MIB), 60 * MIB, 64 * MIB);
	dropped = trail_stats(trail)->stuck_bytes;
	assert_true(dropped > 0 && dropped <= (4ull * 64) << 20);
	/* nor does it keep the thread awake */
	for (int i = 0; i < 300 && !trail_stats(trail)->resting; i++)
		poll(NULL, 0, 10);
	assert_int_equal(trail_stats(trail)->resting, 1);
	assert_int_equal(munmap(map, 64 * MIB * 4096), 0);
	trail_end(trail, ID);
	assert_int_equal(settled(&file, SIZE, 0), 0);
	large_file_remove(&file);
	trail_free(trail);
}

/* What a stream was seen to have is not looked at again in each look. */
static void what_the_kernel_takes_from_a_stream_is_noticed_within_a_second(void **state)
{
	struct large_file file;
	struct trail *trail = start();
	uint64_t at = 16 * MIB;

	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	read_slowly(&file, 0, at);
	assert_true(trail_stats(trail)->resident_bytes > 8 * MIB * 4096);
	assert_return_code(posix_fadvise(file.fd, 0, 14 * MIB * 4096, POSIX_FADV_DONTNEED), errno);
	for (int i = 0; i < 300 && trail_stats(trail)->resident_bytes > 8 * MIB * 4096; i++) {
		large_file_read(&file, at, at + 16); /* files that nobody reads are not looked at */
		at += 16;
		poll(NULL, 0, 10);
	}
	assert_in_range(trail_stats(trail)->resident_bytes, 1, 8 * MIB * 4096);
	trail_end(trail, ID);
	large_file_remove(&file);
	trail_free(trail);
}

static void a_file_that_nobody_reads_rests_until_the_next_read(void **state)
{
	struct large_file file;
	struct trail *trail = start();
	unsigned long long looks;

	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	for (int i = 0; i < 300 && !trail_stats(trail)->resting; i++)
		poll(NULL, 0, 10);
	assert_int_equal(trail_stats(trail)->resting, 1);
	looks = trail_stats(trail)->looks;
	poll(NULL, 0, 500);
	assert_int_equal(trail_stats(trail)->looks, looks);
	assert_in_range(read_slowly(&file, 0, SIZE), 0, BOUND);
	trail_end(trail, ID);
	large_file_remove(&file);
	trail_free(trail);
}

static void a_tick_finds_what_no_read_told_of(void **state)
{
	struct large_file file;
	struct trail *trail = start();

	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	for (int i = 0; i < 300 && !trail_stats(trail)->resting; i++)
		poll(NULL, 0, 10);
	assert_int_equal(readahead(file.fd, 0, 128 << 20), 0);
	poll(NULL, 0, 100);
	trail_tick(trail);
	assert_true(settled(&file, SIZE, BOUND) <= BOUND);
	trail_end(trail, ID);
	large_file_remove(&file);
	trail_free(trail);
}

static void a_removed_file_is_let_go_with_its_last_open(void **state)
{
	struct large_file file;
	struct trail *trail = start();

	large_file_make(&file, SIZE, 1);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	assert_int_equal(begin(trail, ID, -1), 0);
	unlink(file.path);
	trail_removed(trail, ID);
	trail_end(trail, ID);
	poll(NULL, 0, 50);
	assert_int_equal(trail_stats(trail)->files, 1);
	trail_end(trail, ID);
	for (int i = 0; i < 10 && trail_stats(trail)->files; i++) /* less than what other files linger */
		poll(NULL, 0, 20);
	assert_int_equal(trail_stats(trail)->files, 0);
	close(file.fd);
	trail_free(trail);
}

static void a_file_that_is_not_known_takes_a_descriptor(void **state)
{
	struct trail *trail = start();

	assert_int_equal(begin(trail, ID, -1), -ENOENT);
	assert_int_equal(trail_stats(trail)->refused, 0);
	trail_free(trail);
}

/* Reads a file from end to end, in an open of its own. */
static void read_whole(struct trail *trail, uint64_t id, const struct large_file *file, uint64_t pages)
{
	assert_int_equal(begin(trail, id, file->fd), 0);
	large_file_read(file, 0, pages);
	trail_end(trail, id);
}

static void what_is_read_again_and_again_stays_until_it_is_too_much(void **state)
{
	const struct trail_settings settings = {
		.window = WINDOW * 4096, .stay = 100 << 20, .memory = 64 << 20};
	struct large_file file, other;
	int keeps = pages_keep(); /* pages that others drop were not read */
	struct trail *trail;

	assert_int_equal(trail_new(&settings, &trail), 0);
	large_file_make(&file, 64 * MIB, 1);
	large_file_make(&other, 64 * MIB, 1);
	read_whole(trail, ID, &file, 64 * MIB);
	assert_int_equal(settled(&file, 64 * MIB, 0), 0);
	for (int i = 0; i < 100 && trail_stats(trail)->files; i++)
		poll(NULL, 0, 10);
	read_whole(trail, ID, &file, 64 * MIB);
	poll(NULL, 0, 800);
	assert_int_equal(trail_stats(trail)->staying, 1);
	assert_int_equal(trail_stats(trail)->staying_bytes, 64 << 20);
	assert_in_range(
		large_file_resident(&file, 0, 64 * MIB), 1, 64 * MIB); /* others may have dropped some */
	/* the other one has to come again and again to take its place */
	for (int i = 0; i < 6; i++) {
		read_whole(trail, ID + 1, &other, 64 * MIB);
		for (int j = 0; j < 100 && trail_stats(trail)->files; j++)
			poll(NULL, 0, 10);
	}
	assert_int_equal(settled(&file, 64 * MIB, 0), 0);
	assert_int_equal(trail_stats(trail)->staying, 1);
	trail_limit_staying(trail, 10 << 20);
	assert_int_equal(settled(&other, 64 * MIB, 0), 0);
	for (int i = 0; i < 100 && trail_stats(trail)->staying_bytes; i++)
		poll(NULL, 0, 10);
	assert_int_equal(trail_stats(trail)->staying_bytes, 0);
	large_file_remove(&file);
	large_file_remove(&other);
	trail_free(trail);
	close(keeps);
}

struct opener {
	struct trail *trail;
	int fd;
};

static void *open_and_close(void *context)
{
	const struct opener *opener = context;

	for (int i = 0; i < 3000; i++) {
		const struct trail_open how = {.fd = opener->fd, .may_stay = true};

		if (trail_begin(opener->trail, ID, &how) < 0)
			return context;
		if (i % 3 == 0)
			trail_removed(opener->trail, ID); /* its next close is followed by the last look */
		trail_end(opener->trail, ID);
	}
	return NULL;
}

static void opens_and_closes_race_with_the_last_look(void **state)
{
	const struct trail_settings settings = {.window = WINDOW * 4096, .stay = 1 << 30, .memory = 64 << 20};
	struct large_file file;
	struct opener opener;
	pthread_t threads[2];
	void *failed;

	assert_int_equal(trail_new(&settings, &opener.trail), 0);
	large_file_make(&file, 64 * MIB, 1);
	opener.fd = file.fd;
	read_whole(opener.trail, ID, &file, 64 * MIB);
	settled(&file, 64 * MIB, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &opener), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	trail_limit_staying(opener.trail, 0);
	for (int i = 0; i < 200; i++) { /* until the thread has seen that */
		if (!trail_stats(opener.trail)->files && !trail_stats(opener.trail)->staying_bytes)
			break;
		poll(NULL, 0, 10);
	}
	assert_int_equal(trail_stats(opener.trail)->files, 0);
	assert_int_equal(trail_stats(opener.trail)->staying_bytes, 0);
	large_file_remove(&file);
	trail_free(opener.trail);
}

static uint64_t little_memory(pid_t reader)
{
	assert_int_equal(reader, getpid());
	return 100 << 20;
}

static void no_file_stays_that_is_too_much_for_its_readers_group(void **state)
{
	const struct trail_settings settings = {
		.window = WINDOW * 4096, .stay = 1 << 30, .memory = 64 << 20, .memory_of = little_memory};
	struct large_file file;
	struct trail *trail;

	assert_int_equal(trail_new(&settings, &trail), 0);
	large_file_make(&file, 64 * MIB, 1);
	for (int i = 0; i < 3; i++) {
		read_whole(trail, ID, &file, 64 * MIB);
		assert_int_equal(settled(&file, 64 * MIB, 0), 0);
		for (int j = 0; j < 100 && trail_stats(trail)->files; j++)
			poll(NULL, 0, 10);
	}
	assert_int_equal(trail_stats(trail)->staying, 0);
	large_file_remove(&file);
	trail_free(trail);
}

static void a_file_may_shrink_and_grow_while_it_is_read(void **state)
{
	struct large_file file;
	struct trail *trail = start();

	large_file_make(&file, SIZE, 1);
	large_file_read(&file, 200 * MIB, SIZE);
	assert_int_equal(begin(trail, ID, file.fd), 0);
	read_slowly(&file, 0, 40 * MIB);
	assert_int_equal(ftruncate(file.fd, 10 << 20), 0);
	trail_truncated(trail, ID, 10 << 20);
	assert_int_equal(ftruncate(file.fd, 256 << 20), 0);
	read_slowly(&file, 0, SIZE);
	trail_end(trail, ID);
	/* what was kept of the old file is none of the new one's */
	assert_int_equal(settled(&file, SIZE, 0), 0);
	large_file_remove(&file);
	trail_free(trail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_keeps_to_its_window_and_leaves_nothing),
		cmocka_unit_test(a_stream_keeps_to_the_window_of_now),
		cmocka_unit_test(what_was_there_before_stays),
		cmocka_unit_test(pages_read_at_random_stay_when_a_stream_passes),
		cmocka_unit_test(a_reader_that_skips_leaves_no_more_than_its_window),
		cmocka_unit_test(a_backward_reader_keeps_to_its_window_too),
		cmocka_unit_test(mapped_pages_stay_and_are_not_tried_again_and_again),
		cmocka_unit_test(what_the_kernel_takes_from_a_stream_is_noticed_within_a_second),
		cmocka_unit_test(a_file_that_nobody_reads_rests_until_the_next_read),
		cmocka_unit_test(a_tick_finds_what_no_read_told_of),
		cmocka_unit_test(a_removed_file_is_let_go_with_its_last_open),
		cmocka_unit_test(a_file_that_is_not_known_takes_a_descriptor),
		cmocka_unit_test(what_is_read_again_and_again_stays_until_it_is_too_much),
		cmocka_unit_test(no_file_stays_that_is_too_much_for_its_readers_group),
		cmocka_unit_test(opens_and_closes_race_with_the_last_look),
		cmocka_unit_test(a_file_may_shrink_and_grow_while_it_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
