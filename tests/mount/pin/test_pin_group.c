/* Pinned files and memory cgroups: nobody pays for what others hold, and where memory runs out a keeper goes.
 */
#include "tests/mount/pin/pins.h"
#include "tests/support/group.h"
#include "tests/support/pages.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOT_FILES 96
#define HOT_SIZE (1 << 20)

/* In a group of its own: reads all files, round after round, once told to by a byte. */
static pid_t start_reader(const struct mount *mount, int go[2], int done)
{
	pid_t child = suite_fork();
	char name[16], byte;

	if (child)
		return child;
	close(go[1]); /* it ends when the other one is closed */
	group_enter();
	while (read(go[0], &byte, 1) == 1 && byte == 'g') {
		for (int i = 0; i < HOT_FILES; i++) {
			static char bytes[256 << 10];
			int fd;

			snprintf(name, sizeof(name), "f%d", i);
			fd = open(in(mount, name), O_RDONLY | O_CLOEXEC);
			while (fd >= 0 && read(fd, bytes, sizeof(bytes)) > 0)
				;
			if (fd < 0 || close(fd) < 0)
				_exit(2);
		}
		if (write(done, "d", 1) != 1)
			_exit(3);
	}
	_exit(0);
}

static void one_round(int go, int done)
{
	char byte;

	assert_int_equal(write(go, "g", 1), 1);
	assert_int_equal(read(done, &byte, 1), 1); /* none where it was killed */
}

static void a_small_group_does_not_pay_for_what_is_pinned(void **state)
{
	int go[2], done[2], status;
	struct mount mount;
	long long hits = 0;
	char name[16];
	pid_t reader;

	if (!group_begin("memory"))
		SKIP_TEST("a memory cgroup can't be made");
	group_set("memory.limit_in_bytes", "memory.max", "33554432");
	mount_start(&mount, "group", "store=pin,admit=2,small_max=1M,cache_size=256M");
	for (int i = 0; i < HOT_FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_return_code(put_file(below(&mount, name), HOT_SIZE, (unsigned)i), errno);
		pages_drop(below(&mount, name));
	}
	assert_return_code(pipe2(go, O_CLOEXEC), errno);
	assert_return_code(pipe2(done, O_CLOEXEC), errno);
	reader = start_reader(&mount, go, done[1]);
	close(done[1]);
	for (int round = 0; round < 40 && mount_stat(&mount, "objects") < HOT_FILES; round++)
		one_round(go[1], done[0]);
	assert_int_equal(mount_stat(&mount, "locked_bytes"), HOT_FILES * HOT_SIZE);
	hits = mount_stat(&mount, "hits");
	one_round(go[1], done[0]);
	assert_int_equal(mount_stat(&mount, "hits"), hits + HOT_FILES);
	assert_true(group_number("memory.stat", "memory.stat", "unevictable") < HOT_SIZE);
	assert_int_equal(group_oom_kills(), 0);
	close(go[1]);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_int_equal(status, 0);
	close(go[0]);
	close(done[0]);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* In a group of its own: reads and maps the file, and stays until the descriptor is closed. */
static pid_t start_mapper(const char *path, int go[2])
{
	pid_t child = suite_fork();
	char byte;
	int fd;

	if (child)
		return child;
	close(go[1]);
	group_enter();
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0) == MAP_FAILED)
		_exit(2);
	_exit(write(go[0], "m", 1) != 1 || read(go[0], &byte, 1) != 0);
}

static void what_cannot_be_pinned_is_tried_a_few_times_a_second(void **state)
{
	struct timespec start, end;
	int go[2], status;
	struct mount mount;
	pid_t mapper;
	char byte;

	if (config.source && !strcmp(config.source, "tmpfs"))
		SKIP_TEST("pages of tmpfs are charged to who wrote them");
	if (!group_begin("memory"))
		SKIP_TEST("a memory cgroup can't be made");
	mount_start(&mount, "mapped", "store=pin,admit=1");
	assert_return_code(put_file(below(&mount, "f"), 4 * PAGE, 1), errno);
	pages_drop(below(&mount, "f"));
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go), errno);
	mapper = start_mapper(below(&mount, "f"), go);
	assert_int_equal(read(go[1], &byte, 1), 1);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 300; i++) {
		use(in(&mount, "f"));
		usleep(1000);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_int_equal(mount_stat(&mount, "objects"), 0);
	assert_in_range(mount_stat(&mount, "foreign"), 1,
		2 + (end.tv_sec - start.tv_sec) * 8 + (end.tv_nsec - start.tv_nsec) / 125000000);
	close(go[1]);
	assert_int_equal(waitpid(mapper, &status, 0), mapper);
	assert_int_equal(status, 0);
	for (int tries = 0; tries < 300 && !mount_stat(&mount, "objects"); tries++) {
		use(in(&mount, "f"));
		usleep(10000);
	}
	assert_int_equal(mount_stat(&mount, "locked_bytes"), 4 * PAGE);
	close(go[0]);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/*
 * The hog's pages with a half of what is pinned are too much. Without, there is room for the daemon's own,
 * which the address sanitizer makes many; it adds an eighth to the hog's.
 */
#define OOM_LIMIT "402653184"
#define OOM_FILES 16
#define OOM_SIZE (16 << 20)
#define OOM_HOG (270 << 20)

static void the_keeper_is_the_first_that_memory_runs_out_for(void **state)
{
	struct mount mount;
	char name[16];
	int status;
	pid_t hog;

	if (config.source && !strcmp(config.source, "tmpfs"))
		SKIP_TEST("pages of tmpfs are charged to who wrote them");
	if (!group_begin("memory"))
		SKIP_TEST("a memory cgroup can't be made");
	group_set("memory.limit_in_bytes", "memory.max", OOM_LIMIT);
	group_enter();
	mount_start(&mount, "oom", "store=pin,admit=1,small_max=16M,cache_size=280M,memory_floor=0");
	group_leave();
	for (int i = 0; i < OOM_FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		pin(&mount, name, OOM_SIZE);
	}
	hog = suite_fork();
	if (!hog) {
		char *memory;

		group_enter();
		memory = mmap(NULL, OOM_HOG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (size_t i = 0; i < OOM_HOG; i += PAGE)
			memory[i] = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(hog, &status, 0), hog);
	assert_int_equal(status, 0);
	assert_int_equal(group_oom_kills(), 1);
	await(&mount, "keeper_deaths", 1);
	await(&mount, "objects", 0);
	await(&mount, "budget_bytes", 140 << 20); /* smaller */
	for (int i = 0; i < OOM_FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		use(in(&mount, name));
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_teardown(a_small_group_does_not_pay_for_what_is_pinned, group_end),
	cmocka_unit_test_teardown(what_cannot_be_pinned_is_tried_a_few_times_a_second, group_end),
	cmocka_unit_test_teardown(the_keeper_is_the_first_that_memory_runs_out_for, group_end),
};

static const struct suite suite = {
	.name = "pin_group",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true,
};

SUITE_MAIN(suite)
