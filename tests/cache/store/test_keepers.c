#include "cache/store/keepers.h"

#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/store/keeper.h"

#define PAGE KEEPER_PAGE
#define TMPFS_TYPE 0x01021994

static char directory[] = "test_keepers.XXXXXX"; /* where the build is: on a disk's file system */

/* --- files, and what the page cache has of them ------------------------------------------------- */

/* A file without a name, written to the disk. */
static int make_file(unsigned pages)
{
	int fd = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	char bytes[PAGE];

	assert_return_code(fd, errno);
	for (unsigned i = 0; i < pages; i++) {
		memset(bytes, (int)('a' + i % 26), sizeof(bytes));
		assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	}
	assert_return_code(fsync(fd), errno);
	return fd;
}

static unsigned resident(int fd, unsigned pages)
{
	unsigned char flags[1024];
	void *memory = mmap(NULL, (size_t)pages * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	unsigned count = 0;

	assert_true(memory != MAP_FAILED && pages <= sizeof(flags));
	assert_return_code(mincore(memory, (size_t)pages * PAGE, flags), errno);
	for (unsigned i = 0; i < pages; i++)
		count += flags[i] & 1;
	munmap(memory, (size_t)pages * PAGE);
	return count;
}

static void drop(int fd)
{
	assert_return_code(fsync(fd), errno);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
}

/* An unpinned file's pages go once the keeper has read its message: then drop() takes them. */
static unsigned resident_after_drops(int fd, unsigned pages)
{
	unsigned left = pages;

	for (int tries = 0; left && tries < 500; tries++) {
		drop(fd);
		left = resident(fd, pages);
		if (left)
			usleep(10000);
	}
	return left;
}

/* --- keepers ---------------------------------------------------------------------------------- */

static struct keepers *start(unsigned mappings_max, unsigned retry_ms)
{
	const struct keepers_options options = {
		.program = "/proc/self/exe", .mappings_max = mappings_max, .retry_ms = retry_ms};
	struct keepers *keepers = NULL;

	assert_int_equal(keepers_new(&keepers, &options), 0);
	return keepers;
}

static struct keepers_figures figures_of(struct keepers *keepers)
{
	struct keepers_figures figures;

	keepers_read_figures(keepers, &figures);
	return figures;
}

static void read_of(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "re");
	text[0] = '\0';
	if (!file)
		return;
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

/* The children that are keepers; how many. */
static unsigned find_keepers(pid_t parent, pid_t *pids, unsigned most)
{
	char text[512], path[64], *next = text;
	unsigned count = 0;

	snprintf(path, sizeof(path), "task/%d/children", (int)parent);
	read_of(parent, path, text, sizeof(text));
	while (*next && count < most) {
		pid_t pid = (pid_t)strtol(next, &next, 10);

		if (pid > 0)
			pids[count++] = pid;
		else
			break;
	}
	return count;
}

static pid_t only_keeper(void)
{
	pid_t pids[8];

	assert_int_equal(find_keepers(getpid(), pids, 8), 1);
	return pids[0];
}

/* Of the keeper's pages those that are locked, in pages: "Locked:" of smaps counts those present. */
static unsigned locked_by(pid_t keeper)
{
	char path[64], line[256];
	unsigned kib, sum = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)keeper);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Locked: %u kB", &kib) == 1)
			sum += kib / 4;
	if (file)
		fclose(file);
	return sum;
}

/* A pin that was given up is unmapped a moment later, and until then shares its pages in smaps with another.
 */
static void await_locked(unsigned pages)
{
	for (int tries = 0; locked_by(only_keeper()) != pages && tries < 500; tries++)
		usleep(10000);
	assert_int_equal(locked_by(only_keeper()), pages);
}

/* --- what is pinned stays ----------------------------------------------------------------------- */

static void pinned_pages_stay_in_the_page_cache(void **state)
{
	struct keepers *keepers = start(0, 0);
	int fd = make_file(16);
	struct pin pin;

	assert_int_equal(keepers_pin(keepers, fd, 16 * PAGE, 0, &pin), 0);
	drop(fd);
	assert_int_equal(resident(fd, 16), 16);
	if (geteuid() == 0) /* others may not look into it */
		await_locked(16);
	assert_true(keepers_holds(keepers, &pin));
	assert_int_equal(figures_of(keepers).pages, 16);
	assert_int_equal(figures_of(keepers).pins, 1);
	keepers_unpin(keepers, &pin);
	assert_int_equal(resident_after_drops(fd, 16), 0);
	assert_false(keepers_holds(keepers, &pin));
	assert_int_equal(figures_of(keepers).pages, 0);
	keepers_free(keepers);
	close(fd);
}

static void pages_that_were_not_cached_are_read(void **state)
{
	struct keepers *keepers = start(0, 0);
	int fd = make_file(8);
	struct pin pin;

	drop(fd);
	assert_int_equal(resident(fd, 8), 0);
	assert_int_equal(keepers_pin(keepers, fd, 8 * PAGE, 0, &pin), 0);
	assert_int_equal(resident(fd, 8), 8);
	keepers_free(keepers);
	close(fd);
}

static void a_part_of_a_page_is_a_page_and_nothing_needs_no_keeper(void **state)
{
	struct keepers *keepers = start(0, 0);
	int fd = make_file(2);
	struct pin pin;

	assert_return_code(ftruncate(fd, PAGE + 1), errno);
	assert_int_equal(keepers_pin(keepers, fd, PAGE + 1, 0, &pin), 0);
	assert_int_equal(pin.pages, 2);
	keepers_unpin(keepers, &pin);
	assert_int_equal(keepers_pin(keepers, fd, 0, 0, &pin), 0);
	assert_int_equal(figures_of(keepers).pins, 0);
	keepers_unpin(keepers, &pin);
	keepers_free(keepers);
	close(fd);
}

static void a_file_that_grew_is_held_whole_after_a_resize(void **state)
{
	struct keepers *keepers = start(0, 0);
	int fd = make_file(4), others[8];
	struct pin pin, next;

	for (int i = 0; i < 8; i++) { /* neighbours, so that the mapping has to move */
		others[i] = make_file(1);
		assert_int_equal(keepers_pin(keepers, others[i], PAGE, 0, &next), 0);
	}
	assert_int_equal(keepers_pin(keepers, fd, 4 * PAGE, 0, &pin), 0);
	for (int i = 0; i < 60; i++)
		assert_int_equal(pwrite(fd, "x", 1, (off_t)(4 + i) * PAGE), 1);
	drop(fd);
	assert_int_equal(resident(fd, 64), 4);
	assert_int_equal(keepers_resize(keepers, &pin, fd, 64 * PAGE, 0), 0);
	drop(fd);
	assert_int_equal(resident(fd, 64), 64);
	if (geteuid() == 0)
		await_locked(8 + 64);
	assert_int_equal(figures_of(keepers).pages, 8 + 64);
	keepers_free(keepers);
	close(fd);
	for (int i = 0; i < 8; i++)
		close(others[i]);
}

static void a_file_that_shrank_gives_its_pages_back(void **state)
{
	struct keepers *keepers = start(0, 0);
	int fd = make_file(32);
	struct pin pin;

	assert_int_equal(keepers_pin(keepers, fd, 32 * PAGE, 0, &pin), 0);
	assert_return_code(ftruncate(fd, 3 * PAGE), errno);
	assert_int_equal(keepers_resize(keepers, &pin, fd, 3 * PAGE, 0), 0);
	assert_int_equal(pin.pages, 3);
	assert_int_equal(figures_of(keepers).pages, 3);
	drop(fd);
	assert_int_equal(resident(fd, 3), 3);
	keepers_free(keepers);
	close(fd);
}

static void pages_that_an_o_direct_writer_dropped_are_held_again_after_a_resize(void **state)
{
	struct keepers *keepers = start(0, 0);
	int fd = make_file(8), direct;
	char path[64];
	void *buf = NULL;
	struct pin pin;

	assert_int_equal(posix_memalign(&buf, PAGE, PAGE), 0);
	memset(buf, 'z', PAGE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	direct = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	assert_return_code(direct, errno);
	assert_int_equal(keepers_pin(keepers, fd, 8 * PAGE, 0, &pin), 0);
	assert_int_equal(pwrite(direct, buf, PAGE, 2 * PAGE), PAGE);
	assert_int_equal(resident(fd, 8), 7);
	assert_int_equal(keepers_resize(keepers, &pin, fd, 8 * PAGE, 0), 0);
	drop(fd);
	assert_int_equal(resident(fd, 8), 8);
	keepers_free(keepers);
	close(direct);
	close(fd);
	free(buf);
}

static void a_file_shorter_than_asked_for_is_no_pin(void **state)
{
	struct keepers *keepers = start(0, 0);
	int fd = make_file(2);
	struct pin pin;

	assert_int_equal(keepers_pin(keepers, fd, 8 * PAGE, 0, &pin), -EFAULT);
	assert_false(keepers_holds(keepers, &pin));
	assert_int_equal(figures_of(keepers).pins, 0);
	assert_int_equal(resident_after_drops(fd, 2), 0);
	assert_int_equal(keepers_pin(keepers, fd, 2 * PAGE, 0, &pin), 0);
	/* what is held stays held */
	assert_int_equal(keepers_resize(keepers, &pin, fd, 8 * PAGE, 0), -EFAULT);
	assert_true(keepers_holds(keepers, &pin));
	drop(fd);
	assert_int_equal(resident(fd, 2), 2);
	keepers_free(keepers);
	close(fd);
}

static void what_cannot_be_mapped_is_no_pin(void **state)
{
	struct keepers *keepers = start(0, 0);
	struct pin pin;
	int ends[2];

	assert_return_code(pipe2(ends, O_CLOEXEC), errno);
	assert_true(keepers_pin(keepers, ends[0], PAGE, 0, &pin) < 0);
	assert_false(keepers_holds(keepers, &pin));
	assert_int_equal(figures_of(keepers).pins, 0);
	keepers_free(keepers);
	close(ends[0]);
	close(ends[1]);
}

static void many_files_are_pinned_at_once_each_with_its_own_error(void **state)
{
	struct keepers *keepers = start(7, 0); /* they don't fit one */
	struct pin_order orders[40];
	int fd = make_file(3), other = make_file(1), ends[2];
	unsigned pages = 0;

	assert_return_code(pipe2(ends, O_CLOEXEC), errno);
	for (unsigned i = 0; i < 40; i++) {
		orders[i] = (struct pin_order){.fd = i % 2 ? fd : other, .size = (i % 2 ? 3 : 1) * PAGE};
		if (i == 11)
			orders[i].size = 4 * PAGE; /* it is shorter */
		if (i == 12)
			orders[i].size = 0;
		if (i == 13)
			orders[i].fd = ends[0];
	}
	keepers_pin_many(keepers, orders, 40);
	for (unsigned i = 0; i < 40; i++) {
		if (i == 11)
			assert_int_equal(orders[i].error, -EFAULT);
		else if (i == 13)
			assert_true(orders[i].error < 0);
		else
			assert_int_equal(orders[i].error, 0);
		assert_int_equal(keepers_holds(keepers, &orders[i].pin), i < 11 || i > 13);
		pages += orders[i].pin.pages;
	}
	assert_int_equal(figures_of(keepers).pins, 37);
	assert_int_equal(figures_of(keepers).pages, pages);
	for (unsigned i = 0; i < 40; i++)
		keepers_unpin(keepers, &orders[i].pin);
	assert_int_equal(figures_of(keepers).pages, 0);
	keepers_free(keepers);
	close(fd);
	close(other);
	close(ends[0]);
	close(ends[1]);
}

/* --- processes ------------------------------------------------------------------------------- */

static void further_keepers_start_as_they_are_needed(void **state)
{
	struct keepers *keepers = start(3, 0);
	struct pin pins[10];
	int fd = make_file(1);

	for (int i = 0; i < 10; i++)
		assert_int_equal(keepers_pin(keepers, fd, PAGE, 0, &pins[i]), 0);
	assert_int_equal(figures_of(keepers).keepers, 4);
	assert_int_equal(figures_of(keepers).pins, 10);
	keepers_unpin(keepers, &pins[0]);
	assert_int_equal(keepers_pin(keepers, fd, PAGE, 0, &pins[0]), 0);
	assert_int_equal(figures_of(keepers).keepers, 4);
	for (int i = 0; i < 10; i++)
		assert_true(keepers_holds(keepers, &pins[i]));
	keepers_free(keepers);
	close(fd);
}

static void a_keeper_has_its_socket_and_what_tells_whose_pages_are_and_no_rights(void **state)
{
	struct keepers *keepers = start(0, 0);
	int fd = make_file(1), spare = open("/dev/null", O_RDONLY);
	unsigned long long capabilities = ~0ull;
	char text[4096], *line;
	struct pin pin;
	pid_t pid;

	assert_int_equal(keepers_pin(keepers, fd, PAGE, 0, &pin), 0);
	pid = only_keeper();
	read_of(pid, "status", text, sizeof(text));
	line = strstr(text, "CapPrm:");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "CapPrm: %llx", &capabilities), 1);
	assert_true((capabilities & ~(1ull << 14)) == 0); /* CAP_IPC_LOCK */
	assert_non_null(strstr(text, "NoNewPrivs:\t1"));
	line = strstr(text, "FDSize:");
	if (geteuid() == 0)
		assert_non_null(strstr(text, "Uid:\t65534\t65534\t65534\t65534"));
	read_of(pid, "oom_score_adj", text, sizeof(text));
	assert_string_equal(text, "1000\n");
	if (geteuid() == 0) {
		snprintf(text, sizeof(text),
			"! ls -l /proc/%d/fd | grep -e '->' | grep -v -e /pagemap -e /proc/kpagecgroup "
			"-e socket:",
			(int)pid);
		assert_int_equal(system(text), 0);
	}
	keepers_free(keepers);
	close(spare);
	close(fd);
}

static void a_keeper_that_dies_loses_its_pins_and_is_replaced_later(void **state)
{
	struct keepers *keepers = start(0, 300);
	int fd = make_file(4);
	struct pin pin, next;
	int r = -EAGAIN;

	assert_int_equal(keepers_pin(keepers, fd, 4 * PAGE, 0, &pin), 0);
	assert_true(keepers_are_ready(keepers));
	kill(only_keeper(), SIGKILL);
	for (int tries = 0; keepers_check(keepers) == 0; tries++) {
		assert_true(tries < 500);
		usleep(10000);
	}
	assert_false(keepers_holds(keepers, &pin));
	assert_int_equal(resident_after_drops(fd, 4), 0);
	assert_int_equal(figures_of(keepers).deaths, 1);
	assert_int_equal(keepers_check(keepers), 0);
	assert_int_equal(keepers_resize(keepers, &pin, fd, 4 * PAGE, 0), -EOWNERDEAD);
	assert_false(keepers_are_ready(keepers));
	assert_int_equal(keepers_pin(keepers, fd, 4 * PAGE, 0, &next), -EAGAIN);
	for (int tries = 0; r == -EAGAIN && tries < 200; tries++) {
		usleep(10000);
		r = keepers_pin(keepers, fd, 4 * PAGE, 0, &next);
	}
	assert_int_equal(r, 0);
	assert_true(keepers_are_ready(keepers));
	keepers_unpin(keepers, &pin); /* of the dead one: nothing of the new one's goes */
	drop(fd);
	assert_int_equal(resident(fd, 4), 4);
	assert_true(keepers_holds(keepers, &next));
	keepers_free(keepers);
	close(fd);
}

static void a_death_in_the_middle_of_a_request_is_noticed(void **state)
{
	struct keepers *keepers = start(0, 0);
	int fd = make_file(1);
	struct pin pin;

	assert_int_equal(keepers_pin(keepers, fd, PAGE, 0, &pin), 0);
	kill(only_keeper(), SIGKILL);
	waitid(P_PID, (id_t)only_keeper(), &(siginfo_t){0}, WEXITED | WNOWAIT);
	assert_int_equal(keepers_resize(keepers, &pin, fd, PAGE, 0), -EOWNERDEAD);
	assert_int_equal(keepers_pin(keepers, fd, PAGE, 0, &pin), -EAGAIN);
	assert_int_equal(keepers_check(keepers), 1);
	keepers_free(keepers);
	close(fd);
}

static bool has_ended(pid_t pid)
{
	char text[512];

	read_of(pid, "stat", text, sizeof(text));
	return !text[0] || strstr(text, ") Z ");
}

static void keepers_end_when_their_owner_is_killed(void **state)
{
	pid_t owner, pids[8];
	int fd = make_file(4), ready[2];
	unsigned count;
	char byte;

	assert_return_code(pipe2(ready, O_CLOEXEC), errno);
	fflush(NULL);
	owner = fork();
	if (!owner) {
		struct keepers *keepers = start(1, 0);
		struct pin pin;

		for (int i = 0; i < 3; i++)
			keepers_pin(keepers, fd, 4 * PAGE, 0, &pin);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	count = find_keepers(owner, pids, 8);
	assert_int_equal(count, 3);
	drop(fd);
	assert_int_equal(resident(fd, 4), 4);
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
	for (unsigned i = 0; i < count; i++)
		for (int tries = 0; !has_ended(pids[i]); tries++) {
			assert_true(tries < 500);
			usleep(10000);
		}
	assert_int_equal(resident_after_drops(fd, 4), 0);
	close(ready[0]);
	close(ready[1]);
	close(fd);
}

static void a_program_that_cannot_be_started_is_told_at_once(void **state)
{
	const struct keepers_options options = {.program = "/nonexistent"};
	struct keepers *keepers = NULL;

	assert_int_equal(keepers_new(&keepers, &options), -ENOENT);
}

static int set_up(void **state)
{
	struct statfs fs;

	if (!mkdtemp(directory))
		return -1;
	if (statfs(directory, &fs) < 0 || fs.f_type == TMPFS_TYPE) {
		puts("SKIP: needs a build directory on a disk's file system: pages of tmpfs can't be "
		     "dropped");
		rmdir(directory);
		exit(77);
	}
	return 0;
}

static int tear_down(void **state)
{
	return rmdir(directory);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pinned_pages_stay_in_the_page_cache),
		cmocka_unit_test(pages_that_were_not_cached_are_read),
		cmocka_unit_test(a_part_of_a_page_is_a_page_and_nothing_needs_no_keeper),
		cmocka_unit_test(a_file_that_grew_is_held_whole_after_a_resize),
		cmocka_unit_test(a_file_that_shrank_gives_its_pages_back),
		cmocka_unit_test(pages_that_an_o_direct_writer_dropped_are_held_again_after_a_resize),
		cmocka_unit_test(a_file_shorter_than_asked_for_is_no_pin),
		cmocka_unit_test(what_cannot_be_mapped_is_no_pin),
		cmocka_unit_test(many_files_are_pinned_at_once_each_with_its_own_error),
		cmocka_unit_test(further_keepers_start_as_they_are_needed),
		cmocka_unit_test(a_keeper_has_its_socket_and_what_tells_whose_pages_are_and_no_rights),
		cmocka_unit_test(a_keeper_that_dies_loses_its_pins_and_is_replaced_later),
		cmocka_unit_test(a_death_in_the_middle_of_a_request_is_noticed),
		cmocka_unit_test(keepers_end_when_their_owner_is_killed),
		cmocka_unit_test(a_program_that_cannot_be_started_is_told_at_once),
	};

	if (strcmp(argv[0], KEEPER_NAME) == 0)
		keeper_main(KEEPER_SOCKET, argv);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
