/* A keeper locks no page that another memory cgroup pays for. */
#include "cache/store/charged.h"
#include "cache/store/keepers.h"

#include "tests/support/check.h"
#include "tests/support/group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache/store/keeper.h"

#define PAGE KEEPER_PAGE
#define PAGES 300

static char directory[] = "test_keepers_group.XXXXXX";
static struct charged *charged;
static struct keepers *keepers;

static int make_file(void)
{
	int fd = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	char bytes[PAGE] = "x";

	assert_return_code(fd, errno);
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(write(fd, bytes, PAGE), PAGE);
	assert_return_code(fsync(fd), errno);
	return fd;
}

static void drop(int fd)
{
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
}

static bool is_resident(int fd, unsigned page)
{
	void *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)page * PAGE);
	unsigned char flag = 0;

	assert_true(memory != MAP_FAILED);
	assert_return_code(mincore(memory, PAGE, &flag), errno);
	munmap(memory, PAGE);
	return flag & 1;
}

/* A file of which another group pays for one page. */
static int make_shared_file(unsigned page)
{
	int fd = make_file();

	assert_true(group_begin("memory"));
	drop(fd);
	group_read(fd, (off_t)page * PAGE, 1);
	return fd;
}

static uint64_t own_group(void)
{
	return charged_own_group(charged);
}

static void a_page_of_another_group_is_not_held(void **state)
{
	static const unsigned places[] = {0, 255, 256, PAGES - 1};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		int fd = make_shared_file(places[i]);
		struct pin pin;

		assert_int_equal(keepers_pin(keepers, fd, PAGES * PAGE, own_group(), &pin), -EBUSY);
		assert_false(keepers_holds(keepers, &pin));
		drop(fd);
		assert_false(is_resident(fd, places[i])); /* neither locked nor mapped any more */
		assert_int_equal(keepers_pin(keepers, fd, PAGES * PAGE, CHARGED_ROOT, &pin),
			own_group() == CHARGED_ROOT ? 0 : -EBUSY);
		keepers_unpin(keepers, &pin);
		group_end(NULL);
		close(fd);
	}
}

static void pages_that_were_dropped_and_read_anew_are_held(void **state)
{
	int fd = make_shared_file(7);
	struct pin pin;

	drop(fd);
	group_end(NULL);
	for (off_t at = 0; at < PAGES; at++)
		assert_int_equal(pread(fd, &(char){0}, 1, at * PAGE), 1);
	assert_int_equal(keepers_pin(keepers, fd, PAGES * PAGE, own_group(), &pin), 0);
	drop(fd);
	assert_true(is_resident(fd, 7));
	keepers_unpin(keepers, &pin);
	close(fd);
}

static void what_is_held_stays_held_beside_a_page_of_another_group(void **state)
{
	int fd = make_shared_file(9);
	struct pin pin;

	assert_int_equal(keepers_pin(keepers, fd, 9 * PAGE, own_group(), &pin), 0);
	assert_int_equal(keepers_resize(keepers, &pin, fd, 10 * PAGE, own_group()), -EBUSY);
	assert_int_equal(pin.pages, 9);
	drop(fd);
	assert_true(is_resident(fd, 8));
	assert_false(is_resident(fd, 9));
	assert_int_equal(keepers_resize(keepers, &pin, fd, 10 * PAGE, own_group()), 0);
	assert_int_equal(pin.pages, 10);
	keepers_unpin(keepers, &pin);
	close(fd);
}

static void pages_of_anybody_are_held_where_no_group_is_named(void **state)
{
	int fd = make_shared_file(3);
	struct pin pin;

	assert_int_equal(keepers_pin(keepers, fd, PAGES * PAGE, 0, &pin), 0);
	assert_true(is_resident(fd, 3));
	keepers_unpin(keepers, &pin);
	close(fd);
}

static int skip_all(const char *why, int error)
{
	printf("SKIP: %s: %s\n", why, strerror(error));
	rmdir(directory);
	return 77;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_page_of_another_group_is_not_held, group_end),
		cmocka_unit_test_teardown(pages_that_were_dropped_and_read_anew_are_held, group_end),
		cmocka_unit_test_teardown(what_is_held_stays_held_beside_a_page_of_another_group, group_end),
		cmocka_unit_test_teardown(pages_of_anybody_are_held_where_no_group_is_named, group_end),
	};
	const struct keepers_options options = {.program = "/proc/self/exe"};
	int r;

	if (strcmp(argv[0], KEEPER_NAME) == 0)
		keeper_main(KEEPER_SOCKET, argv);
	if (!mkdtemp(directory))
		return skip_all("a directory", errno);
	r = charged_new(&charged);
	if (r < 0)
		return skip_all("which group pays for a page can't be asked", -r);
	if (!group_begin("memory"))
		return skip_all("a memory cgroup can't be made", EPERM);
	group_end(NULL);
	assert_int_equal(keepers_new(&keepers, &options), 0);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	keepers_free(keepers);
	charged_free(charged);
	rmdir(directory);
	return r;
}
