#include "backends/stamp.h"
#include "tests/backends/fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Nobody has it open for writing. */
static void quiet_file(struct fixture *fixture)
{
	fixture_init(fixture, ".", 4096);
	fixture_close_for_writing(fixture);
}

static void remove_file(struct fixture *fixture)
{
	close(fixture->fd);
	unlink(fixture->path);
}

static void a_stamp_counts_once_no_other_change_can_look_like_it(void **state)
{
	const int64_t second = 1000000000, changed = 1700000000 * second;
	struct stamp fine = {.mtime_ns = changed + 12345, .ctime_ns = changed + 12345};
	struct stamp coarse = {.mtime_ns = changed, .ctime_ns = changed};
	struct fixture fixture;
	int writer;

	quiet_file(&fixture);
	assert_false(stamp_is_trusted(fixture.fd, &fine, changed - second));
	assert_false(stamp_is_trusted(fixture.fd, &fine, changed + second / 20));
	assert_true(stamp_is_trusted(fixture.fd, &fine, changed + second / 5));
	assert_false(stamp_is_trusted(fixture.fd, &coarse, changed + second));
	assert_true(stamp_is_trusted(fixture.fd, &coarse, changed + 3 * second));
	writer = fixture_open_for_writing(&fixture);
	assert_false(stamp_is_trusted(fixture.fd, &fine, changed + 3 * second));
	/* a write that takes so long is not believed in */
	assert_true(stamp_is_trusted(fixture.fd, &fine, changed + 3600 * second));
	close(writer);
	remove_file(&fixture);
}

static void every_change_moves_the_stamp(void **state)
{
	struct stamp before, after;
	struct fixture fixture;
	int writer;

	quiet_file(&fixture);
	assert_int_equal(stamp_take(fixture.fd, &before), 0);
	assert_int_equal(stamp_take(fixture.fd, &after), 0);
	assert_true(stamp_equals(&before, &after));
	writer = fixture_open_for_writing(&fixture);
	assert_int_equal(pwrite(writer, "x", 1, 0), 1);
	assert_int_equal(stamp_take(fixture.fd, &after), 0);
	assert_false(stamp_equals(&before, &after));
	before = after;
	assert_int_equal(ftruncate(writer, 5), 0);
	assert_int_equal(stamp_take(fixture.fd, &after), 0);
	assert_int_equal(after.size, 5);
	assert_false(stamp_equals(&before, &after));
	close(writer);
	remove_file(&fixture);
	assert_int_equal(stamp_take(-1, &after), -EBADF);
}

static void whole_seconds_in_both_times_are_coarse(void **state)
{
	const int64_t second = 1000000000;

	assert_true(stamp_is_coarse(7 * second, 9 * second));
	assert_false(stamp_is_coarse(7 * second, 9 * second + 1)); /* as touch -d leaves it */
	assert_false(stamp_is_coarse(7 * second + 1, 9 * second));
}

static void users_of_a_file_are_told_and_not_hindered_afterwards(void **state)
{
	struct fixture fixture;
	int other;

	quiet_file(&fixture);
	assert_false(stamp_file_is_open(fixture.fd));
	assert_false(stamp_file_is_written(fixture.fd));
	assert_false(stamp_holds_leases());
	other = open(fixture.path, O_RDONLY | O_NONBLOCK); /* EAGAIN where a lease were left */
	assert_true(other >= 0);
	assert_true(stamp_file_is_open(fixture.fd));
	assert_false(stamp_file_is_written(fixture.fd));
	close(other);
	other = open(fixture.path, O_WRONLY | O_NONBLOCK);
	assert_true(other >= 0);
	assert_true(stamp_file_is_open(fixture.fd));
	assert_true(stamp_file_is_written(fixture.fd));
	close(other);
	assert_false(stamp_file_is_open(fixture.fd));
	assert_false(stamp_holds_leases());
	remove_file(&fixture);
}

static void where_no_lease_can_be_had_nobody_is_known_to_write(void **state)
{
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	assert_false(stamp_file_is_written(pipes[0]));
	assert_false(stamp_file_is_open(pipes[0]));
	assert_false(stamp_holds_leases());
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_counts_once_no_other_change_can_look_like_it),
		cmocka_unit_test(every_change_moves_the_stamp),
		cmocka_unit_test(whole_seconds_in_both_times_are_coarse),
		cmocka_unit_test(users_of_a_file_are_told_and_not_hindered_afterwards),
		cmocka_unit_test(where_no_lease_can_be_had_nobody_is_known_to_write),
	};

	signal(SIGIO, SIG_IGN); /* a lease was broken */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
