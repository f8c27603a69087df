/* The set of descriptors by itself, large enough to have parts. */
#include "tests/support/check.h"

#include "fs/tree/descriptor_set.h"
#include "fs/tree/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define LIMIT 256
#define INODES 1000
#define THREADS 8
#define ROUNDS 20000

static struct inode *inodes[INODES];
static struct descriptor_set set;
static int null;

static int begin(void **state)
{
	(void)state;
	null = open("/dev/null", O_PATH | O_CLOEXEC);
	set = (struct descriptor_set){0};
	for (unsigned i = 0; i < INODES; i++) {
		inodes[i] = calloc(1, sizeof(struct inode));
		/* as of a file system whose inode numbers are multiples */
		inodes[i]->nodeid = 64 * (i + 1);
		inodes[i]->fd_slot = -1;
	}
	return descriptor_set_init(&set, LIMIT);
}

static int end(void **state)
{
	(void)state;
	descriptor_set_free(&set);
	for (unsigned i = 0; i < INODES; i++)
		free(inodes[i]);
	return close(null);
}

static int copy(void)
{
	int fd = fcntl(null, F_DUPFD_CLOEXEC, 0);

	assert_return_code(fd, errno);
	return fd;
}

static unsigned count_kept(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < INODES; i++)
		count += inodes[i]->fd_slot >= 0;
	return count;
}

static void all_parts_have_room_for_some(void **state)
{
	unsigned part_min = LIMIT;

	(void)state;
	assert_true(set.part_count > 1);
	for (unsigned i = 0; i < INODES; i++)
		descriptor_set_donate(&set, inodes[i], copy());
	assert_int_equal(count_kept(), LIMIT);
	for (uint32_t i = 0; i < set.part_count; i++)
		if (set.parts[i].size - set.parts[i].free_count < part_min)
			part_min = set.parts[i].size - set.parts[i].free_count;
	assert_int_equal(part_min, LIMIT / set.part_count);
}

static void what_is_in_use_stays_when_others_come(void **state)
{
	int fd;

	(void)state;
	fd = descriptor_set_give(&set, inodes[0], copy());
	assert_return_code(fd, -fd);
	for (unsigned i = 1; i < INODES; i++)
		descriptor_set_donate(&set, inodes[i], copy());
	assert_int_equal(descriptor_set_get(&set, inodes[0]), fd);
	descriptor_set_put(&set, inodes[0], false);
	descriptor_set_put(&set, inodes[0], true);
	assert_int_equal(descriptor_set_get(&set, inodes[0]), -1);
}

static void a_sweep_closes_those_of_all_parts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LIMIT / 4; i++)
		descriptor_set_donate(&set, inodes[i], copy());
	descriptor_set_close_idle(&set); /* all were used since the last one */
	assert_int_equal(count_kept(), LIMIT / 4);
	descriptor_set_close_idle(&set);
	assert_int_equal(count_kept(), 0);
}

static void half_of_them_may_be_kept_for_good(void **state)
{
	unsigned kept = 0;

	(void)state;
	for (unsigned i = 0; i < INODES; i++) {
		if (descriptor_set_give(&set, inodes[i], copy()) < 0)
			continue;
		descriptor_set_keep(&set, inodes[i]);
		kept += descriptor_set_keeps(&set, inodes[i]);
		descriptor_set_put(&set, inodes[i], false);
	}
	assert_int_equal(kept, LIMIT / 2);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void what_is_lent_is_found_and_stays_open(void **state)
{
	int fd = copy();

	(void)state;
	assert_true(descriptor_set_lend(&set, inodes[0], fd));
	assert_false(descriptor_set_lend(&set, inodes[0], fd));
	for (unsigned i = 1; i < INODES; i++)
		descriptor_set_donate(&set, inodes[i], copy());
	descriptor_set_close_idle(&set);
	descriptor_set_close_idle(&set);
	assert_int_equal(descriptor_set_get(&set, inodes[0]), fd);
	descriptor_set_put(&set, inodes[0], true);
	assert_true(descriptor_set_take_back(&set, inodes[0]));
	assert_int_equal(descriptor_set_get(&set, inodes[0]), -1);
	assert_true(is_open(fd));
	close(fd);
}

static void what_was_taken_back_in_use_is_closed_after_it(void **state)
{
	int fd = copy();

	(void)state;
	assert_true(descriptor_set_lend(&set, inodes[0], fd));
	assert_int_equal(descriptor_set_get(&set, inodes[0]), fd);
	assert_false(descriptor_set_take_back(&set, inodes[0]));
	assert_true(is_open(fd));
	descriptor_set_put(&set, inodes[0], false);
	assert_false(is_open(fd));
	assert_int_equal(descriptor_set_get(&set, inodes[0]), -1);
}

static void the_only_way_to_a_file_is_replaced(void **state)
{
	int fd = copy(), other = copy(), late = copy();

	(void)state;
	assert_true(descriptor_set_lend(&set, inodes[0], fd));
	assert_int_equal(descriptor_set_get(&set, inodes[0]), fd);
	descriptor_set_keep(&set, inodes[0]);
	descriptor_set_put(&set, inodes[0], false);
	assert_false(descriptor_set_take_back(&set, inodes[0]));
	assert_true(descriptor_set_keeps(&set, inodes[0]));
	descriptor_set_replace(&set, inodes[0], other);
	assert_false(is_open(fd));
	assert_int_equal(descriptor_set_get(&set, inodes[0]), other);
	descriptor_set_replace(&set, inodes[0], late); /* it is in use */
	assert_false(is_open(late));
	descriptor_set_put(&set, inodes[0], false);
	assert_true(is_open(other));
	descriptor_set_drop(&set, inodes[0]);
	assert_false(is_open(other));
}

static void a_quarter_of_them_may_be_lent(void **state)
{
	unsigned lent = 0;

	(void)state;
	for (int round = 0; round < 2; round++) {
		bool is_lent[INODES];

		lent = 0;
		for (unsigned i = 0; i < INODES; i++)
			lent += is_lent[i] = descriptor_set_lend(&set, inodes[i], null);
		assert_int_equal(lent, LIMIT / 4);
		assert_int_equal(count_kept(), LIMIT / 4);
		for (unsigned i = 0; i < INODES; i++)
			if (is_lent[i])
				assert_true(descriptor_set_take_back(&set, inodes[i]));
		assert_int_equal(count_kept(), 0);
	}
}

static void lend_one(struct inode *inode)
{
	int fd = fcntl(null, F_DUPFD_CLOEXEC, 0);

	bool lent = descriptor_set_lend(&set, inode, fd);

	sched_yield();
	if (!lent || descriptor_set_take_back(&set, inode))
		close(fd);
}

static void *use_some(void *arg)
{
	unsigned at = (unsigned)(uintptr_t)arg;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct inode *inode = inodes[at = (at * 1103515245u + 12345u) % INODES];
		int fd = descriptor_set_get(&set, inode);

		if (fd < 0 && round % 3 == 0)
			lend_one(inode);
		else if (fd < 0)
			fd = descriptor_set_give(&set, inode, fcntl(null, F_DUPFD_CLOEXEC, 0));
		if (fd >= 0 && fcntl(fd, F_GETFD) < 0)
			return (void *)"a descriptor in use was closed";
		if (fd >= 0)
			descriptor_set_put(&set, inode, round % 64 == 0);
		if (round % 5000 == 0)
			descriptor_set_close_idle(&set);
	}
	return NULL;
}

static void a_descriptor_in_use_is_never_closed(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_some, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		if (wrong)
			fail_msg("%s", (const char *)wrong);
	}
	assert_true(count_kept() <= LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_parts_have_room_for_some, begin, end),
		cmocka_unit_test_setup_teardown(what_is_in_use_stays_when_others_come, begin, end),
		cmocka_unit_test_setup_teardown(a_sweep_closes_those_of_all_parts, begin, end),
		cmocka_unit_test_setup_teardown(half_of_them_may_be_kept_for_good, begin, end),
		cmocka_unit_test_setup_teardown(what_is_lent_is_found_and_stays_open, begin, end),
		cmocka_unit_test_setup_teardown(what_was_taken_back_in_use_is_closed_after_it, begin, end),
		cmocka_unit_test_setup_teardown(the_only_way_to_a_file_is_replaced, begin, end),
		cmocka_unit_test_setup_teardown(a_quarter_of_them_may_be_lent, begin, end),
		cmocka_unit_test_setup_teardown(a_descriptor_in_use_is_never_closed, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
