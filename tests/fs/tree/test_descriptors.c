/* The bounded set of O_PATH descriptors. */
#include "tests/fs/tree/fixture.h"
#include <sys/resource.h>
#include <sys/stat.h>

#define FILES (3 * TREE_DESCRIPTORS)

static void look_up_all(const struct fixture *f, struct inode **inodes)
{
	char name[16];

	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		fixture_make(f, name);
	}
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		inodes[i] = fixture_find(f, f->root, name);
	}
}

static void put_all(const struct fixture *f, struct inode **inodes)
{
	for (unsigned i = 0; i < FILES; i++)
		tree_put(f->tree, inodes[i], 1);
}

static void there_are_no_more_than_the_limit(const struct fixture *f)
{
	struct inode *inodes[FILES];
	struct statx stx;

	look_up_all(f, inodes);
	assert_int_equal(fixture_descriptors(f), TREE_DESCRIPTORS);
	for (unsigned i = 0; i < FILES; i++) {
		assert_int_equal(tree_statx(f->tree, inodes[i], &stx), 0);
		assert_true(fixture_descriptors(f) <= TREE_DESCRIPTORS);
	}
	put_all(f, inodes);
}

static void a_descriptor_in_use_stays_open(const struct fixture *f)
{
	struct inode *inodes[FILES];
	struct stat before, after;
	struct statx stx;
	int fd;

	look_up_all(f, inodes);
	fd = tree_fd_get(f->tree, inodes[0]);
	assert_return_code(fd, -fd);
	assert_return_code(fstat(fd, &before), errno);
	for (unsigned i = 0; i < FILES; i++)
		assert_int_equal(tree_statx(f->tree, inodes[i], &stx), 0);
	fixture_rest(f);
	assert_int_equal(fixture_descriptors(f), 1);
	assert_return_code(fstat(fd, &after), errno);
	assert_int_equal(after.st_ino, before.st_ino);
	tree_fd_put(f->tree, inodes[0]);
	fixture_rest(f);
	assert_int_equal(fixture_descriptors(f), 0);
	put_all(f, inodes);
}

static void with_all_in_use_there_is_none_for_another_file(const struct fixture *f)
{
	struct inode *inodes[FILES];
	int fd;

	look_up_all(f, inodes);
	for (unsigned i = 0; i < TREE_DESCRIPTORS; i++) {
		fd = tree_fd_get(f->tree, inodes[i]);
		assert_return_code(fd, -fd);
	}
	assert_int_equal(tree_fd_get(f->tree, inodes[TREE_DESCRIPTORS]), -EMFILE);
	assert_true(tree_fd_get(f->tree, inodes[0]) >= 0);
	tree_fd_put(f->tree, inodes[0]);
	assert_int_equal(fixture_descriptors(f), TREE_DESCRIPTORS);
	tree_fd_put(f->tree, inodes[0]);
	assert_true(tree_fd_get(f->tree, inodes[TREE_DESCRIPTORS]) >= 0);
	for (unsigned i = 1; i <= TREE_DESCRIPTORS; i++)
		tree_fd_put(f->tree, inodes[i]);
	put_all(f, inodes);
}

static void what_was_used_since_the_last_sweep_stays(const struct fixture *f)
{
	struct inode *used, *idle;
	struct statx stx;

	fixture_make(f, "used");
	fixture_make(f, "idle");
	used = fixture_find(f, f->root, "used");
	idle = fixture_find(f, f->root, "idle");
	tree_close_idle(f->tree);
	assert_int_equal(fixture_descriptors(f), 2);
	assert_int_equal(tree_statx(f->tree, used, &stx), 0);
	tree_close_idle(f->tree);
	assert_int_equal(fixture_descriptors(f), 1);
	tree_close_idle(f->tree);
	assert_int_equal(fixture_descriptors(f), 0);
	tree_put(f->tree, used, 1);
	tree_put(f->tree, idle, 1);
}

static void a_tree_may_keep_none(const struct fixture *f)
{
	struct inode *inodes[FILES];

	tree_keep_no_descriptors(f->tree);
	look_up_all(f, inodes);
	assert_int_equal(fixture_descriptors(f), 0);
	assert_opens(f, inodes[0], "file-0");
	assert_int_equal(fixture_descriptors(f), 0);
	put_all(f, inodes);
}

/* Lowers the process's limit so that only `left` more can be had. first: any open one. */
static void leave_descriptors(int first, int left, struct rlimit *before)
{
	int spare = fcntl(first, F_DUPFD_CLOEXEC, 0);
	struct rlimit few;

	assert_return_code(spare, errno);
	close(spare);
	assert_return_code(getrlimit(RLIMIT_NOFILE, before), errno);
	few = (struct rlimit){(rlim_t)(spare + left), before->rlim_max};
	assert_return_code(setrlimit(RLIMIT_NOFILE, &few), errno);
}

static void where_descriptors_run_out_the_idle_ones_are_given_back(const struct fixture *f)
{
	struct inode *inodes[FILES], *dir;
	struct rlimit before;
	int fds[TREE_DESCRIPTORS];

	assert_return_code(mkdirat(f->dir, "dir", 0755), errno);
	fixture_make(f, "dir/file");
	look_up_all(f, inodes);
	leave_descriptors(f->dir, 4, &before);
	for (unsigned i = 0; i < TREE_DESCRIPTORS; i++) {
		fds[i] = tree_open(f->tree, inodes[i], O_RDONLY);
		if (fds[i] < 0)
			fail_msg("file %u: %s", i, strerror(-fds[i]));
	}
	for (unsigned i = 0; i < TREE_DESCRIPTORS; i++)
		close(fds[i]);
	/* and for new names */
	dir = fixture_find(f, f->root, "dir");
	tree_put(f->tree, fixture_find(f, dir, "file"), 1);
	tree_put(f->tree, dir, 1);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
	put_all(f, inodes);
}

static void a_process_without_descriptors_gets_an_error(const struct fixture *f)
{
	struct inode *inode, *other = NULL;
	struct rlimit before;
	struct statx stx;

	fixture_make(f, "file");
	fixture_make(f, "other");
	inode = fixture_find(f, f->root, "file");
	fixture_rest(f);
	leave_descriptors(f->dir, 0, &before);
	assert_int_equal(tree_open(f->tree, inode, O_RDONLY), -EMFILE);
	assert_int_equal(tree_statx(f->tree, inode, &stx), -EMFILE);
	assert_int_equal(tree_lookup(f->tree, f->root, "other", &other, &stx), -EMFILE);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
	assert_opens(f, inode, "file");
	tree_put(f->tree, inode, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(there_are_no_more_than_the_limit),
		WITH_ALL(a_descriptor_in_use_stays_open),
		WITH_ALL(with_all_in_use_there_is_none_for_another_file),
		WITH_ALL(what_was_used_since_the_last_sweep_stays),
		WITH_ALL(a_tree_may_keep_none),
		WITH_ALL(where_descriptors_run_out_the_idle_ones_are_given_back),
		WITH_ALL(a_process_without_descriptors_gets_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
