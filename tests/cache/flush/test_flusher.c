#include "cache/flush/flusher.h"

#include "cache/base/clock.h"
#include "cache/base/page_cache.h"
#include "tests/support/check.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPIRE_MS 400
#define PERIOD_MS 50
#define LIMIT_MS 10000 /* the machine may be busy */
#define SIZE (1 << 20)
#define MANY 20000

struct sample {
	char path[32];
	int fd;
	int error;    /* that opening it brings */
	sem_t *hangs; /* opening it waits for this */
	atomic_int holds;
};

static struct flusher *flusher;
static atomic_int failures;
static bool as_expected;

static int open_sample(void *context, void *file)
{
	struct sample *sample = file;
	int fd;

	if (sample->hangs)
		sem_wait(sample->hangs);
	fd = open(sample->path, O_RDONLY | O_CLOEXEC);
	if (!sample->error)
		return fd < 0 ? -errno : fd;
	close(fd);
	return sample->error;
}

static void hold_sample(void *context, void *file)
{
	atomic_fetch_add(&((struct sample *)file)->holds, 1);
}

static void let_go_of_sample(void *context, void *file)
{
	atomic_fetch_sub(&((struct sample *)file)->holds, 1);
}

static void sample_failed(void *context, void *file, int error)
{
	assert_int_equal(-error, ((struct sample *)file)->error);
	atomic_fetch_add(&failures, 1);
}

static struct dirty_limits complete(struct dirty_limits limits)
{
	limits.expire_ms = limits.expire_ms ? limits.expire_ms : DIRTY_NEVER;
	limits.background = limits.background ? limits.background : DIRTY_UNLIMITED;
	limits.max = limits.max ? limits.max : DIRTY_UNLIMITED;
	limits.files = limits.files ? limits.files : SIZE_MAX;
	limits.period_ms = PERIOD_MS;
	return limits;
}

static void start(struct dirty_limits limits)
{
	const struct flusher_host host = {.open = open_sample,
		.hold = hold_sample,
		.let_go = let_go_of_sample,
		.failed = sample_failed};

	limits = complete(limits);
	failures = 0;
	assert_int_equal(flusher_new(&limits, &host, &flusher), 0);
}

static uint64_t dirty_bytes(const struct sample *sample)
{
	int fd = open(sample->path, O_RDONLY | O_CLOEXEC);
	struct page_cache_counts counts;

	assert_int_equal(page_cache_count(fd, 0, 0, &counts), 0);
	close(fd);
	return counts.dirty * PAGE_CACHE_PAGE;
}

static void open_for_writing(struct sample *sample, const struct flusher_open *how)
{
	sample->fd = open(sample->path, (how->may_map ? O_RDWR : O_WRONLY) | O_CLOEXEC);
	assert_return_code(sample->fd, errno);
	assert_true(flusher_begin(flusher, sample, how));
}

static void make(struct sample *sample, const struct flusher_open *how)
{
	*sample = (struct sample){.path = "sample-XXXXXX"};
	close(mkstemp(sample->path));
	open_for_writing(sample, how);
}

static void write_some(const struct sample *sample, size_t size)
{
	static char bytes[SIZE];

	assert_int_equal(pwrite(sample->fd, bytes, size, 0), size);
}

static void close_it(struct sample *sample)
{
	flusher_end(flusher, sample, sample->fd);
	close(sample->fd);
}

static void write_and_close(struct sample *sample, size_t size)
{
	make(sample, &(struct flusher_open){.device = 1});
	write_some(sample, size);
	close_it(sample);
}

/* Whether all that the flusher knows is gone in time. */
static bool comes_to_an_end(void)
{
	for (int ms = 0; ms < LIMIT_MS && flusher_stats(flusher)->files; ms += 10)
		poll(NULL, 0, 10);
	return flusher_stats(flusher)->files == 0;
}

static void finish(struct sample *samples, int count)
{
	flusher_free(flusher);
	for (int i = 0; i < count; i++) {
		assert_int_equal(samples[i].holds, 0);
		unlink(samples[i].path);
	}
}

/*
 * Others may have the kernel write everything back meanwhile. A scenario whose files have to stay dirty is
 * run again then: it notes what it found by expect().
 */
static void expect(bool found)
{
	as_expected &= found;
}

static void run_undisturbed(void (*scenario)(void))
{
	for (int tries = 0; tries < 5; tries++) {
		struct sample canary = {.path = "sample-XXXXXX"};
		bool disturbed;

		canary.fd = mkstemp(canary.path);
		write_some(&canary, SIZE);
		as_expected = true;
		scenario();
		disturbed = dirty_bytes(&canary) < SIZE;
		close(canary.fd);
		unlink(canary.path);
		if (as_expected)
			return;
		if (!disturbed)
			fail_msg("not as expected, though nobody disturbed it");
	}
	SKIP_TEST("others write everything back all the time");
}

static void age_scenario(void)
{
	int64_t began_ms;
	struct sample sample;

	start((struct dirty_limits){.expire_ms = EXPIRE_MS});
	began_ms = clock_now_ms();
	write_and_close(&sample, SIZE);
	expect(flusher_stats(flusher)->dirty_bytes == SIZE);
	assert_true(comes_to_an_end());
	expect(clock_now_ms() - began_ms >= EXPIRE_MS);
	assert_int_equal(dirty_bytes(&sample), 0);
	expect(flusher_stats(flusher)->started_bytes == SIZE);
	assert_int_equal(failures, 0);
	finish(&sample, 1);
}

static void a_closed_file_is_written_back_at_its_age(void **state)
{
	run_undisturbed(age_scenario);
}

static void an_open_file_is_written_back_at_its_age(void **state)
{
	struct sample sample;

	start((struct dirty_limits){.expire_ms = EXPIRE_MS});
	make(&sample, &(struct flusher_open){.device = 1});
	write_some(&sample, SIZE);
	for (int ms = 0; ms < LIMIT_MS && dirty_bytes(&sample); ms += 10)
		poll(NULL, 0, 10);
	assert_int_equal(dirty_bytes(&sample), 0);
	assert_int_equal(flusher_stats(flusher)->files, 1);
	close_it(&sample);
	assert_true(comes_to_an_end());
	finish(&sample, 1);
}

static void amount_scenario(void)
{
	struct sample samples[3];

	start((struct dirty_limits){.background = (2 * SIZE + 1) / PAGE_CACHE_PAGE});
	for (int i = 0; i < 3; i++) {
		write_and_close(&samples[i], SIZE);
		poll(NULL, 0, 20);
	}
	for (int ms = 0; ms < LIMIT_MS && flusher_stats(flusher)->files > 2; ms += 10)
		poll(NULL, 0, 10);
	assert_int_equal(dirty_bytes(&samples[0]), 0);
	expect(dirty_bytes(&samples[1]) == SIZE);
	expect(dirty_bytes(&samples[2]) == SIZE);
	finish(samples, 3);
}

static void above_an_amount_the_oldest_is_written_back(void **state)
{
	run_undisturbed(amount_scenario);
}

static void the_amount_of_an_open_file_is_seen(void **state)
{
	struct sample sample;

	start((struct dirty_limits){.background = SIZE / 2 / PAGE_CACHE_PAGE});
	make(&sample, &(struct flusher_open){.device = 1});
	poll(NULL, 0, 200);
	write_some(&sample, SIZE);
	/* what came after the last count may stay, as little as it is */
	for (int ms = 0; ms < LIMIT_MS && dirty_bytes(&sample) > SIZE / 2; ms += 10)
		poll(NULL, 0, 10);
	assert_in_range(dirty_bytes(&sample), 0, SIZE / 2);
	close_it(&sample);
	finish(&sample, 1);
}

static void a_file_closed_clean_is_forgotten_at_once(void **state)
{
	struct sample sample;

	start((struct dirty_limits){.expire_ms = EXPIRE_MS});
	make(&sample, &(struct flusher_open){.device = 1});
	write_some(&sample, SIZE);
	assert_return_code(fdatasync(sample.fd), errno);
	close_it(&sample);
	assert_int_equal(flusher_stats(flusher)->files, 0);
	assert_int_equal(flusher_stats(flusher)->looks, 0);
	finish(&sample, 1);
}

static void removed_scenario(void)
{
	struct sample samples[2];

	start((struct dirty_limits){.expire_ms = EXPIRE_MS});
	write_and_close(&samples[0], SIZE);
	make(&samples[1], &(struct flusher_open){.device = 1});
	write_some(&samples[1], SIZE);
	for (int i = 0; i < 2; i++)
		flusher_removed(flusher, &samples[i]);
	assert_int_equal(flusher_stats(flusher)->files, 1); /* which is open */
	poll(NULL, 0, 2 * EXPIRE_MS);
	assert_int_equal(flusher_stats(flusher)->started_bytes, 0);
	expect(flusher_stats(flusher)->spared_bytes == SIZE);
	close_it(&samples[1]);
	assert_int_equal(flusher_stats(flusher)->files, 0);
	finish(samples, 2);
}

static void a_removed_file_is_spared(void **state)
{
	run_undisturbed(removed_scenario);
}

static void nameless_scenario(void)
{
	struct sample sample;

	start((struct dirty_limits){.expire_ms = EXPIRE_MS});
	make(&sample, &(struct flusher_open){.device = 1, .nameless = true});
	write_some(&sample, SIZE);
	poll(NULL, 0, 2 * EXPIRE_MS);
	assert_int_equal(flusher_stats(flusher)->looks, 0);
	flusher_named(flusher, &sample);
	close_it(&sample);
	assert_true(comes_to_an_end());
	expect(flusher_stats(flusher)->started_bytes == SIZE);
	finish(&sample, 1);
}

static void a_file_without_a_name_is_written_back_once_it_has_one(void **state)
{
	run_undisturbed(nameless_scenario);
}

static void opened_again_scenario(void)
{
	struct sample sample;
	int64_t began_ms;

	start((struct dirty_limits){.expire_ms = EXPIRE_MS});
	began_ms = clock_now_ms();
	write_and_close(&sample, SIZE);
	while (clock_now_ms() - began_ms < EXPIRE_MS / 2) {
		open_for_writing(&sample, &(struct flusher_open){.device = 1});
		write_some(&sample, SIZE);
		close_it(&sample);
		poll(NULL, 0, 10);
	}
	expect(flusher_stats(flusher)->oldest_ms >= EXPIRE_MS / 2);
	assert_true(comes_to_an_end());
	finish(&sample, 1);
}

static void a_file_opened_again_stays_as_old_as_it_was(void **state)
{
	run_undisturbed(opened_again_scenario);
}

/* A mapping outlives the descriptor. */
static void what_is_stored_after_the_close_is_written_back(void **state)
{
	struct sample sample;
	char *map;

	start((struct dirty_limits){.expire_ms = EXPIRE_MS});
	make(&sample, &(struct flusher_open){.device = 1, .may_map = true});
	assert_return_code(ftruncate(sample.fd, SIZE), errno);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, sample.fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close_it(&sample);
	assert_int_equal(flusher_stats(flusher)->files, 1); /* clean, but once only */
	memset(map, 1, SIZE);
	for (int ms = 0; ms < LIMIT_MS && dirty_bytes(&sample); ms += 10)
		poll(NULL, 0, 10);
	assert_int_equal(dirty_bytes(&sample), 0);
	munmap(map, SIZE);
	assert_true(comes_to_an_end());
	finish(&sample, 1);
}

static void a_file_that_cannot_be_opened_is_left_to_the_kernel(void **state)
{
	struct sample sample;

	start((struct dirty_limits){.expire_ms = PERIOD_MS});
	make(&sample, &(struct flusher_open){.device = 1});
	sample.error = -EACCES;
	write_some(&sample, SIZE);
	close_it(&sample);
	assert_true(comes_to_an_end());
	assert_int_equal(failures, 1);
	finish(&sample, 1);
}

static void a_leased_file_is_tried_again(void **state)
{
	struct sample sample;

	start((struct dirty_limits){.expire_ms = PERIOD_MS});
	make(&sample, &(struct flusher_open){.device = 1});
	sample.error = -EAGAIN;
	write_some(&sample, SIZE);
	close_it(&sample);
	poll(NULL, 0, 4 * PERIOD_MS);
	assert_int_equal(flusher_stats(flusher)->files, 1);
	sample.error = 0;
	assert_true(comes_to_an_end());
	assert_int_equal(failures, 0);
	finish(&sample, 1);
}

static void a_disk_that_hangs_holds_up_its_own_files(void **state)
{
	struct sample samples[2];
	sem_t let_go;

	sem_init(&let_go, 0, 0);
	start((struct dirty_limits){.expire_ms = PERIOD_MS});
	make(&samples[0], &(struct flusher_open){.device = 1});
	make(&samples[1], &(struct flusher_open){.device = 2});
	samples[0].hangs = &let_go;
	for (int i = 0; i < 2; i++) {
		write_some(&samples[i], SIZE);
		close_it(&samples[i]);
	}
	for (int ms = 0; ms < LIMIT_MS && flusher_stats(flusher)->files > 1; ms += 10)
		poll(NULL, 0, 10);
	assert_int_equal(flusher_stats(flusher)->files, 1);
	assert_int_equal(dirty_bytes(&samples[1]), 0);
	for (int i = 0; i < 100; i++)
		sem_post(&let_go);
	assert_true(comes_to_an_end());
	finish(samples, 2);
	sem_destroy(&let_go);
}

static void writers_wait_until_the_disk_has_it(void **state)
{
	struct sample sample;

	start((struct dirty_limits){.max = SIZE / 2 / PAGE_CACHE_PAGE});
	make(&sample, &(struct flusher_open){.device = 1});
	assert_false(flusher_must_wait(flusher, &sample));
	write_some(&sample, SIZE);
	flusher_wrote(flusher, &sample, SIZE);
	assert_true(flusher_must_wait(flusher, &sample));
	assert_false(flusher_must_wait(flusher, &flusher)); /* which it does not know */
	for (int ms = 0; ms < LIMIT_MS && flusher_must_wait(flusher, &sample); ms += 10)
		poll(NULL, 0, 10);
	assert_false(flusher_must_wait(flusher, &sample));
	assert_int_equal(dirty_bytes(&sample), 0);
	close_it(&sample);
	finish(&sample, 1);
}

static void what_is_flushed_reaches_the_disk(void **state)
{
	struct flusher_left left;
	struct sample samples[2];

	start((struct dirty_limits){.expire_ms = 100 * LIMIT_MS});
	write_and_close(&samples[0], SIZE);
	make(&samples[1], &(struct flusher_open){.device = 2});
	write_some(&samples[1], SIZE);
	flusher_flush(flusher);
	for (int ms = 0; ms < LIMIT_MS; ms += 10) {
		flusher_left(flusher, &left);
		if (!left.files)
			break;
		poll(NULL, 0, 10);
	}
	assert_int_equal(left.files, 0);
	assert_int_equal(left.bytes, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(dirty_bytes(&samples[i]), 0);
	assert_int_equal(flusher_stats(flusher)->files, 1); /* which is open */
	close_it(&samples[1]);
	assert_true(comes_to_an_end());
	finish(samples, 2);
}

static void beyond_the_bound_files_leave_before_their_time(void **state)
{
	struct sample samples[4];

	start((struct dirty_limits){.expire_ms = 100 * LIMIT_MS, .files = 2});
	for (int i = 0; i < 4; i++)
		write_and_close(&samples[i], SIZE);
	for (int ms = 0; ms < LIMIT_MS && flusher_stats(flusher)->files > 2; ms += 10)
		poll(NULL, 0, 10);
	assert_in_range(flusher_stats(flusher)->files, 0, 2);
	finish(samples, 4);
}

static void many_files_cost_little(void **state)
{
	struct sample *samples = calloc(MANY, sizeof(*samples));
	int64_t began_ns = clock_now_ns(), each_ns;

	start((struct dirty_limits){.expire_ms = EXPIRE_MS});
	make(&samples[0], &(struct flusher_open){.device = 1});
	for (int i = 1; i < MANY; i++) {
		samples[i] = samples[0];
		samples[i].holds = 0;
		flusher_begin(flusher, &samples[i], &(struct flusher_open){.device = 1});
		write_some(&samples[0], 1); /* so that none is clean */
		flusher_end(flusher, &samples[i], samples[0].fd);
	}
	each_ns = (clock_now_ns() - began_ns) / MANY;
	print_message("%lld ns a file\n", (long long)each_ns);
	assert_in_range(flusher_stats(flusher)->files, 1, MANY);
	close_it(&samples[0]);
	assert_true(comes_to_an_end());
	finish(samples, MANY);
	free(samples);
}

static void change(struct dirty_limits limits)
{
	limits = complete(limits);
	flusher_set_limits(flusher, &limits);
}

static void changed_scenario(void)
{
	struct sample samples[2];

	start((struct dirty_limits){.expire_ms = 3600000});
	write_and_close(&samples[0], SIZE);
	poll(NULL, 0, 3 * PERIOD_MS);
	expect(flusher_stats(flusher)->started_bytes == 0);
	change((struct dirty_limits){.expire_ms = EXPIRE_MS});
	assert_true(comes_to_an_end());
	expect(flusher_stats(flusher)->started_bytes == SIZE);

	change((struct dirty_limits){.expire_ms = 3600000});
	write_and_close(&samples[1], SIZE);
	poll(NULL, 0, EXPIRE_MS + 3 * PERIOD_MS);
	expect(flusher_stats(flusher)->started_bytes == SIZE);
	change((struct dirty_limits){.background = 1});
	assert_true(comes_to_an_end());
	expect(flusher_stats(flusher)->started_bytes == 2 * SIZE);
	finish(samples, 2);
}

static void changed_limits_are_followed_by_what_is_dirty_already(void **state)
{
	run_undisturbed(changed_scenario);
}

static void writers_wait_by_the_max_of_now(void **state)
{
	struct sample sample;
	bool waits = false;

	start((struct dirty_limits){.expire_ms = 3600000});
	make(&sample, &(struct flusher_open){.device = 1});
	assert_false(flusher_must_wait(flusher, &sample));
	flusher_wrote(flusher, &sample, SIZE); /* nobody counts amounts yet */
	change((struct dirty_limits){.max = 4});
	for (int i = 0; i < 100 && !waits; i++) { /* a thread may have counted in between: it is clean */
		flusher_wrote(flusher, &sample, SIZE);
		waits = flusher_must_wait(flusher, &sample);
	}
	assert_true(waits);
	change((struct dirty_limits){.max = SIZE});
	assert_false(flusher_must_wait(flusher, &sample));
	change((struct dirty_limits){.max = 4});
	change((struct dirty_limits){.expire_ms = 3600000});
	assert_false(flusher_must_wait(flusher, &sample));
	close_it(&sample);
	finish(&sample, 1);
}

static void it_ends_with_files_open_and_dirty(void **state)
{
	struct sample samples[2];

	start((struct dirty_limits){.expire_ms = EXPIRE_MS});
	write_and_close(&samples[0], SIZE);
	make(&samples[1], &(struct flusher_open){.device = 1});
	close(samples[1].fd);
	finish(samples, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_file_is_written_back_at_its_age),
		cmocka_unit_test(an_open_file_is_written_back_at_its_age),
		cmocka_unit_test(above_an_amount_the_oldest_is_written_back),
		cmocka_unit_test(the_amount_of_an_open_file_is_seen),
		cmocka_unit_test(a_file_closed_clean_is_forgotten_at_once),
		cmocka_unit_test(a_removed_file_is_spared),
		cmocka_unit_test(a_file_without_a_name_is_written_back_once_it_has_one),
		cmocka_unit_test(a_file_opened_again_stays_as_old_as_it_was),
		cmocka_unit_test(what_is_stored_after_the_close_is_written_back),
		cmocka_unit_test(a_file_that_cannot_be_opened_is_left_to_the_kernel),
		cmocka_unit_test(a_leased_file_is_tried_again),
		cmocka_unit_test(a_disk_that_hangs_holds_up_its_own_files),
		cmocka_unit_test(writers_wait_until_the_disk_has_it),
		cmocka_unit_test(what_is_flushed_reaches_the_disk),
		cmocka_unit_test(beyond_the_bound_files_leave_before_their_time),
		cmocka_unit_test(many_files_cost_little),
		cmocka_unit_test(changed_limits_are_followed_by_what_is_dirty_already),
		cmocka_unit_test(writers_wait_by_the_max_of_now),
		cmocka_unit_test(it_ends_with_files_open_and_dirty),
	};

	if (!page_cache_can_be_counted()) {
		fprintf(stderr, "skipped: the kernel has no cachestat(2)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
