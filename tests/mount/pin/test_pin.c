/* Pinned files: their pages stay, whatever streams past, and the file is never anything but itself. */
#include "tests/support/group.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define OPTIONS "store=pin,admit=1,small_max=1M,cache_size=64M"

static char output[8192];

static const char *in(const struct mount *mount, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%.3000s/%s", mount->point, name);
	return path;
}

static const char *below(const struct mount *mount, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%.3000s/%s", mount->source, name);
	return path;
}

static void use(const char *path)
{
	char bytes[PAGE];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
}

static void await(const struct mount *mount, const char *key, long long value)
{
	for (int tries = 0; tries < 1500 && mount_stat(mount, key) != value; tries++)
		usleep(10000);
	assert_int_equal(mount_stat(mount, key), value);
}

/* Pages of the file that the page cache has. */
static unsigned resident(const char *path)
{
	unsigned char flags[4096];
	unsigned count = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t pages;
	void *memory;

	assert_return_code(fd, errno);
	assert_return_code(fstat(fd, &st), errno);
	pages = ((size_t)st.st_size + PAGE - 1) / PAGE;
	assert_true(pages > 0 && pages <= sizeof(flags));
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(memory != MAP_FAILED);
	assert_return_code(mincore(memory, (size_t)st.st_size, flags), errno);
	for (size_t i = 0; i < pages; i++)
		count += flags[i] & 1;
	munmap(memory, (size_t)st.st_size);
	close(fd);
	return count;
}

static void drop(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	assert_return_code(fsync(fd), errno);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

/* Nothing drops pages of tmpfs: they are the file. */
static void assert_let_go(const char *path)
{
	drop(path);
	if (!config.source || strcmp(config.source, "tmpfs") != 0)
		assert_int_equal(resident(path), 0);
}

static void pin(const struct mount *mount, const char *name, size_t size)
{
	long long before = mount_stat(mount, "locked_bytes");

	assert_return_code(put_file(below(mount, name), size, 1), errno);
	drop(below(mount, name)); /* dirty pages of another memory cgroup are not pinned */
	for (int tries = 0; mount_stat(mount, "locked_bytes") == before && tries < 100; tries++) {
		use(in(mount, name)); /* again where the pages were somebody's and could not be dropped */
		for (int wait = 0; wait < 10 && mount_stat(mount, "locked_bytes") == before; wait++)
			usleep(5000);
	}
	await(mount, "locked_bytes", before + (long long)((size + PAGE - 1) / PAGE * PAGE));
}

static pid_t keeper_of(const struct mount *mount)
{
	char path[64], text[256] = "";
	FILE *file;

	for (int tries = 0; tries < 100; tries++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)mount->daemon,
			(int)mount->daemon);
		file = fopen(path, "re");
		if (file && fgets(text, sizeof(text), file) && atoi(text) > 0) {
			fclose(file);
			return atoi(text);
		}
		if (file)
			fclose(file);
		usleep(10000);
	}
	fail_msg("no keeper");
	return -1;
}

static bool has_ended(pid_t pid)
{
	char path[64], line[512] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return !line[0] || strstr(line, ") Z ");
}

static void await_end(pid_t pid)
{
	for (int tries = 0; !has_ended(pid); tries++) {
		assert_true(tries < 1000);
		usleep(10000);
	}
}

/* A ring of the daemon that ended is taken apart a moment later. */
static void unmount_soon(const char *point)
{
	for (int tries = 0; umount2(point, 0) < 0; tries++) {
		assert_int_equal(errno, EBUSY);
		assert_true(tries < 500);
		usleep(10000);
	}
}

/* --- what is pinned --------------------------------------------------------------------------- */

static void a_pinned_file_stays_in_the_page_cache_and_is_found_there(void **state)
{
	struct mount mount;
	long long hits;

	mount_start(&mount, "stays", OPTIONS);
	pin(&mount, "f", 10 * PAGE + 1);
	drop(below(&mount, "f"));
	assert_int_equal(resident(below(&mount, "f")), 11);
	hits = mount_stat(&mount, "hits");
	use(in(&mount, "f"));
	assert_int_equal(mount_stat(&mount, "hits"), hits + 1);
	assert_true(mount_stat(&mount, "cached/opens") >= 1);
	assert_int_equal(mount_stat(&mount, "read_bytes"), 0); /* the daemon moved nothing */
	mount_stop(&mount, MOUNT_END_UMOUNT);
	assert_let_go(below(&mount, "f"));
}

static void a_file_is_pinned_while_it_is_open_for_whatever(void **state)
{
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND};
	struct mount mount;
	char name[16];

	mount_start(&mount, "open", OPTIONS);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int fd;

		snprintf(name, sizeof(name), "f%zu", i);
		assert_return_code(put_file(below(&mount, name), 4 * PAGE, 1), errno);
		fd = open(in(&mount, name), flags[i] | O_CLOEXEC);
		assert_return_code(fd, errno);
		use(in(&mount, name));
		await(&mount, "objects", (long long)i + 1);
		drop(below(&mount, name));
		assert_int_equal(resident(below(&mount, name)), 4);
		close(fd);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void writers_of_a_pinned_file_do_not_go_through_the_daemon(void **state)
{
	struct mount mount;
	char got[5] = "";
	int fd, direct;
	void *page = NULL;

	mount_start(&mount, "writers", OPTIONS);
	pin(&mount, "f", 8 * PAGE);
	fd = open(in(&mount, "f"), O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pwrite(fd, "here", 4, 5), 4);
	direct = open(below(&mount, "f"), O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(direct, got, 4, 5), 4);
	assert_string_equal(got, "here");
	assert_int_equal(pwrite(direct, "back", 4, 5), 4);
	assert_int_equal(pread(fd, got, 4, 5), 4);
	assert_string_equal(got, "back");
	close(direct);
	assert_int_equal(posix_memalign(&page, PAGE, PAGE), 0);
	memset(page, 'd', PAGE);
	direct = open(below(&mount, "f"), O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (direct >= 0) { /* tmpfs has none on older kernels */
		assert_int_equal(pwrite(direct, page, PAGE, 2 * PAGE), PAGE);
		assert_int_equal(pread(fd, got, 4, 2 * PAGE + 100), 4);
		assert_string_equal(got, "dddd");
		close(direct);
	}
	assert_int_equal(mount_stat(&mount, "write_bytes"), 0);
	assert_int_equal(mount_stat(&mount, "cached-write/opens"), 0);
	close(fd);
	free(page);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* What a writer around the page cache drops comes back unlocked; what is appended was never locked. */
static void a_pin_is_mended_after_growth_truncation_and_direct_writes(void **state)
{
	struct mount mount;
	void *page = NULL;
	int fd;

	mount_start(&mount, "mended", OPTIONS);
	pin(&mount, "f", 8 * PAGE);
	fd = open(below(&mount, "f"), O_WRONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pwrite(fd, "x", 1, 19 * PAGE), 1);
	use(in(&mount, "f"));
	await(&mount, "locked_bytes", 20 * PAGE);
	assert_return_code(ftruncate(fd, 3 * PAGE), errno);
	use(in(&mount, "f"));
	await(&mount, "locked_bytes", 3 * PAGE);
	assert_return_code(ftruncate(fd, 0), errno);
	use(in(&mount, "f"));
	await(&mount, "locked_bytes", 0);
	assert_int_equal(mount_stat(&mount, "objects"), 1);
	/* without an open: within the round of looks */
	assert_int_equal(pwrite(fd, "x", 1, 5 * PAGE), 1);
	await(&mount, "locked_bytes", 6 * PAGE);
	close(fd);
	assert_int_equal(posix_memalign(&page, PAGE, PAGE), 0);
	memset(page, 'd', PAGE);
	fd = open(below(&mount, "f"), O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (fd >= 0) {
		long long mends = mount_stat(&mount, "refreshes");

		assert_int_equal(pwrite(fd, page, PAGE, PAGE), PAGE);
		use(in(&mount, "f"));
		for (int tries = 0; mount_stat(&mount, "refreshes") == mends && tries < 1000; tries++)
			usleep(10000);
		close(fd);
		drop(below(&mount, "f"));
		assert_int_equal(resident(below(&mount, "f")), 6);
	}
	free(page);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* The kernel counts who has it open: see LIMITS in sievefs(8). */
static void a_pinned_file_gives_no_lease_for_writing_until_it_is_let_go(void **state)
{
	struct mount mount;
	int fd;

	mount_start(&mount, "lease", OPTIONS);
	pin(&mount, "f", 4 * PAGE);
	fd = open(below(&mount, "f"), O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), -1);
	assert_int_equal(errno, EAGAIN);
	assert_return_code(ftruncate(fd, 2 << 20), errno); /* beyond small_max */
	for (int tries = 0; fcntl(fd, F_SETLEASE, F_WRLCK) < 0 && tries < 500; tries++)
		usleep(10000);
	assert_int_equal(fcntl(fd, F_GETLEASE), F_WRLCK);
	close(fd);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_file_that_outgrows_small_max_is_let_go(void **state)
{
	struct mount mount;

	mount_start(&mount, "outgrows", "store=pin,admit=1,small_max=64K,cache_size=64M");
	pin(&mount, "f", 10 * PAGE);
	assert_return_code(truncate(below(&mount, "f"), 17 * PAGE), errno);
	use(in(&mount, "f"));
	await(&mount, "objects", 0);
	assert_int_equal(mount_stat(&mount, "locked_bytes"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* --- names ------------------------------------------------------------------------------------ */

static void a_file_that_replaces_a_pinned_one_is_pinned_in_its_turn(void **state)
{
	struct mount mount;

	mount_start(&mount, "replaced", "store=pin,admit=2,small_max=1M,cache_size=64M");
	assert_return_code(put_file(below(&mount, "f"), 4 * PAGE, 1), errno);
	use(in(&mount, "f"));
	use(in(&mount, "f"));
	await(&mount, "locked_bytes", 4 * PAGE);
	assert_return_code(put_file(in(&mount, "new"), 7 * PAGE, 2), errno);
	assert_return_code(rename(in(&mount, "new"), in(&mount, "f")), errno);
	await(&mount, "locked_bytes", 7 * PAGE); /* the old one is gone, the new one was never read */
	assert_int_equal(mount_stat(&mount, "objects"), 1);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void a_removed_file_gives_its_space_back(void **state)
{
	static const bool through_the_mount[] = {true, false};
	struct mount mount;
	struct statvfs fs;
	char dir[PATH_MAX], source[PATH_MAX];

	snprintf(dir, sizeof(dir), "%.3000s/volume", config.base);
	snprintf(source, sizeof(source), "%.3000s/space.source", config.base);
	volume_make(dir, source, "ext4", "16M");
	mount_start(&mount, "space", OPTIONS);
	for (size_t i = 0; i < 2; i++) {
		const char *path = through_the_mount[i] ? in(&mount, "f") : below(&mount, "f");
		unsigned long before;
		int tries = 0;

		assert_return_code(statvfs(mount.source, &fs), errno);
		before = fs.f_bfree;
		pin(&mount, "f", 200 * PAGE);
		assert_return_code(unlink(path), errno);
		do { /* within seconds */
			usleep(20000);
			assert_return_code(statvfs(mount.source, &fs), errno);
		} while (fs.f_bfree + 8 < before && ++tries < 500);
		assert_true(fs.f_bfree + 8 >= before);
		await(&mount, "objects", 0);
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
	unmount_soon(source);
}

static void files_of_a_file_system_mounted_below_are_pinned_by_rule_only(void **state)
{
	char dir[PATH_MAX], point[PATH_MAX], rules[PATH_MAX], options[PATH_MAX + 128];
	struct mount mount;
	FILE *file;

	snprintf(dir, sizeof(dir), "%.3000s/volume2", config.base);
	snprintf(point, sizeof(point), "%.3000s/under.source/disk", config.base);
	snprintf(rules, sizeof(rules), "%.3000s/under.rules", config.base);
	volume_make(dir, point, "ext4", "16M");
	file = fopen(rules, "we");
	assert_non_null(file);
	fputs("[pinned]\npath = /disk/wanted\npin = true\n", file);
	fclose(file);
	snprintf(options, sizeof(options), OPTIONS ",rules=%.3000s", rules);
	mount_start(&mount, "under", options);
	assert_return_code(put_file(below(&mount, "disk/f"), 4 * PAGE, 1), errno);
	assert_return_code(put_file(below(&mount, "disk/wanted"), 3 * PAGE, 1), errno);
	for (int i = 0; i < 3; i++)
		use(in(&mount, "disk/f"));
	use(in(&mount, "disk/wanted"));
	await(&mount, "locked_bytes", 3 * PAGE);
	assert_int_equal(mount_stat(&mount, "objects"), 1);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	unmount_soon(point);
}

/* --- keepers ---------------------------------------------------------------------------------- */

static void a_keeper_that_is_killed_costs_hits_and_nothing_more(void **state)
{
	struct mount mount;
	int fd;
	char byte;

	mount_start(&mount, "keeper", OPTIONS);
	pin(&mount, "f", 5 * PAGE);
	fd = open(in(&mount, "f"), O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	kill(keeper_of(&mount), SIGKILL);
	await(&mount, "keeper_deaths", 1);
	await(&mount, "objects", 0);
	assert_int_equal(pread(fd, &byte, 1, 4 * PAGE), 1);
	close(fd);
	use(in(&mount, "f"));
	assert_int_equal(mount_stat(&mount, "locked_bytes"), 0);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static void nothing_stays_locked_after_the_daemon_was_killed(void **state)
{
	struct mount mount;
	pid_t keeper;

	mount_start(&mount, "killed", OPTIONS);
	pin(&mount, "f", 20 * PAGE);
	keeper = keeper_of(&mount);
	kill(mount.daemon, SIGKILL);
	await_end(keeper);
	assert_let_go(below(&mount, "f"));
	assert_int_equal(shell(output, sizeof(output), "umount -l '%s'", mount.point), 0);
	waitpid(mount.daemon, NULL, 0);
	mount.daemon = 0;
}

static void what_msync_acknowledged_is_in_the_file_when_the_daemon_is_killed(void **state)
{
	struct mount mount;
	char got[16] = "", *map;
	int fd;

	mount_start(&mount, "msync", OPTIONS);
	pin(&mount, "f", 4 * PAGE);
	fd = open(in(&mount, "f"), O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	memcpy(map + PAGE, "acknowledged", 12);
	assert_return_code(msync(map, 4 * PAGE, MS_SYNC), errno);
	kill(mount.daemon, SIGKILL);
	waitpid(mount.daemon, NULL, 0);
	mount.daemon = 0;
	munmap(map, 4 * PAGE);
	close(fd);
	fd = open(below(&mount, "f"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, got, 12, PAGE), 12);
	assert_string_equal(got, "acknowledged");
	close(fd);
	assert_int_equal(shell(output, sizeof(output), "umount -l '%s'", mount.point), 0);
}

static void everything_is_let_go_at_the_end(void **state)
{
	struct mount mount;
	char name[16];

	mount_start(&mount, "end", OPTIONS);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_return_code(put_file(below(&mount, name), PAGE, 1), errno);
		use(in(&mount, name));
	}
	await(&mount, "objects", 300);
	mount_stop(&mount, MOUNT_END_UMOUNT);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_let_go(below(&mount, name));
	}
}

/* --- budget ----------------------------------------------------------------------------------- */

static void the_budget_holds_also_where_all_files_are_open(void **state)
{
	struct mount mount;
	char name[16];
	int fds[200];

	mount_start(&mount, "budget", "store=pin,admit=1,small_max=64K,cache_size=1M");
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_return_code(put_file(below(&mount, name), 4 * PAGE, 1), errno);
		fds[i] = open(in(&mount, name), O_RDONLY | O_CLOEXEC);
		assert_return_code(fds[i], errno);
		if (i % 20 == 19)
			assert_true(mount_stat(&mount, "locked_bytes") <= 1 << 20);
	}
	for (int tries = 0; mount_stat(&mount, "evictions") < 100 && tries < 500; tries++)
		usleep(10000);
	assert_true(mount_stat(&mount, "evictions") >= 100);
	assert_true(mount_stat(&mount, "object_bytes") <= 1 << 20);
	assert_int_equal(mount_stat(&mount, "parked_objects"), 0);
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

/* --- whose memory ----------------------------------------------------------------------------- */

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
		drop(below(&mount, name));
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
	assert_int_equal(group_number("memory.oom_control", "memory.events", "oom_kill"), 0);
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
	drop(below(&mount, "f"));
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

#define OOM_LIMIT "268435456"
#define OOM_FILES 16
#define OOM_SIZE (8 << 20)
#define OOM_HOG (200 << 20) /* with a half of what is pinned too much: some pages may be of another group */

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
	mount_start(&mount, "oom", "store=pin,admit=1,small_max=8M,cache_size=160M,memory_floor=0");
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
	assert_int_equal(group_number("memory.oom_control", "memory.events", "oom_kill"), 1);
	await(&mount, "keeper_deaths", 1);
	await(&mount, "objects", 0);
	await(&mount, "budget_bytes", 80 << 20); /* smaller */
	for (int i = 0; i < OOM_FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		use(in(&mount, name));
	}
	mount_stop(&mount, MOUNT_END_UMOUNT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_teardown(the_keeper_is_the_first_that_memory_runs_out_for, group_end),
	cmocka_unit_test_teardown(a_small_group_does_not_pay_for_what_is_pinned, group_end),
	cmocka_unit_test_teardown(what_cannot_be_pinned_is_tried_a_few_times_a_second, group_end),
	cmocka_unit_test(a_pinned_file_stays_in_the_page_cache_and_is_found_there),
	cmocka_unit_test(a_file_is_pinned_while_it_is_open_for_whatever),
	cmocka_unit_test(writers_of_a_pinned_file_do_not_go_through_the_daemon),
	cmocka_unit_test(a_pin_is_mended_after_growth_truncation_and_direct_writes),
	cmocka_unit_test(a_pinned_file_gives_no_lease_for_writing_until_it_is_let_go),
	cmocka_unit_test(a_file_that_outgrows_small_max_is_let_go),
	cmocka_unit_test(a_file_that_replaces_a_pinned_one_is_pinned_in_its_turn),
	cmocka_unit_test(a_removed_file_gives_its_space_back),
	cmocka_unit_test(files_of_a_file_system_mounted_below_are_pinned_by_rule_only),
	cmocka_unit_test(a_keeper_that_is_killed_costs_hits_and_nothing_more),
	cmocka_unit_test(nothing_stays_locked_after_the_daemon_was_killed),
	cmocka_unit_test(what_msync_acknowledged_is_in_the_file_when_the_daemon_is_killed),
	cmocka_unit_test(everything_is_let_go_at_the_end),
	cmocka_unit_test(the_budget_holds_also_where_all_files_are_open),
};

static const struct suite suite = {
	.name = "pin",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true,
};

SUITE_MAIN(suite)
