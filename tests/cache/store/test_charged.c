#include "cache/store/charged.h"

#include "tests/support/check.h"
#include "tests/support/group.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define INITIAL_NAMESPACE "cgroup:[4026531835]" /* PROC_CGROUP_INIT_INO */

static struct charged *charged;
static char directory[] = "test_charged.XXXXXX";

static int make_file(unsigned pages)
{
	int fd = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	char bytes[PAGE] = "x";

	assert_return_code(fd, errno);
	for (unsigned i = 0; i < pages; i++)
		assert_int_equal(write(fd, bytes, PAGE), PAGE);
	assert_return_code(fsync(fd), errno);
	return fd;
}

static void drop(int fd)
{
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
}

static bool is_ours(int fd, unsigned pages)
{
	char *memory = mmap(NULL, (size_t)pages * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	bool ours;

	assert_true(memory != MAP_FAILED);
	ours = charged_to(charged, charged_own_group(charged), memory, (size_t)pages * PAGE);
	munmap(memory, (size_t)pages * PAGE);
	return ours;
}

static void what_was_read_here_is_ours(void **state)
{
	int fd = make_file(700);

	assert_true(is_ours(fd, 700)); /* written here */
	drop(fd);
	assert_true(is_ours(fd, 700));
	close(fd);
}

static void a_page_that_another_group_read_is_not(void **state)
{
	static const off_t places[] = {0, 299, 699};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		int fd = make_file(700);

		assert_true(group_begin("memory"));
		drop(fd);
		group_read(fd, places[i] * PAGE, 1);
		assert_false(is_ours(fd, 700));
		drop(fd);
		assert_true(is_ours(fd, 700));
		close(fd);
		group_end(NULL);
	}
}

/* A child of another group has it mapped and looks at it. */
static void what_is_ours_is_told_by_any_process(void **state)
{
	uint64_t group = charged_own_group(charged);
	int fd = make_file(4), status;
	pid_t child;

	drop(fd);
	assert_true(is_ours(fd, 4));
	assert_true(group_begin("memory"));
	fflush(NULL);
	child = fork();
	if (!child) {
		struct charged *own;
		char *memory;

		group_enter();
		memory = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
		if (memory == MAP_FAILED || charged_new(&own) < 0)
			_exit(2);
		if (charged_own_group(own) == group || !charged_to(own, group, memory, 4 * PAGE))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fd);
}

static void pages_of_nobody_are_not_known(void **state)
{
	char *memory = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	assert_false(charged_to(charged, charged_own_group(charged), memory, PAGE));
	munmap(memory, PAGE);
}

/* What /proc/kpagecgroup says of a page that this process has just been charged for. */
static uint64_t own_number(void)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int groups = open("/proc/kpagecgroup", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0, number = 0;

	*page = 1;
	if (pread(pagemap, &entry, 8, (off_t)((uintptr_t)page / PAGE * 8)) == 8)
		entry &= (1ull << 55) - 1;
	if (pread(groups, &number, 8, (off_t)(entry * 8)) != 8)
		number = 0;
	close(pagemap);
	close(groups);
	munmap(page, PAGE);
	return number;
}

/* The same in version 1 and 2. */
static void a_group_is_known_by_the_number_of_its_directory(void **state)
{
	char *path;
	struct stat st;
	int status;
	pid_t child;

	assert_true(group_begin("memory"));
	path = strdup(group_procs());
	*strrchr(path, '/') = 0;
	assert_return_code(stat(path, &st), errno);
	free(path);
	fflush(NULL);
	child = fork();
	if (!child) {
		group_enter();
		_exit(own_number() == st.st_ino ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* That of the root group, which has no limit, is what charged.c takes it for. */
static void the_root_of_either_version_has_the_number_1(void **state)
{
	static const char *const types[] = {"cgroup", "cgroup2"};
	char namespace[64] = "";
	struct stat st;

	if (readlink("/proc/self/ns/cgroup", namespace, sizeof(namespace) - 1) < 0 ||
		strcmp(namespace, INITIAL_NAMESPACE) != 0)
		SKIP_TEST("in a cgroup namespace the root is another group");
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		SKIP_TEST("no mount namespace can be made: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (mount("none", directory, types[i], 0, i ? NULL : "memory")) {
			print_message("no %s here: %s\n", types[i], strerror(errno));
			continue;
		}
		assert_return_code(stat(directory, &st), errno);
		assert_int_equal(umount(directory), 0);
		assert_int_equal(st.st_ino, 1);
	}
}

static int skip_all(const char *why, int error)
{
	printf("SKIP: %s: %s\n", why, strerror(error));
	rmdir(directory);
	return 77;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_read_here_is_ours),
		cmocka_unit_test_teardown(a_page_that_another_group_read_is_not, group_end),
		cmocka_unit_test_teardown(what_is_ours_is_told_by_any_process, group_end),
		cmocka_unit_test(pages_of_nobody_are_not_known),
		cmocka_unit_test_teardown(a_group_is_known_by_the_number_of_its_directory, group_end),
		cmocka_unit_test(the_root_of_either_version_has_the_number_1),
	};
	int r;

	if (!mkdtemp(directory))
		return skip_all("a directory", errno);
	r = charged_new(&charged);
	if (r < 0)
		return skip_all("which group pays for a page can't be asked", -r);
	if (!group_begin("memory"))
		return skip_all("a memory cgroup can't be made", EPERM);
	group_end(NULL);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	charged_free(charged);
	rmdir(directory);
	return r;
}
