#include "backends/resident.h"
#include "tests/backends/fixture.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	FILE_SIZE = (12 << 20) + 777,
	BLOCK = 128 << 10,
};

static void sleep_ms(unsigned ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static void stream_file(struct fixture *fixture, unsigned flags, size_t memory)
{
	struct backend_settings settings;
	struct backend *backend;

	backend_settings_init(&settings);
	settings.memory = memory;
	settings.write_direct_from = 0;
	settings.write_direct_min = 4096;
	assert_int_equal(backend_new(&settings, &backend), 0);
	fixture_init(fixture, ".", FILE_SIZE);
	fixture_close_for_writing(fixture);
	fixture_open(fixture, backend, flags);
	sleep_ms(120); /* until the file's stamp counts for something */
}

#define COUNTED(fixture, name) backend_counted(&backend_stats((fixture)->backend)->name)

static void read_forward(struct fixture *fixture, off_t from, off_t to, size_t size)
{
	unsigned char *buf = buffer_new(size);

	for (off_t offset = from; offset < to; offset += size) {
		size_t expected = offset + (off_t)size <= FILE_SIZE ? size : (size_t)(FILE_SIZE - offset);

		assert_int_equal(read_and_wait(fixture->file, buf, size, offset), expected);
		assert_pattern(buf, expected, offset);
	}
	free(buf);
}

static void a_stream_is_read_ahead_to_the_last_byte(void **state)
{
	struct fixture fixture;

	stream_file(&fixture, 0, 64 << 20);
	read_forward(&fixture, 0, FILE_SIZE, BLOCK);
	/* the last chunk too is used up, where the file ends */
	assert_int_equal(COUNTED(&fixture, readahead_used_bytes), COUNTED(&fixture, readahead_bytes));
	assert_true(COUNTED(&fixture, readahead_used_bytes) > FILE_SIZE / 2);
	assert_int_equal(COUNTED(&fixture, readahead_wasted_bytes), 0);
	assert_int_equal(backend_file_pattern(fixture.file), BACKEND_PATTERN_STREAM);
	assert_int_equal(resident_pages(fixture.fd, 0, FILE_SIZE), 0);
	fixture_deinit(&fixture);
}

static void odd_sizes_stream_right_to_the_byte(void **state)
{
	struct fixture fixture;

	stream_file(&fixture, 0, 64 << 20);
	read_forward(&fixture, 0, FILE_SIZE, 100003);
	assert_true(COUNTED(&fixture, readahead_used_bytes) > FILE_SIZE / 2);
	fixture_deinit(&fixture);
}

static void a_backward_reader_is_read_ahead(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;

	stream_file(&fixture, 0, 64 << 20);
	for (off_t offset = 12 << 20; offset >= BLOCK;) {
		offset -= BLOCK;
		assert_int_equal(read_and_wait(fixture.file, buf, BLOCK, offset), BLOCK);
		assert_pattern(buf, BLOCK, offset);
	}
	assert_true(COUNTED(&fixture, readahead_used_bytes) > FILE_SIZE / 2);
	free(buf);
	fixture_deinit(&fixture);
}

static void a_strided_reader_gets_its_records_and_nothing_between(void **state)
{
	unsigned char *buf = buffer_new(4096);
	struct fixture fixture;

	stream_file(&fixture, 0, 64 << 20);
	for (off_t offset = 512; offset + 4096 < FILE_SIZE; offset += 256 << 10) {
		assert_int_equal(read_and_wait(fixture.file, buf, 4096, offset), 4096);
		assert_pattern(buf, 4096, offset);
	}
	assert_true(COUNTED(&fixture, readahead_used_bytes) >= 20 * 4096);
	assert_true(COUNTED(&fixture, readahead_bytes) < 48 * 3 * 4096);
	free(buf);
	fixture_deinit(&fixture);
}

enum {
	PART = 256 << 10,
	RECORD = 5 * PART,
	RECORD_READ = RECORD + 2 * 4096, /* with what lies beside it in its pages */
};

/* A record as a large read(2) comes: in parts. */
static void read_record(struct fixture *fixture, off_t start)
{
	unsigned char *buf = buffer_new(PART);

	for (off_t offset = start; offset < start + RECORD; offset += PART) {
		assert_int_equal(read_and_wait(fixture->file, buf, PART, offset), PART);
		assert_pattern(buf, PART, offset);
	}
	free(buf);
}

/* Bytes read ahead so far, once none of them are on their way any more. */
static uint64_t read_ahead_in_all(const struct fixture *fixture)
{
	uint64_t now = COUNTED(fixture, readahead_bytes), before;

	do {
		before = now;
		sleep_ms(250); /* under TSan on a busy machine they take their time */
		now = COUNTED(fixture, readahead_bytes);
	} while (now != before);
	return now;
}

struct walk {
	size_t count;
	off_t places[8];
};

/* The first two records tell of the others: so many bytes of each of these come from what was read ahead, and
 * nothing else is read ahead. */
static void assert_records_are_read_ahead(const struct walk *walk, size_t bytes)
{
	size_t left = walk->count - 2;
	uint64_t used, ahead;
	struct fixture fixture;

	stream_file(&fixture, 0, 64 << 20);
	read_record(&fixture, walk->places[0]);
	read_record(&fixture, walk->places[1]);
	ahead = read_ahead_in_all(&fixture);
	used = COUNTED(&fixture, readahead_used_bytes);
	for (size_t i = 2; i < walk->count; i++)
		read_record(&fixture, walk->places[i]);
	backend_close(fixture.file); /* all of it is counted */
	fixture.file = NULL;
	assert_true(COUNTED(&fixture, readahead_used_bytes) - used >= left * bytes - PART);
	assert_true(COUNTED(&fixture, readahead_bytes) - ahead <= left * RECORD_READ);
	fixture_deinit(&fixture);
}

static void large_records_are_read_ahead_whole_and_nothing_between(void **state)
{
	static const struct walk walks[] = {
		{6, {5 * RECORD, 4 * RECORD, 3 * RECORD, 2 * RECORD, RECORD, 0}},
		{5, {8 * RECORD, 6 * RECORD, 4 * RECORD, 2 * RECORD, 0}},
		{5, {0, 2 * RECORD, 4 * RECORD, 6 * RECORD, 8 * RECORD}},
		{5, {777, 2 * RECORD + 777, 4 * RECORD + 777, 6 * RECORD + 777, 8 * RECORD + 777}},
	};

	for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++)
		assert_records_are_read_ahead(&walks[i], RECORD);
}

static void of_large_records_at_random_places_the_rest_is_read_ahead(void **state)
{
	static const struct walk walk = {6, {7 * RECORD, 2 * RECORD, 5 * RECORD, 0, 8 * RECORD, 3 * RECORD}};

	assert_records_are_read_ahead(&walk, RECORD - PART);
}

static void random_reads_are_not_read_ahead(void **state)
{
	unsigned char *buf = buffer_new(4096);
	struct fixture fixture;

	stream_file(&fixture, 0, 64 << 20);
	srand(7);
	for (int i = 0; i < 200; i++) {
		off_t offset = rand() % (FILE_SIZE - 4096);

		assert_int_equal(read_and_wait(fixture.file, buf, 4096, offset), 4096);
		assert_pattern(buf, 4096, offset);
	}
	assert_int_equal(COUNTED(&fixture, readahead_bytes), 0);
	assert_int_equal(COUNTED(&fixture, buffered_reads), 0);
	assert_int_equal(backend_file_pattern(fixture.file), BACKEND_PATTERN_RANDOM);
	free(buf);
	fixture_deinit(&fixture);
}

static void random_reads_may_go_through_the_page_cache_while_streams_go_around(void **state)
{
	unsigned char *buf = buffer_new(4096);
	struct fixture fixture;

	stream_file(&fixture, BACKEND_RANDOM_BUFFERED, 64 << 20);
	srand(7);
	for (int i = 0; i < 20; i++)
		assert_int_equal(read_and_wait(fixture.file, buf, 4096, rand() % (FILE_SIZE - 4096)), 4096);
	assert_true(COUNTED(&fixture, buffered_reads) > 10);
	fixture_drop_cache(&fixture);
	read_forward(&fixture, 0, FILE_SIZE, BLOCK);
	assert_int_equal(resident_pages(fixture.fd, 0, FILE_SIZE), 0);
	free(buf);
	fixture_deinit(&fixture);
}

static void a_jump_throws_the_window_away_and_the_next_run_opens_it_again(void **state)
{
	struct fixture fixture;

	stream_file(&fixture, 0, 64 << 20);
	read_forward(&fixture, 0, 2 << 20, BLOCK);
	read_forward(&fixture, 8 << 20, FILE_SIZE, BLOCK);
	assert_int_equal(COUNTED(&fixture, streams), 2);
	assert_true(COUNTED(&fixture, readahead_wasted_bytes) > 0);
	fixture_deinit(&fixture);
}

static void memory_stays_within_its_bound(void **state)
{
	enum { HANDLES = 6, MEMORY = 3 << 20 };
	struct backend_file *files[HANDLES];
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;

	stream_file(&fixture, 0, MEMORY);
	for (int i = 0; i < HANDLES; i++) {
		struct backend_open how = {.fd = fixture.fd};

		assert_int_equal(backend_open(fixture.backend, &how, &files[i]), 0);
	}
	for (off_t offset = 0; offset + BLOCK < FILE_SIZE; offset += BLOCK) {
		for (int i = 0; i < HANDLES; i++) {
			assert_int_equal(read_and_wait(files[i], buf, BLOCK, offset), BLOCK);
			assert_pattern(buf, BLOCK, offset);
		}
		assert_true(COUNTED(&fixture, memory) <= MEMORY);
	}
	for (int i = 0; i < HANDLES; i++)
		backend_close(files[i]);
	free(buf);
	fixture_deinit(&fixture);
}

static void readers_who_walk_together_read_the_device_once(void **state)
{
	enum { READERS = 4 };
	struct backend_file *files[READERS];
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;

	stream_file(&fixture, 0, 64 << 20);
	for (int i = 0; i < READERS; i++) {
		struct backend_open how = {.fd = fixture.fd};

		assert_int_equal(backend_open(fixture.backend, &how, &files[i]), 0);
	}
	for (off_t offset = 0; offset + BLOCK <= FILE_SIZE; offset += BLOCK) {
		for (int i = 0; i < READERS; i++) {
			assert_int_equal(read_and_wait(files[i], buf, BLOCK, offset), BLOCK);
			assert_pattern(buf, BLOCK, offset);
		}
	}
	assert_true(COUNTED(&fixture, readahead_shared_bytes) > FILE_SIZE);
	assert_true(COUNTED(&fixture, readahead_bytes) + COUNTED(&fixture, straight_bytes) < 2 * FILE_SIZE);
	for (int i = 0; i < READERS; i++)
		backend_close(files[i]);
	free(buf);
	fixture_deinit(&fixture);
}

static void *read_all_of_it(void *context)
{
	struct fixture reader = *(struct fixture *)context;
	struct backend_open how = {.fd = reader.fd};

	assert_int_equal(backend_open(reader.backend, &how, &reader.file), 0);
	read_forward(&reader, 0, FILE_SIZE, BLOCK);
	backend_close(reader.file);
	return NULL;
}

static void readers_may_come_and_go_in_threads_of_their_own(void **state)
{
	enum { READERS = 6 };
	pthread_t threads[READERS];
	struct fixture fixture;

	stream_file(&fixture, 0, 16 << 20);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all_of_it, &fixture), 0);
	read_forward(&fixture, 0, FILE_SIZE, 100003);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	fixture_deinit(&fixture);
}

static void a_change_is_seen_by_who_shares_read_ahead(void **state)
{
	unsigned char *buf = buffer_new(BLOCK), value = 0xee;
	struct backend_file *second;
	struct backend_open how;
	struct fixture fixture;
	off_t offset = 1 << 20;
	int fd;

	stream_file(&fixture, 0, 64 << 20);
	how = (struct backend_open){.fd = fixture.fd};
	assert_int_equal(backend_open(fixture.backend, &how, &second), 0);
	for (off_t at = 0; at < offset; at += BLOCK) {
		assert_int_equal(read_and_wait(fixture.file, buf, BLOCK, at), BLOCK);
		assert_int_equal(read_and_wait(second, buf, BLOCK, at), BLOCK);
	}
	sleep_ms(50);
	fd = fixture_open_for_writing(&fixture);
	assert_int_equal(pwrite(fd, &value, 1, offset + 5), 1);
	fsync(fd);
	close(fd);
	fixture_drop_cache(&fixture);
	assert_int_equal(read_and_wait(second, buf, BLOCK, offset), BLOCK);
	assert_int_equal(buf[5], value);
	assert_int_equal(read_and_wait(fixture.file, buf, BLOCK, offset), BLOCK);
	assert_int_equal(buf[5], value);
	backend_close(second);
	free(buf);
	fixture_deinit(&fixture);
}

static void a_reader_that_rests_gives_its_memory_to_others(void **state)
{
	enum { RESTING = 7, MEMORY = 8 << 20 };
	struct backend_file *files[RESTING];
	struct fixture fixture;
	uint64_t before;

	stream_file(&fixture, 0, MEMORY);
	for (int i = 0; i < RESTING; i++) {
		struct backend_open how = {.fd = fixture.fd};
		struct backend_file *reader = fixture.file;

		assert_int_equal(backend_open(fixture.backend, &how, &files[i]), 0);
		fixture.file = files[i];
		read_forward(&fixture, 0, 2 << 20, BLOCK);
		fixture.file = reader;
	}
	sleep_ms(1200);
	before = COUNTED(&fixture, readahead_used_bytes);
	read_forward(&fixture, 0, FILE_SIZE, BLOCK);
	assert_true(COUNTED(&fixture, readahead_used_bytes) - before > FILE_SIZE / 2);
	assert_true(COUNTED(&fixture, memory) <= MEMORY);
	for (int i = 0; i < RESTING; i++)
		backend_close(files[i]);
	fixture_deinit(&fixture);
}

static void closing_in_mid_stream_leaves_nothing_behind(void **state)
{
	unsigned char *buf = buffer_new(BLOCK);
	struct fixture fixture;

	stream_file(&fixture, 0, 64 << 20);
	for (int round = 0; round < 50; round++) {
		struct backend_open how = {.fd = fixture.fd};
		struct backend_file *file;

		assert_int_equal(backend_open(fixture.backend, &how, &file), 0);
		for (off_t offset = 0; offset < 5 * BLOCK; offset += BLOCK)
			assert_int_equal(read_and_wait(file, buf, BLOCK, offset), BLOCK);
		backend_close(file);
	}
	free(buf);
	fixture_deinit(&fixture);
}

/* The oracle: an array that sees every change the moment it is acknowledged. */
struct oracle {
	struct fixture fixture;
	unsigned char *bytes;
	size_t size;
	unsigned seed;
};

static unsigned pick(struct oracle *oracle, unsigned below)
{
	return (unsigned)rand_r(&oracle->seed) % below;
}

static void oracle_write(struct oracle *oracle)
{
	enum { WRITE_MAX = 400000 };
	size_t size = 1 + pick(oracle, WRITE_MAX), offset = pick(oracle, oracle->size);
	unsigned char value = pick(oracle, 256), *buf = buffer_new(size);
	struct backend_open how = {.fd = fixture_open_for_writing(&oracle->fixture)};
	unsigned way = pick(oracle, 3);

	if (pick(oracle, 2)) {
		offset &= ~4095ul;
		size = (size + 4095) & ~4095ul;
	}
	if (offset + size > FILE_SIZE + (1 << 20))
		size = FILE_SIZE + (1 << 20) - offset;
	if (way == 2 && offset + size > oracle->size)
		size = oracle->size - offset;
	if (pick(oracle, 2)) {
		fsync(oracle->fixture.fd);
		fixture_drop_cache(&oracle->fixture);
	}
	memset(buf, value, size);
	if (way == 0) {
		struct backend_file *file;

		assert_int_equal(backend_open(oracle->fixture.backend, &how, &file), 0);
		assert_int_equal(write_and_wait(file, buf, size, offset), size);
		backend_close(file);
	} else if (way == 1) {
		assert_int_equal(pwrite(how.fd, buf, size, offset), size);
	} else {
		unsigned char *map = mmap(NULL, oracle->size, PROT_READ | PROT_WRITE, MAP_SHARED, how.fd, 0);

		assert_ptr_not_equal(map, MAP_FAILED);
		memset(map + offset, value, size);
		munmap(map, oracle->size);
	}
	close(how.fd);
	memset(oracle->bytes + offset, value, size);
	if (offset + size > oracle->size)
		oracle->size = offset + size;
	free(buf);
}

static void oracle_truncate(struct oracle *oracle)
{
	size_t size = FILE_SIZE / 2 + pick(oracle, FILE_SIZE / 2);

	assert_int_equal(truncate(oracle->fixture.path, size), 0);
	if (pick(oracle, 2))
		backend_file_changed(oracle->fixture.file);
	if (size > oracle->size)
		memset(oracle->bytes + oracle->size, 0, size - oracle->size);
	oracle->size = size;
}

static void oracle_change(struct oracle *oracle)
{
	switch (pick(oracle, 8)) {
	case 0:
		oracle_truncate(oracle);
		break;
	case 1:
		assert_int_equal(fsync(oracle->fixture.fd), 0);
		fixture_drop_cache(&oracle->fixture);
		break;
	default:
		oracle_write(oracle);
	}
}

static void oracle_read(struct oracle *oracle, off_t offset, size_t size)
{
	unsigned char *buf = buffer_new(size);
	size_t expected = 0;

	if ((size_t)offset < oracle->size)
		expected = oracle->size - offset < size ? oracle->size - offset : size;
	assert_int_equal(read_and_wait(oracle->fixture.file, buf, size, offset), expected);
	for (size_t i = 0; i < expected; i++) {
		if (buf[i] != oracle->bytes[offset + i])
			fail_msg("seed %u: byte %zu is %02x, not %02x", oracle->seed, offset + i, buf[i],
				oracle->bytes[offset + i]);
	}
	free(buf);
}

static void nothing_read_ahead_is_ever_stale(void **state)
{
	const char *given = getenv("SIEVEFS_TEST_SEED");
	struct oracle oracle = {
		.size = FILE_SIZE, .seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL)};

	print_message("SIEVEFS_TEST_SEED=%u\n", oracle.seed);
	stream_file(&oracle.fixture, pick(&oracle, 2) ? BACKEND_RANDOM_BUFFERED : 0, 64 << 20);
	oracle.bytes = buffer_new(FILE_SIZE + (1 << 20));
	for (size_t i = 0; i < FILE_SIZE; i++)
		oracle.bytes[i] = pattern_byte(i);
	for (int round = 0; round < 25; round++) {
		off_t offset = pick(&oracle, 4) ? pick(&oracle, 4 << 20) & ~4095u : pick(&oracle, 4 << 20);
		size_t size = pick(&oracle, 2) ? BLOCK : 1 + pick(&oracle, 300000);
		size_t parts = 4 + pick(&oracle, 3);
		/* in one run, or in records backwards or with a stride */
		off_t jump = ((int)pick(&oracle, 3) - 1) * (off_t)(2 * parts * size);

		if (jump < 0)
			offset = FILE_SIZE - parts * size;
		fsync(oracle.fixture.fd);
		fixture_drop_cache(&oracle.fixture);
		sleep_ms(120);
		for (size_t i = 0; i < 40 && offset >= 0; i++) {
			oracle_read(&oracle, offset, size);
			if (pick(&oracle, 20) == 0)
				oracle_change(&oracle);
			if (pick(&oracle, 30) == 0)
				oracle_read(&oracle, pick(&oracle, FILE_SIZE), 1 + pick(&oracle, 10000));
			offset += size;
			if (i % parts == parts - 1)
				offset += jump;
		}
	}
	assert_true(COUNTED(&oracle.fixture, readahead_used_bytes) > 0);
	assert_true(COUNTED(&oracle.fixture, readahead_wasted_bytes) > 0);
	free(oracle.bytes);
	fixture_deinit(&oracle.fixture);
}

static void a_change_elsewhere_is_seen_though_it_was_read_ahead(void **state)
{
	unsigned char *buf = buffer_new(BLOCK), value = 0xee;
	struct fixture fixture;
	off_t offset = 1 << 20;
	int fd;

	stream_file(&fixture, 0, 64 << 20);
	read_forward(&fixture, 0, offset, BLOCK);
	sleep_ms(50); /* the chunks have arrived */
	fd = fixture_open_for_writing(&fixture);
	assert_int_equal(pwrite(fd, &value, 1, offset + 5), 1);
	fsync(fd);
	close(fd);
	fixture_drop_cache(&fixture);
	assert_int_equal(read_and_wait(fixture.file, buf, BLOCK, offset), BLOCK);
	assert_int_equal(buf[5], value);
	assert_true(COUNTED(&fixture, readahead_stale) > 0);
	free(buf);
	fixture_deinit(&fixture);
}

static void nothing_is_read_ahead_while_somebody_may_be_writing(void **state)
{
	struct fixture fixture;
	int writer;

	stream_file(&fixture, 0, 64 << 20);
	writer = fixture_open_for_writing(&fixture);
	read_forward(&fixture, 0, 4 << 20, BLOCK);
	assert_int_equal(COUNTED(&fixture, readahead_bytes), 0);
	close(writer);
	read_forward(&fixture, 4 << 20, FILE_SIZE, BLOCK);
	assert_true(COUNTED(&fixture, readahead_used_bytes) > FILE_SIZE / 4);
	fixture_deinit(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_read_ahead_to_the_last_byte),
		cmocka_unit_test(odd_sizes_stream_right_to_the_byte),
		cmocka_unit_test(a_backward_reader_is_read_ahead),
		cmocka_unit_test(a_strided_reader_gets_its_records_and_nothing_between),
		cmocka_unit_test(large_records_are_read_ahead_whole_and_nothing_between),
		cmocka_unit_test(of_large_records_at_random_places_the_rest_is_read_ahead),
		cmocka_unit_test(random_reads_are_not_read_ahead),
		cmocka_unit_test(random_reads_may_go_through_the_page_cache_while_streams_go_around),
		cmocka_unit_test(a_jump_throws_the_window_away_and_the_next_run_opens_it_again),
		cmocka_unit_test(memory_stays_within_its_bound),
		cmocka_unit_test(readers_who_walk_together_read_the_device_once),
		cmocka_unit_test(readers_may_come_and_go_in_threads_of_their_own),
		cmocka_unit_test(a_change_is_seen_by_who_shares_read_ahead),
		cmocka_unit_test(a_reader_that_rests_gives_its_memory_to_others),
		cmocka_unit_test(closing_in_mid_stream_leaves_nothing_behind),
		cmocka_unit_test(a_change_elsewhere_is_seen_though_it_was_read_ahead),
		cmocka_unit_test(nothing_read_ahead_is_ever_stale),
		cmocka_unit_test(nothing_is_read_ahead_while_somebody_may_be_writing),
	};

	signal(SIGIO, SIG_IGN); /* a lease was broken */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
