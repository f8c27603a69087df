/* revalidate=TIME: copies that are used without asking SOURCE, and what ends that. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPIES "store=copy,admit=1,settle=0,small_max=64K,memory_floor=0"
#define KEPT COPIES ",attr_timeout=3600,entry_timeout=3600"
#define LENGTH 5000

static char above[PATH_MAX], below[PATH_MAX];

static void name_file(const struct mount *mount, const char *name)
{
	path_below(above, mount->point, name);
	path_below(below, mount->source, name);
}

/* The file, cached, and asked about since: from now on an open need not ask. */
static void make_known(const struct mount *mount, const char *name)
{
	name_file(mount, name);
	assert_return_code(put_file(below, LENGTH, 1), errno);
	for (int tries = 0, hits = 0; hits < 2; tries++) {
		long long before = mount_stat(mount, "hits");

		assert_true(tries < 400);
		close(open(above, O_RDONLY | O_CLOEXEC));
		if (mount_stat(mount, "hits") > before)
			hits++;
		else
			poll(NULL, 0, 20);
	}
}

static void change_below(unsigned salt)
{
	int fd = open(below, O_WRONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	assert_int_equal(put(fd, LENGTH, 0, salt), LENGTH);
	close(fd);
}

/* Whether what a new open reads is what SOURCE has. */
static bool is_current(void)
{
	char ours[LENGTH + 1], theirs[LENGTH + 1];
	int fd = open(above, O_RDONLY | O_CLOEXEC), other = open(below, O_RDONLY | O_CLOEXEC);
	ssize_t n, m;

	assert_return_code(fd, errno);
	assert_return_code(other, errno);
	n = read(fd, ours, sizeof(ours));
	m = read(other, theirs, sizeof(theirs));
	close(fd);
	close(other);
	assert_true(n >= 0 && m >= 0);
	return n == m && memcmp(ours, theirs, (size_t)n) == 0;
}

static void set_option(const struct mount *mount, const char *text)
{
	char output[512];

	assert_int_equal(shell(output, sizeof(output), "\"$SIEVECTL\" set '%s' %s", mount->point, text), 0);
}

static void within_that_time_an_open_does_not_ask(void **state)
{
	struct mount mount;
	long long unasked;

	(void)state;
	mount_start(&mount, "unasked", KEPT ",revalidate=1h");
	make_known(&mount, "a");
	unasked = mount_stat(&mount, "unasked");
	change_below(2);
	assert_false(is_current());
	assert_int_equal(mount_stat(&mount, "unasked"), unasked + 1);
	assert_return_code(unlink(below), errno);
	close(open(above, O_RDONLY | O_CLOEXEC));
	assert_int_equal(mount_stat(&mount, "unasked"), unasked + 2);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void without_it_each_open_asks(void **state)
{
	struct mount mount;

	(void)state;
	mount_start(&mount, "asked", KEPT);
	make_known(&mount, "a");
	for (unsigned round = 2; round < 20; round++) {
		change_below(round);
		assert_true(is_current());
	}
	assert_int_equal(mount_stat(&mount, "unasked"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void after_that_time_it_asks(void **state)
{
	struct mount mount;
	int waited = 0;

	(void)state;
	mount_start(&mount, "after", KEPT ",revalidate=400ms");
	make_known(&mount, "a");
	change_below(2);
	for (; !is_current() && waited < 20000; waited += 50)
		poll(NULL, 0, 50);
	assert_true(waited < 20000);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void it_may_be_changed_and_that_acts_at_once(void **state)
{
	struct mount mount;

	(void)state;
	mount_start(&mount, "set", KEPT);
	set_option(&mount, "revalidate=1h");
	make_known(&mount, "a");
	change_below(2);
	assert_false(is_current());
	set_option(&mount, "revalidate=0");
	assert_true(is_current());
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void write_above(unsigned salt)
{
	int fd = open(above, O_WRONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	assert_int_equal(put(fd, LENGTH, 0, salt), LENGTH);
	assert_return_code(close(fd), errno);
}

static void replace_above(unsigned salt)
{
	char other[PATH_MAX + 8];

	snprintf(other, sizeof(other), "%s.new", above);
	assert_return_code(put_file(other, LENGTH, salt), errno);
	assert_return_code(rename(other, above), errno);
}

static void what_the_mount_itself_changes_is_seen_at_once(void **state)
{
	struct mount mount;
	int reader;

	(void)state;
	mount_start(&mount, "own", KEPT ",revalidate=1h");
	for (unsigned round = 0; round < 12; round++) {
		make_known(&mount, "a");
		reader = round % 2 ? open(above, O_RDONLY | O_CLOEXEC) : -1;
		switch (round / 2) {
		case 0:
			write_above(round + 2);
			break;
		case 1:
			replace_above(round + 2);
			break;
		case 2:
			assert_return_code(truncate(above, 100), errno);
			break;
		case 3:
			close(open(above, O_WRONLY | O_TRUNC | O_CLOEXEC));
			break;
		case 4:
			assert_return_code(truncate(above, LENGTH - 1), errno);
			assert_return_code(truncate(above, LENGTH), errno);
			break;
		default:
			assert_return_code(unlink(above), errno);
			assert_return_code(put_file(above, LENGTH, round + 2), errno);
		}
		assert_true(is_current());
		assert_true(is_current());
		close(reader);
		unlink(above);
	}
	assert_true(mount_stat(&mount, "unasked") > 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_rule_says_it_for_its_files(void **state)
{
	char rules[PATH_MAX], options[2 * PATH_MAX];
	struct mount mount;
	FILE *file;

	(void)state;
	snprintf(rules, sizeof(rules), "%.3000s/revalidate.rules", config.base);
	file = fopen(rules, "we");
	assert_non_null(file);
	fputs("[data]\npath = *.data\nrevalidate = 1h\n[live]\npath = *.live\nrevalidate = 0\n", file);
	assert_int_equal(fclose(file), 0);
	snprintf(options, sizeof(options), KEPT ",rules=%.900s", rules);
	mount_start(&mount, "ruled", options);
	make_known(&mount, "a.data");
	change_below(2);
	assert_false(is_current());
	make_known(&mount, "a");
	change_below(2);
	assert_true(is_current());
	set_option(&mount, "revalidate=1h");
	make_known(&mount, "b");
	change_below(2);
	assert_false(is_current());
	make_known(&mount, "b.live");
	change_below(2);
	assert_true(is_current());
	/* rules that are read again begin anew */
	make_known(&mount, "c.data");
	change_below(2);
	file = fopen(rules, "we");
	assert_non_null(file);
	fputs("[data]\npath = *.data\nrevalidate = 0\n", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(shell(options, sizeof(options), "\"$SIEVECTL\" reload '%s'", mount.point), 0);
	assert_true(is_current());
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* Attributes and contents of one version. */
static void attributes_of_another_version_end_it(void **state)
{
	struct mount mount;
	struct stat st;

	(void)state;
	mount_start(&mount, "attributes", COPIES ",attr_timeout=3600,entry_timeout=0,revalidate=1h");
	make_known(&mount, "a");
	change_below(2);
	assert_return_code(stat(above, &st), errno); /* a look-up, which reads them */
	assert_true(is_current());
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void who_gets_a_lock_sees_what_others_wrote(void **state)
{
	struct mount mount;
	char c;
	int fd;

	(void)state;
	mount_start(&mount, "locks", KEPT ",locks=shared,revalidate=1h");
	make_known(&mount, "a");
	fd = open(above, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_return_code(truncate(below, 0), errno);
	assert_int_equal(pread(fd, &c, 1, 0), 1);
	assert_return_code(flock(fd, LOCK_SH), errno);
	assert_int_equal(pread(fd, &c, 1, 0), 0);
	close(fd);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(within_that_time_an_open_does_not_ask),
	cmocka_unit_test(without_it_each_open_asks),
	cmocka_unit_test(after_that_time_it_asks),
	cmocka_unit_test(it_may_be_changed_and_that_acts_at_once),
	cmocka_unit_test(what_the_mount_itself_changes_is_seen_at_once),
	cmocka_unit_test(a_rule_says_it_for_its_files),
	cmocka_unit_test(attributes_of_another_version_end_it),
	cmocka_unit_test(who_gets_a_lock_sees_what_others_wrote),
};

static const struct suite suite = {.name = "revalidate",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
