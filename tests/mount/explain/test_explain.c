/* What user.sievefs.lane, .why and .cached_bytes say of a file is what an open of it does. */
#include "tests/support/pages.h"
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static char path_of_file[PATH_MAX];

static const char *in(const struct mount *mount, const char *name)
{
	snprintf(path_of_file, sizeof(path_of_file), "%.3000s/%s", mount->point, name);
	return path_of_file;
}

/* Two values may be in use at once. */
static const char *said(const struct mount *mount, const char *name, const char *attribute)
{
	static char values[2][256];
	static unsigned next;
	char *value = values[next++ % 2];
	ssize_t n = getxattr(in(mount, name), attribute, value, sizeof(values[0]) - 1);

	assert_return_code(n, errno);
	value[n] = '\0';
	return value;
}

static void assert_says(const struct mount *mount, const char *name, const char *lane, const char *why)
{
	assert_string_equal(said(mount, name, "user.sievefs.lane"), lane);
	assert_string_equal(said(mount, name, "user.sievefs.why"), why);
}

static void make(const struct mount *mount, const char *name, size_t size)
{
	assert_return_code(put_file(in(mount, name), size, 1), errno);
}

/* Without reading: whose pages they are is not the question here. */
static int open_file(const struct mount *mount, const char *name, int flags)
{
	int fd = open(in(mount, name), flags | O_CLOEXEC);

	assert_return_code(fd, errno);
	return fd;
}

static void use(const struct mount *mount, const char *name)
{
	close(open_file(mount, name, O_RDONLY));
}

static bool says(const struct mount *mount, const char *name, const char *word)
{
	return strstr(said(mount, name, "user.sievefs.why"), word) != NULL;
}

/* Uses it until it is cached: pages of somebody's can't be held at once. */
static void use_until_cached(const struct mount *mount, const char *name)
{
	char below[PATH_MAX];

	snprintf(below, sizeof(below), "%.3000s/%s", mount->source, name);
	for (int tries = 0; tries < 1000 && !says(mount, name, "; hit"); tries++) {
		pages_drop(below);
		use(mount, name);
		usleep(10000);
	}
	assert_true(says(mount, name, "; hit"));
}

static bool has_passthrough(const struct mount *mount)
{
	char *argv[] = {getenv("SIEVECTL"), (char *)"stat", (char *)mount->point, (char *)"--json", NULL};
	static char json[1 << 16];

	assert_int_equal(program_run(argv, json, sizeof(json)), 0);
	return strstr(json, "\"passthrough_used\":\"on\"") != NULL;
}

/* --- words ------------------------------------------------------------------------------------- */

static void each_threshold_has_its_word(void **state)
{
	struct mount mount;

	mount_start(
		&mount, "words", "small_max=64K,large_min=1M,cache_size=64M,admit=3,large=direct,settle=0");
	if (!has_passthrough(&mount)) {
		make(&mount, "small", 4096);
		assert_says(&mount, "small", "served",
			"no-passthrough; fwd=seldom; size=4096; opens=0; wanted=3");
		mount_stop(&mount, MOUNT_END_UMOUNT);
		return;
	}
	make(&mount, "small", 4096);
	make(&mount, "mid", 65537);
	make(&mount, "large", 1 << 20);
	assert_says(&mount, "mid", "plain", "mid; fwd=too-large; size=65537; small_max=65536");
	assert_says(&mount, "large", "direct",
		"large; fwd=too-large; size=1048576; small_max=65536; large_min=1048576");
	assert_says(&mount, "small", "plain", "small; fwd=seldom; size=4096; opens=0; wanted=3");
	assert_says(&mount, "small", "plain", "small; fwd=seldom; size=4096; opens=0; wanted=3");
	use(&mount, "small");
	assert_says(&mount, "small", "plain", "small; fwd=seldom; size=4096; opens=1; wanted=3");
	use(&mount, "small");
	/* over FUSE the open waits until it is there */
	assert_says(&mount, "small", config.fuse ? "cached" : "plain", "small; fwd=next; size=4096");
	use_until_cached(&mount, "small");
	assert_says(&mount, "small", "cached", "small; hit; size=4096");
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void start_with_rules(struct mount *mount, const char *name, const char *options, const char *text)
{
	char rules[PATH_MAX], all[PATH_MAX + 256];

	snprintf(rules, sizeof(rules), "%.3000s/%s.rules", config.base, name);
	assert_true(g_file_set_contents(rules, text, -1, NULL));
	snprintf(all, sizeof(all), "%s,rules=%.3000s", options, rules);
	mount_start(mount, name, all);
}

static void a_rule_is_named_as_what_decided(void **state)
{
	struct mount mount;

	start_with_rules(&mount, "rules", "small_max=64K,cache_size=64M,admit=3",
		"[raw]\npath = *.raw\nlane = direct\n\n[keep]\npath = *.keep\npin = true\n");
	make(&mount, "a.raw", 4096);
	make(&mount, "a.keep", 4096);
	assert_says(&mount, "a.raw", has_passthrough(&mount) ? "direct" : "served",
		has_passthrough(&mount) ? "rule; fwd=rule; size=4096; section=raw"
					: "no-passthrough; fwd=rule; size=4096; section=raw");
	assert_true(says(&mount, "a.keep", "fwd=next"));
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_cache_that_admits_nothing_says_so(void **state)
{
	struct mount mount;

	mount_start(&mount, "off", "admit=0,cache_size=64M");
	make(&mount, "f", 4096);
	use(&mount, "f");
	assert_true(says(&mount, "f", "; fwd=off; size=4096"));
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_file_that_left_for_others_says_so_and_comes_back(void **state)
{
	struct mount mount;
	char name[16];

	mount_start(&mount, "evicted", "admit=2,cache_size=1M,small_max=128K,settle=0");
	for (int i = 0; i < 24; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make(&mount, name, 100 << 10);
		use_until_cached(&mount, name);
	}
	for (int i = 0; i < 24; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		if (!says(&mount, name, "fwd=evicted"))
			continue;
		use_until_cached(&mount, name);
		mount_stop(&mount, MOUNT_END_UMOUNT);
		return;
	}
	fail_msg("24 files of 100 KiB are in a cache of 1 MiB");
}

static void a_file_beyond_its_part_of_the_budget_says_so(void **state)
{
	struct mount mount;

	start_with_rules(
		&mount, "budget", "admit=1,cache_size=1M,small_max=64K", "[all]\npath = *\nlane = cached\n");
	make(&mount, "f", 500000);
	assert_true(says(&mount, "f", "; fwd=over-budget; size=500000; cache_size=1048576"));
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* --- as attributes ------------------------------------------------------------------------------ */

static void they_are_not_listed_and_cannot_be_set_or_removed(void **state)
{
	struct mount mount;
	char names[256];

	mount_start(&mount, "attributes", "admit=2");
	make(&mount, "f", 4096);
	assert_return_code(mkdir(in(&mount, "d"), 0755), errno);
	assert_return_code(setxattr(in(&mount, "f"), "user.sievefs.other", "x", 1, 0), errno);
	assert_int_equal(listxattr(in(&mount, "f"), names, sizeof(names)), sizeof("user.sievefs.other"));
	assert_int_equal(setxattr(in(&mount, "f"), "user.sievefs.lane", "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(removexattr(in(&mount, "f"), "user.sievefs.why"), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(getxattr(in(&mount, "f"), "user.sievefs.lane", names, 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(getxattr(in(&mount, "d"), "user.sievefs.lane", names, sizeof(names)), -1);
	assert_int_equal(errno, ENODATA);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void who_may_not_read_the_file_is_told_nothing(void **state)
{
	struct mount mount;
	int status;
	pid_t child;

	if (geteuid() != 0)
		SKIP_TEST("only root can be somebody else");
	mount_start(&mount, "rights", "admit=2");
	make(&mount, "f", 4096);
	assert_return_code(chmod(in(&mount, "f"), 0600), errno);
	child = suite_fork();
	if (!child) {
		char value[64];
		bool told = setgid(65534) || setuid(65534) ||
			    getxattr(in(&mount, "f"), "user.sievefs.lane", value, sizeof(value)) >= 0 ||
			    errno != EACCES;

		_exit(told);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void cached_bytes_are_what_the_page_cache_has(void **state)
{
	struct mount mount;
	char below[PATH_MAX];
	int kept = pages_keep();

	if (config.source)
		SKIP_TEST("overlayfs does not tell what is cached");
	mount_start(&mount, "bytes", "admit=0,small_max=64K");
	make(&mount, "f", 1000000);
	snprintf(below, sizeof(below), "%.3000s/f", mount.source);
	pages_drop(below);
	assert_string_equal(said(&mount, "f", "user.sievefs.cached_bytes"), "0");
	warm(in(&mount, "f"));
	assert_string_equal(said(&mount, "f", "user.sievefs.cached_bytes"), "1000000");
	close(kept);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* --- compared with opens ------------------------------------------------------------------------ */

#define LANES 6
#define FILES 60

struct counts {
	long long opens[LANES], hits;
};

static const char *const lanes[LANES] = {"cached", "plain", "direct", "trailed", "cached-write", "served"};

/* As sievectl asks, without a process for each question. */
static void count(const struct mount *mount, struct counts *counts)
{
	static char text[1 << 16];
	int fd = open_file(mount, ".sievefs", O_RDWR);
	size_t used = 0;
	ssize_t n;
	char key[64];

	assert_int_equal(write(fd, "stat --json", 11), 11);
	while ((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(fd);
	for (int i = 0; i < LANES; i++) {
		const char *at;

		snprintf(key, sizeof(key), "\"%s\":{\"opens\":", lanes[i]);
		at = strstr(text, key);
		assert_non_null(at);
		counts->opens[i] = strtoll(at + strlen(key), NULL, 10);
	}
	counts->hits = strtoll(strstr(text, "\"hits\":") + 7, NULL, 10);
}

/* Until nothing is on its way in: the answer and the open are to see the same. */
static void settle(const struct mount *mount, const char *name)
{
	for (int tries = 0; tries < 2000 && says(mount, name, "fwd=filling"); tries++)
		usleep(1000);
}

/* The daemon hears of a close later, and a copy is not proved fresh while a writer's descriptor is there. */
static void close_heard(int fd)
{
	close(fd);
	usleep(5000);
}

static void change(const struct mount *mount, const char *name, struct random *random)
{
	int fd = open_file(mount, name, O_WRONLY);

	assert_return_code(ftruncate(fd, (off_t)random_below(random, 1 << 17)), errno);
	close_heard(fd);
}

static void compare(const struct mount *mount, const char *name)
{
	struct counts before, after;
	char lane[64], why[256];
	bool hit;

	count(mount, &before);
	snprintf(lane, sizeof(lane), "%s", said(mount, name, "user.sievefs.lane"));
	snprintf(why, sizeof(why), "%s", said(mount, name, "user.sievefs.why"));
	use(mount, name);
	count(mount, &after);
	hit = strstr(why, "; hit") != NULL;
	if (strstr(why, "; fwd=bound"))
		return; /* the kernel may have closed the last descriptor since */
	if (after.hits - before.hits != hit)
		fail_msg("%s: %s, but the open was a %s", name, why, hit ? "miss" : "hit");
	for (int i = 0; i < LANES; i++) {
		if (after.opens[i] - before.opens[i] != (strcmp(lane, lanes[i]) == 0))
			fail_msg("%s: said %s (%s), but opens by %s moved by %lld", name, lane, why, lanes[i],
				after.opens[i] - before.opens[i]);
	}
}

static void what_is_said_is_what_the_next_open_does(void **state)
{
	unsigned long ops = config.op_count ? config.op_count : 3000;
	struct mount mount;
	struct random random = {.state = config.seed};
	char name[16];
	int held[FILES];

	mount_start(&mount, "compare",
		"small_max=64K,large_min=100K,cache_size=1M,admit=2,settle=0,large=direct,memory_floor=0");
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make(&mount, name, random_below(&random, 1 << 17));
		held[i] = -1;
	}
	for (unsigned long op = 0; op < ops; op++) {
		int i = (int)(random_below(&random, 2) ? random_below(&random, 12)
						       : random_below(&random, FILES));

		snprintf(name, sizeof(name), "f%d", i);
		if (random_below(&random, 30) == 0)
			change(&mount, name, &random);
		settle(&mount, name);
		compare(&mount, name);
		settle(&mount, name);
		if (held[i] >= 0)
			close_heard(held[i]);
		held[i] = -1;
		if (random_below(&random, 8) == 0) {
			held[i] = open_file(&mount, name, random_below(&random, 3) ? O_RDONLY : O_WRONLY);
			settle(&mount, name);
		}
	}
	for (int i = 0; i < FILES; i++) {
		if (held[i] >= 0)
			close(held[i]);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_threshold_has_its_word),
	cmocka_unit_test(a_rule_is_named_as_what_decided),
	cmocka_unit_test(a_cache_that_admits_nothing_says_so),
	cmocka_unit_test(a_file_that_left_for_others_says_so_and_comes_back),
	cmocka_unit_test(a_file_beyond_its_part_of_the_budget_says_so),
	cmocka_unit_test(they_are_not_listed_and_cannot_be_set_or_removed),
	cmocka_unit_test(who_may_not_read_the_file_is_told_nothing),
	cmocka_unit_test(cached_bytes_are_what_the_page_cache_has),
	cmocka_unit_test(what_is_said_is_what_the_next_open_does),
};

static const struct suite suite = {
	.name = "explain",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_daemon = true,
	.needs_cachestat = true,
};

SUITE_MAIN(suite)
