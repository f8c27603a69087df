/* rules=FILE in a mount: what it says about a file is done, and a bad file is refused without harm. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char output[4096], rules_path[PATH_MAX];

static void write_rules(const char *text)
{
	FILE *file = fopen(rules_path, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void start_admitting(struct mount *mount, const char *name, const char *text, unsigned admit)
{
	char options[PATH_MAX + 64];

	snprintf(rules_path, sizeof(rules_path), "%.3000s/%s.rules", config.base, name);
	write_rules(text);
	snprintf(options, sizeof(options), "cache_size=1M,small_max=64K,admit=%u,settle=0,rules=%.900s",
		admit, rules_path);
	mount_start(mount, name, options);
}

static void start(struct mount *mount, const char *name, const char *text)
{
	start_admitting(mount, name, text, 1);
}

static void make(const struct mount *mount, const char *name, size_t length)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%s", mount->point, name);
	assert_return_code(put_file(path, length, 1), errno);
}

static void use(const struct mount *mount, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%s", mount->point, name);
	warm(path);
}

/* By how much a counter moved while a file was used. */
static long long moved_by(const struct mount *mount, const char *key, const char *name)
{
	long long before = mount_stat(mount, key);

	use(mount, name);
	return mount_stat(mount, key) - before;
}

/* How many fills there are until a file that is to be cached has been: on a busy machine its writer's
 * RELEASE, or the filler, comes late. */
static long long fills_for(const struct mount *mount, const char *name)
{
	long long before = mount_stat(mount, "fills"), now = before;

	for (int i = 0; i < 100 && now == before; i++) {
		use(mount, name);
		now = mount_stat(mount, "fills");
	}
	return now - before;
}

static void each_file_takes_the_lane_of_its_rule(void **state)
{
	struct mount mount;

	start(&mount, "lanes",
		"[films]\npath = *.film\nlane = direct\n\n[never]\npath = *.raw\nlane = plain\n\n"
		"[docs]\npath = *.doc\nlane = cached\n");
	make(&mount, "a.film", 20000);
	make(&mount, "a.raw", 20000);
	make(&mount, "a.doc", 20000);
	assert_true(moved_by(&mount, "direct/opens", "a.film") > 0);
	assert_int_equal(moved_by(&mount, "fills", "a.film"), 0);
	assert_int_equal(moved_by(&mount, "fills", "a.raw"), 0);
	assert_true(moved_by(&mount, "plain/opens", "a.raw") > 0);
	assert_int_equal(fills_for(&mount, "a.doc"), 1);
	assert_true(moved_by(&mount, "hits", "a.doc") > 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void pinned_files_stay_when_others_come(void **state)
{
	struct mount mount;
	char name[64];

	start(&mount, "pin", "[keep]\npath = *.keep\npin = true\n");
	make(&mount, "a.keep", 30000);
	use(&mount, "a.keep");
	assert_true(mount_stat(&mount, "pinned_bytes") >= 30000);
	for (int i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "other%d", i);
		make(&mount, name, 30000);
		use(&mount, name);
	}
	assert_true(mount_stat(&mount, "evictions") > 0);
	assert_int_equal(moved_by(&mount, "fills", "a.keep"), 0);
	assert_true(moved_by(&mount, "hits", "a.keep") > 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void assert_pinned_in_bound(const struct mount *mount)
{
	long long pinned = mount_stat(mount, "pinned_bytes");

	if (pinned > 512 << 10)
		fail_msg("%lld bytes are pinned, of a cache of 1M", pinned);
}

static void pinned_files_take_half_of_the_cache_at_most(void **state)
{
	enum { COUNT = 30, GROWING = 18 };
	struct mount mount;
	int readers[COUNT];
	char name[64], path[PATH_MAX];
	long long pinned;

	start(&mount, "half", "[keep]\npath = *.keep\npin = true\n");
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "%d.keep", i);
		make(&mount, name, 20000);
		use(&mount, name);
		assert_pinned_in_bound(&mount);
		snprintf(path, sizeof(path), "%.3000s/%s", mount.point, name);
		readers[i] = open(path, O_RDONLY | O_CLOEXEC);
		assert_return_code(readers[i], errno);
	}
	pinned = mount_stat(&mount, "pinned_bytes");
	assert_true(pinned > 450 << 10);
	assert_int_equal(shell(output, sizeof(output), "grep -c 'half of cache_size' %s", mount.log), 0);
	assert_string_equal(output, "1\n");
	/* they grow where they are open */
	for (int i = 0; i < GROWING; i++) {
		int fd;

		snprintf(path, sizeof(path), "%.3000s/%d.keep", mount.point, i);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		assert_int_equal(put(fd, 30000, 20000, 1), 30000);
		close(fd);
		assert_pinned_in_bound(&mount);
	}
	assert_int_equal(mount_stat(&mount, "frozen"), 0);
	for (int i = 0; i < COUNT; i++)
		close(readers[i]);
	/* and the other half turns over */
	make(&mount, "other", 20000);
	use(&mount, "other");
	assert_true(moved_by(&mount, "hits", "other") > 0);
	for (int i = 0; i < COUNT; i++) {
		snprintf(path, sizeof(path), "%.3000s/%d.keep", mount.point, i);
		assert_return_code(unlink(path), errno);
	}
	for (int tries = 0; tries < 100 && mount_stat(&mount, "pinned_bytes"); tries++)
		usleep(20000);
	assert_int_equal(mount_stat(&mount, "pinned_bytes"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* A copy comes a moment after the open that asked for it, and goes when no release is on its way any more. */
static void use_until(const struct mount *mount, const char *name, const char *key, long long value)
{
	for (int tries = 0; tries < 500 && mount_stat(mount, key) != value; tries++)
		use(mount, name);
	assert_int_equal(mount_stat(mount, key), value);
}

static void files_that_may_not_be_cached_take_no_place_in_the_ghost_list(void **state)
{
	struct mount mount;

	start_admitting(&mount, "ghosts", "[never]\npath = *.raw\nlane = plain\n", 2);
	make(&mount, "large", 100000);
	make(&mount, "a.raw", 1000);
	make(&mount, "small", 1000);
	use(&mount, "large");
	use(&mount, "a.raw");
	assert_int_equal(mount_stat(&mount, "ghosts"), 0);
	use_until(&mount, "small", "objects", 1);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static int reload(const struct mount *mount)
{
	return shell(output, sizeof(output), "'%s' reload '%s'", getenv("SIEVECTL"), mount->point);
}

static void a_reload_changes_the_rules_and_a_bad_one_does_not(void **state)
{
	struct mount mount;

	start(&mount, "reload", "[films]\npath = *.film\nlane = direct\n");
	make(&mount, "a.film", 20000);
	make(&mount, "b.raw", 20000);
	write_rules("[films]\npath = *.film\nlane = sideways\n");
	assert_int_not_equal(reload(&mount), 0);
	if (!strstr(output, "line 3") || !strstr(output, "sideways"))
		fail_msg("the line does not say what is wrong: %s", output);
	assert_int_equal(moved_by(&mount, "fills", "a.film"), 0);
	write_rules("[raw]\npath = *.raw\nlane = plain\n");
	if (reload(&mount))
		fail_msg("reload: %s", output);
	assert_int_equal(moved_by(&mount, "fills", "b.raw"), 0);
	assert_int_equal(fills_for(&mount, "a.film"), 1);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void what_is_no_file_or_too_large_is_not_read_again(void **state)
{
	struct mount mount;

	start(&mount, "replaced", "[films]\npath = *.film\nlane = direct\n");
	assert_return_code(unlink(rules_path), errno);
	assert_return_code(mkfifo(rules_path, 0600), errno);
	assert_int_equal(
		shell(output, sizeof(output), "timeout 5 '%s' reload '%s'", getenv("SIEVECTL"), mount.point),
		1);
	assert_non_null(strstr(output, "regular file"));
	assert_return_code(unlink(rules_path), errno);
	write_rules("[films]\n");
	assert_return_code(truncate(rules_path, 1LL << 40), errno);
	assert_int_equal(reload(&mount), 1);
	assert_non_null(strstr(output, "1M"));
	write_rules("");
	assert_int_equal(reload(&mount), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_cached_file_follows_new_rules_at_its_next_open(void **state)
{
	struct mount mount;

	start(&mount, "follow", "[all]\npath = *\nlane = cached\n");
	make(&mount, "a", 30000);
	make(&mount, "b", 30000);
	make(&mount, "big", 100000);
	use_until(&mount, "a", "objects", 1);
	use_until(&mount, "b", "objects", 2);
	use_until(&mount, "big", "objects", 3);
	write_rules("[keep]\npath = a\npin = true\n[never]\npath = b\nlane = plain\n");
	if (reload(&mount))
		fail_msg("reload: %s", output);
	assert_int_equal(moved_by(&mount, "fills", "a"), 0);
	assert_true(mount_stat(&mount, "pinned_bytes") >= 30000);
	assert_int_equal(moved_by(&mount, "hits", "b"), 0);
	assert_int_equal(mount_stat(&mount, "objects"), 2);
	assert_int_equal(
		moved_by(&mount, "hits", "big"), 0); /* not small, and no rule says cached any more */
	assert_int_equal(mount_stat(&mount, "objects"), 1);
	write_rules("[other]\npath = *.other\npin = true\n");
	if (reload(&mount))
		fail_msg("reload: %s", output);
	assert_true(moved_by(&mount, "hits", "a") > 0);
	assert_int_equal(mount_stat(&mount, "pinned_bytes"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* Through a descriptor that names the file: no lookup tells the daemon its name again. */
static void reopen(int file)
{
	char path[64], byte;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
}

/* The daemon lets go of descriptors that nobody uses within seconds. */
static void forget_names(void)
{
	for (int i = 0; i < 4; i++) {
		int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

		assert_int_equal(write(fd, "2", 1), 1);
		close(fd);
		sleep(1);
	}
}

static void rules_hold_where_the_kernel_has_forgotten_the_name(void **state)
{
	struct mount mount;
	char path[PATH_MAX];
	long long opens;
	int file;

	start(&mount, "names", "[never]\npath = *.raw\nlane = plain\n");
	make(&mount, "a.raw", 20000);
	use(&mount, "a.raw");
	snprintf(path, sizeof(path), "%.3000s/a.raw", mount.point);
	file = open(path, O_PATH | O_CLOEXEC);
	assert_return_code(file, errno);
	forget_names();
	opens = mount_stat(&mount, "plain/opens");
	for (int i = 0; i < 3; i++)
		reopen(file);
	assert_int_equal(mount_stat(&mount, "plain/opens") - opens, 3);
	assert_int_equal(mount_stat(&mount, "misses"), 0);
	close(file);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_bad_file_is_refused_at_the_mount(void **state)
{
	static const char *const texts[] = {
		"[a]\nlane = sideways\n", "no section\n", "[a]\nsize = much\n", "[a]\nunknown = 1\n"};
	struct mount mount;

	mount_prepare(&mount, "bad");
	snprintf(rules_path, sizeof(rules_path), "%.3000s/bad.rules", config.base);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		write_rules(texts[i]);
		assert_int_equal(shell(output, sizeof(output), "'%s' -o rules='%s' '%s' '%s'",
					 getenv("SIEVEFS"), rules_path, mount.source, mount.point),
			1);
		if (!strstr(output, "rules") || !strstr(output, "line") ||
			strchr(output, '\n') != output + strlen(output) - 1)
			fail_msg("not one line that says what is wrong: %s", output);
		assert_false(mount_is_on(mount.point));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_file_takes_the_lane_of_its_rule),
	cmocka_unit_test(pinned_files_stay_when_others_come),
	cmocka_unit_test(pinned_files_take_half_of_the_cache_at_most),
	cmocka_unit_test(files_that_may_not_be_cached_take_no_place_in_the_ghost_list),
	cmocka_unit_test(a_reload_changes_the_rules_and_a_bad_one_does_not),
	cmocka_unit_test(what_is_no_file_or_too_large_is_not_read_again),
	cmocka_unit_test(a_cached_file_follows_new_rules_at_its_next_open),
	cmocka_unit_test(rules_hold_where_the_kernel_has_forgotten_the_name),
	cmocka_unit_test(a_bad_file_is_refused_at_the_mount),
};

static const struct suite suite = {.name = "rules",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
