/* Several processes do thousands of random operations on the mount and on a plain directory; all answers must
 * agree. */
#include "tests/mount/oracle/actor.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACTORS_MAX 16
#define CROWD_FILES 300

/* Who may act next, when all act on the same files: drawn from the seed, so that a run can be repeated. */
struct turns {
	struct random random;
	unsigned long left;
	unsigned actor_count;
	sem_t semaphore[ACTORS_MAX];
};

static unsigned proc_count(void)
{
	unsigned long count = config.proc_count ? config.proc_count : 4;

	return count > ACTORS_MAX ? ACTORS_MAX : (unsigned)count;
}

static unsigned long op_count(unsigned long fallback)
{
	return config.op_count ? config.op_count : fallback;
}

static void open_dirs(const char *name, int dir[SIDES])
{
	const char *roots[SIDES] = {bare_dir, mounted.point};

	for (int s = PLAIN; s < SIDES; s++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%.3000s/%s", roots[s], name);
		if (mkdir(path, 0755) && errno != EEXIST)
			fail_msg("mkdir %s: %s", path, strerror(errno));
		dir[s] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_return_code(dir[s], errno);
	}
}

static bool passes_through(void)
{
	return config.bare ||
	       (!config.user && geteuid() == 0 && !(config.lane && !strcmp(config.lane, "served")) &&
		       !(config.passthrough && !strcmp(config.passthrough, "off")));
}

static void act_alone(unsigned number, const int dir[SIDES], struct trail *trail)
{
	unsigned long count = op_count(2500);
	struct actor actor;

	if (actor_init(&actor, number, config.seed + number, dir, trail))
		_exit(1);
	actor.compare_times = passes_through();
	while (count--)
		actor_step(&actor);
	actor_deinit(&actor);
	_exit(0);
}

static void act_in_turn(struct turns *turns, unsigned number, const int dir[SIDES], struct trail *trail)
{
	struct actor actor;

	if (actor_init(&actor, number, config.seed + 1000 + number, dir, trail))
		_exit(1);
	actor.compare_times = passes_through();
	for (;;) {
		sem_wait(&turns->semaphore[number]);
		if (!turns->left)
			break;
		turns->left--;
		actor_step(&actor);
		sem_post(&turns->semaphore[random_below(&turns->random, turns->actor_count)]);
	}
	/* The end is passed round. */
	for (unsigned i = 0; i < turns->actor_count; i++)
		sem_post(&turns->semaphore[i]);
	actor_deinit(&actor);
	_exit(0);
}

/* Reads other files all the time, so that the cache has reason to admit and to evict. */
static void crowd(const char *root)
{
	static char buffer[65536];
	struct random random = {.state = config.seed + 77};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/crowd", root);
	if (mkdir(path, 0755) || chdir(path))
		_exit(1);
	for (unsigned i = 0;; i++) {
		snprintf(path, sizeof(path), "%u",
			i < CROWD_FILES ? i : (unsigned)random_below(&random, CROWD_FILES));
		if (i < CROWD_FILES) {
			if (put_file(path, 1000 + i * 50, i))
				_exit(1);
		} else {
			int fd = open(path, O_RDONLY | O_CLOEXEC);

			if (fd < 0 || read(fd, buffer, sizeof(buffer)) <= 0)
				_exit(1);
			close(fd);
			poll(NULL, 0, 1);
		}
	}
}

static void wait_for_actors(const pid_t *children, struct trail *const *trails, unsigned count)
{
	unsigned failed = 0;

	for (unsigned left = count; left && !failed; left--) {
		int status = 0;
		pid_t child = wait(&status);

		for (unsigned i = 0; i < count; i++)
			if (children[i] == child && WIFSIGNALED(status)) {
				fprintf(stderr, "actor %u died of signal %d during the last of:\n", i,
					WTERMSIG(status));
				trail_print(trails[i], i);
			}
		failed += status != 0;
	}
	for (unsigned i = 0; failed && i < count; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	for (unsigned i = 0; failed && i < count; i++)
		trail_print(trails[i], i);
	if (failed)
		fail_msg("an actor found a difference, seed %llu", (unsigned long long)config.seed);
}

static void run_actors(const char *name, struct turns *turns)
{
	struct trail *trails[ACTORS_MAX];
	pid_t children[ACTORS_MAX], crowding;
	unsigned count = proc_count();
	int dir[SIDES], status;

	crowding = suite_fork();
	if (!crowding)
		crowd(mounted.point);
	for (unsigned i = 0; i < count; i++) {
		char path[64];

		snprintf(path, sizeof(path), turns ? "%s" : "%s%u", name, i);
		open_dirs(path, dir);
		trails[i] = trail_new();
		assert_non_null(trails[i]);
		children[i] = suite_fork();
		assert_return_code(children[i], errno);
		if (!children[i] && turns)
			act_in_turn(turns, i, dir, trails[i]);
		if (!children[i])
			act_alone(i, dir, trails[i]);
		close(dir[PLAIN]);
		close(dir[MOUNT]);
	}
	/* So that wait() sees actors only. */
	if (turns)
		sem_post(&turns->semaphore[0]);
	wait_for_actors(children, trails, count);
	assert_int_equal(waitpid(crowding, &status, WNOHANG), 0);
	kill(crowding, SIGKILL);
	waitpid(crowding, &status, 0);
}

static void compare_with_source(const char *name)
{
	char bare[PATH_MAX], point[PATH_MAX], source[PATH_MAX];

	snprintf(bare, sizeof(bare), "%.3000s/%s", bare_dir, name);
	snprintf(point, sizeof(point), "%.3000s/%s", mounted.point, name);
	snprintf(source, sizeof(source), "%.3000s/%s", mounted.source, name);
	assert_same_trees(bare, point);
	assert_same_trees(bare, source);
	mount_stop(&mounted, MOUNT_END_SIGTERM);
	assert_same_trees(bare, source);
}

static void processes_with_files_of_their_own_agree_with_a_plain_directory(void **state)
{
	char name[64];

	mount_start(&mounted, "alone", NULL);
	run_actors("alone", NULL);
	for (unsigned i = 0; i < proc_count(); i++) {
		char bare[PATH_MAX], point[PATH_MAX];

		snprintf(bare, sizeof(bare), "%.3000s/alone%u", bare_dir, i);
		snprintf(point, sizeof(point), "%.3000s/alone%u", mounted.point, i);
		assert_same_trees(bare, point);
	}
	snprintf(name, sizeof(name), "alone%u", 0);
	compare_with_source(name);
}

static void processes_sharing_files_agree_with_a_plain_directory(void **state)
{
	struct turns *turns =
		mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(turns, MAP_FAILED);
	turns->random.state = config.seed + 5000;
	turns->left = op_count(2500) * proc_count();
	turns->actor_count = proc_count();
	for (unsigned i = 0; i < turns->actor_count; i++)
		sem_init(&turns->semaphore[i], 1, 0);
	mount_start(&mounted, "shared", NULL);
	run_actors("shared", turns);
	compare_with_source("shared");
	munmap(turns, sizeof(*turns));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(processes_with_files_of_their_own_agree_with_a_plain_directory),
	cmocka_unit_test(processes_sharing_files_agree_with_a_plain_directory),
};

static const struct suite suite = {
	.name = "oracle", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests)};

SUITE_MAIN(suite)
