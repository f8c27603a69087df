/* Copies that are being made while the file changes; and hits, counted against a replay of the same opens. */
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LENGTH (700 * 1024) /* some reads of the fill's, each of which is delayed */
#define SLOW "read:delay=150ms"

static void paths(const struct mount *mount, const char *name, char below[PATH_MAX], char above[PATH_MAX])
{
	snprintf(below, PATH_MAX, "%.3000s/%s", mount->source, name);
	snprintf(above, PATH_MAX, "%.3000s/%s", mount->point, name);
}

static void fill_file(const char *path, char byte, int flags)
{
	static char bytes[LENGTH];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

	memset(bytes, byte, sizeof(bytes));
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_return_code(close(fd), errno);
}

static void open_and_close(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	close(fd);
}

/* Reads all of it; every byte must be the one. */
static void assert_all(const char *path, char byte)
{
	static char bytes[LENGTH + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), LENGTH);
	close(fd);
	for (int i = 0; i < LENGTH; i++)
		if (bytes[i] != byte)
			fail_msg("byte %d of %s is %c, not %c", i, path, bytes[i], byte);
}

static long long wait_for(const struct mount *mount, const char *key, long long value)
{
	long long now = 0;

	for (int i = 0; i < 200; i++) {
		now = mount_stat(mount, key);
		if (now >= value)
			break;
		usleep(50000);
	}
	return now;
}

/* A mount whose copies are made slowly: each read for them takes its time. */
static void start_slow(struct mount *mount, const char *faults)
{
	setenv("SIEVEFS_FAULT", faults, 1);
	mount_start(mount, "slow", "store=copy,admit=1,settle=0,cache_size=64M");
	unsetenv("SIEVEFS_FAULT");
}

static void change_behind(const char *below)
{
	struct stat before;
	struct timespec times[2];

	assert_return_code(stat(below, &before), errno);
	fill_file(below, 'b', 0);
	times[0] = before.st_atim;
	times[1] = before.st_mtim;
	assert_return_code(utimensat(AT_FDCWD, below, times, 0), errno);
}

static void a_fill_that_meets_a_change_behind_the_mount_installs_nothing(void **state)
{
	char below[PATH_MAX], above[PATH_MAX];
	struct mount mount;

	start_slow(&mount, SLOW);
	paths(&mount, "f", below, above);
	fill_file(below, 'a', 0);
	open_and_close(above);
	usleep(200000); /* in the middle of the copy */
	change_behind(below);
	assert_all(above, 'b');
	assert_true(wait_for(&mount, "fill_races", 1) >= 1);
	for (int i = 0; i < 5; i++)
		assert_all(above, 'b');
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_fill_that_meets_a_writer_of_the_mount_installs_nothing(void **state)
{
	char below[PATH_MAX], above[PATH_MAX];
	struct mount mount;

	start_slow(&mount, SLOW);
	paths(&mount, "f", below, above);
	fill_file(below, 'a', 0);
	open_and_close(above);
	usleep(200000);
	fill_file(above, 'c', 0);
	assert_all(above, 'c');
	assert_true(wait_for(&mount, "fill_races", 1) >= 1);
	for (int i = 0; i < 5; i++)
		assert_all(above, 'c');
	assert_all(below, 'c');
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* His descriptor is closed when the copy is done: only what was counted meanwhile can tell. */
static void a_writer_that_maps_during_a_fill_and_stores_after_it_is_seen(void **state)
{
	char below[PATH_MAX], above[PATH_MAX], *map;
	struct mount mount;
	int fd;

	start_slow(&mount, SLOW);
	paths(&mount, "f", below, above);
	fill_file(below, 'a', 0);
	open_and_close(above);
	usleep(200000);
	fd = open(above, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_return_code(close(fd), errno);
	assert_true(wait_for(&mount, "fill_races", 1) >= 1);
	for (int round = 0; round < 3; round++) {
		open_and_close(above);
		usleep(20000);
	}
	assert_int_equal(mount_stat(&mount, "objects"), 0);
	memset(map, 'd', LENGTH);
	assert_all(above, 'd');
	assert_all(below, 'd');
	munmap(map, LENGTH);
	assert_all(above, 'd');
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_slow_fill_holds_up_no_reader(void **state)
{
	char below[PATH_MAX], above[PATH_MAX];
	struct mount mount;

	start_slow(&mount, "read:delay=1s");
	paths(&mount, "f", below, above);
	fill_file(below, 'a', 0);
	for (int i = 0; i < 20; i++)
		assert_all(above, 'a');
	assert_int_equal(mount_stat(&mount, "fills"), 0); /* it still goes on */
	assert_true(wait_for(&mount, "fills", 1) >= 1);
	assert_all(above, 'a');
	assert_true(mount_stat(&mount, "hits") >= 1);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_fill_that_fails_leaves_the_file_readable(void **state)
{
	char below[PATH_MAX], above[PATH_MAX], output[64];
	struct mount mount;

	start_slow(&mount, "read:eio@512K");
	paths(&mount, "f", below, above);
	fill_file(below, 'a', 0);
	for (int i = 0; i < 20; i++) {
		assert_all(above, 'a');
		usleep(5000);
	}
	assert_true(wait_for(&mount, "fill_failures", 3) >= 3);
	assert_int_equal(mount_stat(&mount, "hits"), 0);
	/* each is counted, and one is told */
	assert_int_equal(
		shell(output, sizeof(output), "grep -c 'Input/output error: .*/f$' %s", mount.log), 0);
	assert_string_equal(output, "1\n");
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* --- settle ------------------------------------------------------------------------------------ */

/* Since its last change of any kind: that can't be set. */
static double age_of(const char *path)
{
	struct timespec now;
	struct stat st;

	assert_return_code(stat(path, &st), errno);
	clock_gettime(CLOCK_REALTIME, &now);
	return (double)(now.tv_sec - st.st_ctim.tv_sec) + (double)(now.tv_nsec - st.st_ctim.tv_nsec) / 1e9;
}

/* Opens it until it is cached; returns how old it was then. */
static double age_when_cached(const struct mount *mount, const char *above, const char *below)
{
	long long fills = mount_stat(mount, "fills");
	double age = 0;

	for (int tries = 0; tries < 300 && mount_stat(mount, "fills") == fills; tries++) {
		open_and_close(above);
		usleep(10000);
		age = age_of(below);
	}
	assert_int_equal(mount_stat(mount, "fills"), fills + 1);
	return age;
}

static void a_file_is_cached_once_it_has_been_unchanged_for_settle(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	char below[PATH_MAX], above[PATH_MAX], byte = 0;
	struct mount mount;
	double age;
	int fd;

	mount_start(&mount, "settle", "store=copy,admit=1,settle=800ms,cache_size=64M");
	paths(&mount, "f", below, above);
	fill_file(below, 'a', 0);
	assert_return_code(utimensat(AT_FDCWD, below, old, 0), errno);
	age = age_when_cached(&mount, above, below);
	if (age < 0.8 || age > 2.5)
		fail_msg("cached %.2f s after its last change", age);
	assert_all(above, 'a');
	assert_true(mount_stat(&mount, "hits") >= 1);
	/* a change is seen at once, and waited for again */
	fill_file(below, 'b', 0);
	assert_all(above, 'b');
	age = age_when_cached(&mount, above, below);
	if (age < 0.8 || age > 2.5)
		fail_msg("cached again %.2f s after its last change", age);
	/* a copy that has followed a write of the mount's own */
	fd = open(above, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "c", 1, 0), 1);
	close(fd);
	fd = open(above, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'c');
	close(fd);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* --- the mount against the replayer ----------------------------------------------------------- */

enum { FILES = 1500, OPENS = 12000 };

static size_t size_of(unsigned file)
{
	struct random random = {.state = file + 77};

	return 100 + random_below(&random, file % 10 ? 12000 : 60000);
}

/* Few files are opened often, many seldom: the rank's power law by rejection of nothing, exponent about 0.9.
 */
static unsigned next_file(struct random *random)
{
	double u = (double)(random_below(random, 1 << 24) + 1) / (1 << 24);

	return (unsigned)(pow(u, 6.0) * FILES) % FILES;
}

static void make_files(const char *source)
{
	char path[PATH_MAX];

	for (unsigned i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%.3000s/%u", source, i);
		assert_return_code(put_file(path, size_of(i), i), errno);
	}
}

static void wait_for_fill(const struct mount *mount)
{
	/* a fill takes a fraction of this; what decides about the next open must be over */
	usleep(400);
}

static void open_files(const struct mount *mount, FILE *trace)
{
	struct random random = {.state = config.seed + 5};
	char path[PATH_MAX];

	fprintf(trace, "time,id,size\n");
	for (unsigned i = 0; i < OPENS; i++) {
		unsigned file = next_file(&random);

		snprintf(path, sizeof(path), "%.3000s/%u", mount->point, file);
		fprintf(trace, "%u,%u,%zu\n", i, file, size_of(file));
		open_and_close(path);
		wait_for_fill(mount);
	}
	assert_int_equal(fclose(trace), 0);
}

static double replayed_miss_ratio(const char *trace, const char *replay)
{
	static char output[65536];
	const char *at;

	assert_int_equal(shell(output, sizeof(output),
				 "'%s' --json --admit=2 --charge=pages --reference-bit --largest=12.5%% "
				 "--sizes=2M '%s'",
				 replay, trace),
		0);
	at = strstr(output, "\"object_miss_ratio\":");
	assert_non_null(at);
	return strtod(at + strlen("\"object_miss_ratio\":"), NULL);
}

static void hits_are_those_of_a_replay_of_the_same_opens(void **state)
{
	const char *replay = getenv("SIEVEFS_REPLAY");
	char trace[PATH_MAX];
	struct mount mount;
	double hits, expected;
	FILE *file;

	if (!replay)
		SKIP_TEST("SIEVEFS_REPLAY does not name the replayer");
	mount_prepare(&mount, "replayed");
	make_files(mount.source);
	mount_start(
		&mount, "replayed", "settle=0,cache_size=2M,small_max=256K,large_min=256K,memory_floor=0");
	snprintf(trace, sizeof(trace), "%.3000s/trace.csv", config.base);
	file = fopen(trace, "we");
	assert_non_null(file);
	open_files(&mount, file);
	hits = (double)mount_stat(&mount, "hits") / OPENS;
	expected = 1 - replayed_miss_ratio(trace, replay);
	print_message("hits through the mount %.4f, replayed %.4f\n", hits, expected);
	assert_true(expected > 0.2 && expected < 0.95);
	assert_true(fabs(hits - expected) <= 0.01);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_fill_that_meets_a_change_behind_the_mount_installs_nothing),
	cmocka_unit_test(a_fill_that_meets_a_writer_of_the_mount_installs_nothing),
	cmocka_unit_test(a_writer_that_maps_during_a_fill_and_stores_after_it_is_seen),
	cmocka_unit_test(a_file_is_cached_once_it_has_been_unchanged_for_settle),
	cmocka_unit_test(a_slow_fill_holds_up_no_reader),
	cmocka_unit_test(a_fill_that_fails_leaves_the_file_readable),
	cmocka_unit_test(hits_are_those_of_a_replay_of_the_same_opens),
};

static const struct suite suite = {
	.name = "races",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(tests[0]),
	.needs_root = true,
	.needs_daemon = true,
};

SUITE_MAIN(suite)
