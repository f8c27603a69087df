#include "cache/policy/dirty.h"
#include "tests/support/check.h"
#include "tests/support/random.h"
#include <errno.h>

#define EXPIRE 1000
#define PERIOD 100
#define FILES 8

/* A mount's files on a made clock, and a kernel that does as it is told. */
struct world {
	struct dirty all;
	struct dirty_queue queues[2];
	struct dirty_file files[FILES];
	struct dirty_count pages[FILES];
	int64_t now_ms;
};

static void begin(struct world *world, struct dirty_limits limits)
{
	*world = (struct world){.now_ms = 50};
	limits.expire_ms = limits.expire_ms ? limits.expire_ms : DIRTY_NEVER;
	limits.background = limits.background ? limits.background : DIRTY_UNLIMITED;
	limits.max = limits.max ? limits.max : DIRTY_UNLIMITED;
	limits.files = limits.files ? limits.files : SIZE_MAX;
	limits.period_ms = PERIOD;
	dirty_init(&world->all, &limits);
	for (int i = 0; i < 2; i++)
		dirty_queue_init(&world->queues[i], &world->all);
}

static void end(struct world *world)
{
	for (int i = 0; i < 2; i++) {
		while (world->queues[i].count)
			dirty_remove(&world->queues[i], world->queues[i].files[0]);
		dirty_queue_deinit(&world->queues[i]);
	}
	assert_int_equal(world->all.dirty, 0);
	assert_int_equal(world->all.writeback, 0);
	assert_int_equal(world->all.busy, 0);
}

/* The file was opened, written and closed; it is in the first queue, or the second. */
static void write_file(struct world *world, int queue, int file, uint64_t pages)
{
	if (!world->files[file].place)
		assert_int_equal(dirty_add(&world->queues[queue], &world->files[file], world->now_ms), 0);
	world->pages[file].dirty += pages;
	dirty_counted(&world->queues[queue], &world->files[file], &world->pages[file], world->now_ms);
}

static void start_writeback(struct world *world, int queue, int file)
{
	struct dirty_count before = world->pages[file];

	world->pages[file] = (struct dirty_count){.writeback = before.writeback + before.dirty};
	dirty_started(
		&world->queues[queue], &world->files[file], &before, &world->pages[file], world->now_ms);
}

/* Returns the files that were written back, as decimal digits in their order, each with one added. */
static long pass(struct world *world, int queue)
{
	int64_t pass_ms = world->now_ms;
	struct dirty_file *next;
	long order = 0;

	while ((next = dirty_next(&world->queues[queue], world->now_ms, pass_ms))) {
		int file = (int)(next - world->files);

		dirty_counted(&world->queues[queue], next, &world->pages[file], world->now_ms);
		if (!world->pages[file].dirty)
			continue;
		start_writeback(world, queue, file);
		order = order * 10 + file + 1;
	}
	return order;
}

static void the_disk_has(struct world *world, int queue, int file)
{
	world->pages[file].writeback = 0;
	dirty_counted(&world->queues[queue], &world->files[file], &world->pages[file], world->now_ms);
}

static void old_files_are_written_back_oldest_first(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.expire_ms = EXPIRE});
	for (int i = 0; i < 3; i++, world.now_ms += 10)
		write_file(&world, 0, (int[]){2, 0, 1}[i], 10);
	assert_int_equal(pass(&world, 0), 0);
	assert_int_equal(dirty_again(&world.queues[0], world.now_ms, false, false, false), 50 + EXPIRE);
	world.now_ms = 50 + EXPIRE + 10;
	assert_int_equal(pass(&world, 0), 31);
	assert_int_equal(world.all.dirty, 10);
	assert_int_equal(world.all.writeback, 20);
	world.now_ms += 10;
	assert_int_equal(pass(&world, 0), 2);
	end(&world);
}

static void a_file_written_again_is_as_old_as_its_oldest_bytes(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.expire_ms = EXPIRE});
	write_file(&world, 0, 0, 1);
	world.now_ms += EXPIRE / 2;
	write_file(&world, 0, 0, 1);
	world.now_ms += EXPIRE / 2;
	assert_int_equal(pass(&world, 0), 1);
	end(&world);
}

static void a_file_found_clean_is_young_again(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.expire_ms = EXPIRE});
	write_file(&world, 0, 0, 1);
	world.now_ms += EXPIRE - 1;
	world.pages[0].dirty = 0; /* by fsync */
	write_file(&world, 0, 0, 0);
	world.pages[0].dirty = 1;
	world.now_ms += EXPIRE - 1;
	assert_int_equal(pass(&world, 0), 0);
	world.now_ms += 1;
	assert_int_equal(pass(&world, 0), 1);
	end(&world);
}

/* The kernel passes over a page that is being written when it is dirtied again. */
static void what_is_dirtied_while_it_is_written_stays_old(void **state)
{
	const struct dirty_count busy = {.dirty = 5, .writeback = 5};
	struct world world;

	begin(&world, (struct dirty_limits){.expire_ms = EXPIRE});
	write_file(&world, 0, 0, 10);
	world.now_ms += EXPIRE;
	dirty_started(&world.queues[0], &world.files[0], &busy, &busy, world.now_ms);
	assert_int_equal(world.files[0].since_ms, 50);
	assert_true(dirty_is_late(&world.queues[0], &world.files[0], world.now_ms));
	assert_int_equal(pass(&world, 0), 0);
	assert_int_equal(
		dirty_again(&world.queues[0], world.now_ms, false, true, false), world.now_ms + PERIOD);
	world.now_ms += PERIOD;
	world.pages[0] = (struct dirty_count){.dirty = 5};
	start_writeback(&world, 0, 0);
	assert_false(dirty_is_late(&world.queues[0], &world.files[0], world.now_ms));
	assert_int_equal(world.files[0].since_ms, world.now_ms);
	end(&world);
}

static void above_background_writeback_starts_until_it_is_below(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.background = 100});
	for (int i = 0; i < 4; i++, world.now_ms++)
		write_file(&world, 0, i, 30);
	assert_int_equal(pass(&world, 0), 1);
	assert_int_equal(world.all.dirty, 90);
	assert_int_equal(pass(&world, 0), 0);
	assert_false(dirty_must_wait(&world.queues[0]));
	end(&world);
}

static void a_pass_ends_though_the_amount_stays(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.max = 100});
	for (int i = 0; i < 4; i++)
		write_file(&world, 0, i, 50);
	world.now_ms++;
	assert_true(dirty_must_wait(&world.queues[0]));
	pass(&world, 0);
	assert_int_equal(world.all.dirty, 0);
	assert_true(dirty_must_wait(&world.queues[0])); /* for the disk */
	assert_int_equal(pass(&world, 0), 0);
	the_disk_has(&world, 0, 0);
	the_disk_has(&world, 0, 1);
	assert_false(dirty_must_wait(&world.queues[0]));
	end(&world);
}

static void what_is_written_counts_before_it_is_counted(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.max = 100});
	write_file(&world, 0, 0, 1);
	dirty_wrote(&world.queues[0], &world.files[0], 100);
	assert_true(dirty_must_wait(&world.queues[0]));
	write_file(&world, 0, 0, 0); /* it was the same page all the time */
	assert_false(dirty_must_wait(&world.queues[0]));
	end(&world);
}

static void max_alone_has_writeback_begin_at_half(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.max = 100});
	write_file(&world, 0, 0, 51);
	world.now_ms++;
	assert_int_equal(pass(&world, 0), 1);
	end(&world);
}

static void a_device_that_hangs_stops_only_its_own_writers(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.max = 100});
	write_file(&world, 0, 0, 200);
	start_writeback(&world, 0, 0); /* and nothing comes of it */
	write_file(&world, 1, 1, 40);
	assert_true(dirty_must_wait(&world.queues[0]));
	assert_false(dirty_must_wait(&world.queues[1]));
	write_file(&world, 1, 1, 11);
	assert_true(dirty_must_wait(&world.queues[1]));
	end(&world);
}

static void too_many_files_are_looked_at_before_their_time(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.expire_ms = EXPIRE, .files = 2});
	for (int i = 0; i < 3; i++, world.now_ms++)
		write_file(&world, 0, i, 1);
	assert_int_equal(pass(&world, 0), 123); /* until they are found clean */
	world.now_ms++;
	write_file(&world, 0, 3, 1);
	assert_int_equal(pass(&world, 0), 0); /* the files were looked at, or added, after it began */
	assert_int_equal(dirty_again(&world.queues[0], world.now_ms, false, false, false),
		world.now_ms + DIRTY_PAUSE_MIN_MS);
	end(&world);
}

static void open_files_are_counted_more_often_while_the_amount_grows(void **state)
{
	struct dirty_queue *queue;
	struct world world;
	int64_t again = 0;

	begin(&world, (struct dirty_limits){.background = 100});
	queue = &world.queues[0];
	write_file(&world, 0, 0, 1);
	assert_int_equal(dirty_again(queue, 1000, true, false, false), 1000 + DIRTY_PAUSE_MIN_MS);
	for (int i = 0; i < 20; i++)
		again = dirty_again(queue, 1000, true, false, false);
	assert_int_equal(again, 1000 + DIRTY_PAUSE_MAX_MS);
	write_file(&world, 0, 0, 1);
	assert_int_equal(dirty_again(queue, 1000, true, false, false), 1000 + DIRTY_PAUSE_MIN_MS);
	assert_int_equal(dirty_again(queue, 1000, false, false, false), DIRTY_NEVER);
	end(&world);
}

static void what_is_dirty_when_it_is_flushed_is_written_back(void **state)
{
	uint64_t files = 0, pages = 0;
	struct world world;

	begin(&world, (struct dirty_limits){.expire_ms = EXPIRE});
	for (int i = 0; i < 5; i++)
		write_file(&world, 0, i, 10);
	dirty_flush(&world.queues[0], world.now_ms);
	dirty_left(&world.queues[0], &files, &pages);
	assert_int_equal(files, 5);
	assert_int_equal(pages, 50);
	assert_int_equal(pass(&world, 0), 0); /* which began at the same time */
	assert_int_equal(dirty_again(&world.queues[0], world.now_ms, false, false, false),
		world.now_ms + DIRTY_PAUSE_MIN_MS);
	world.now_ms++;
	write_file(&world, 0, 5, 10);
	assert_int_equal(world.all.dirty, 60);
	world.now_ms++;
	pass(&world, 0);
	assert_int_equal(world.all.dirty, 10);
	files = pages = 0;
	dirty_left(&world.queues[0], &files, &pages);
	assert_int_equal(files, 0);
	end(&world);
}

static void without_files_there_is_nothing_to_wait_for(void **state)
{
	struct world world;

	begin(&world, (struct dirty_limits){.expire_ms = EXPIRE, .max = 100});
	assert_null(dirty_next(&world.queues[0], 1 << 30, 1 << 30));
	assert_int_equal(dirty_again(&world.queues[0], 1000, false, false, false), DIRTY_NEVER);
	end(&world);
}

static void nothing_is_ever_older_than_it_may_be(void **state)
{
	uint64_t written_ms[FILES] = {0};
	struct random random = {7};
	struct world world;

	begin(&world, (struct dirty_limits){.expire_ms = EXPIRE});
	for (int step = 0; step < 20000; step++) {
		int file = (int)random_below(&random, FILES);

		world.now_ms += PERIOD / 10;
		if (!world.pages[file].dirty)
			written_ms[file] = (uint64_t)world.now_ms;
		if (world.files[file].place && random_below(&random, 4) == 0)
			world.pages[file].dirty = 0;
		else
			write_file(&world, 0, file, 1);
		if (step % 10 == 0)
			pass(&world, 0);
		for (int i = 0; i < FILES; i++)
			if (world.pages[i].dirty)
				assert_in_range(world.now_ms - (int64_t)written_ms[i], 0, EXPIRE + PERIOD);
	}
	end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_files_are_written_back_oldest_first),
		cmocka_unit_test(a_file_written_again_is_as_old_as_its_oldest_bytes),
		cmocka_unit_test(a_file_found_clean_is_young_again),
		cmocka_unit_test(what_is_dirtied_while_it_is_written_stays_old),
		cmocka_unit_test(above_background_writeback_starts_until_it_is_below),
		cmocka_unit_test(a_pass_ends_though_the_amount_stays),
		cmocka_unit_test(what_is_written_counts_before_it_is_counted),
		cmocka_unit_test(max_alone_has_writeback_begin_at_half),
		cmocka_unit_test(a_device_that_hangs_stops_only_its_own_writers),
		cmocka_unit_test(too_many_files_are_looked_at_before_their_time),
		cmocka_unit_test(open_files_are_counted_more_often_while_the_amount_grows),
		cmocka_unit_test(what_is_dirty_when_it_is_flushed_is_written_back),
		cmocka_unit_test(without_files_there_is_nothing_to_wait_for),
		cmocka_unit_test(nothing_is_ever_older_than_it_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
