/* Lookups while the kernel or the heap has no memory: they fail, and leave nothing behind. */
#include "tests/fs/tree/fixture.h"
#include <stdlib.h>
#include <sys/stat.h>

/* The linker leads calls of the tree to these (--wrap). Of those made from now on this one fails; -1: none.
 */
static int failing = -1;

static bool fails(void)
{
	if (failing < 0 || failing-- > 0)
		return false;
	errno = ENOMEM;
	return true;
}

/* clang-format off */
#define WRAP(type, function, failed, parameters, arguments)                       \
	type __real_##function parameters;                                        \
	type __wrap_##function parameters;                                        \
	type __wrap_##function parameters                                         \
	{                                                                         \
		return fails() ? (failed) : __real_##function arguments;          \
	}
/* clang-format on */

WRAP(void *, calloc, NULL, (size_t count, size_t size), (count, size))
WRAP(char *, strdup, NULL, (const char *text), (text))
WRAP(int, statx, -1, (int dir, const char *path, int flags, unsigned mask, struct statx *stx),
	(dir, path, flags, mask, stx))
WRAP(int, name_to_handle_at, -1,
	(int dir, const char *path, struct file_handle *handle, int *mount, int flags),
	(dir, path, handle, mount, flags))

/* Looks the name up with one call after the other failing, until none of them is reached. Returns how many
 * lookups failed. */
static int look_up_without(const struct fixture *f, const char *name, struct inode **inode)
{
	uint64_t count = tree_inode_count(f->tree);
	int descriptors = fixture_descriptors(f), r;
	struct statx stx;

	for (int n = 0;; n++) {
		*inode = NULL;
		failing = n;
		r = tree_lookup(f->tree, f->root, name, inode, &stx);
		if (failing >= 0) {
			failing = -1;
			assert_int_equal(r, 0);
			return n;
		}
		assert_int_equal(r, -ENOMEM); /* and not that there is no such file */
		assert_null(*inode);
		assert_int_equal(tree_inode_count(f->tree), count);
		assert_int_equal(fixture_descriptors(f), descriptors);
	}
}

static void a_lookup_without_memory_fails_and_leaves_nothing(const struct fixture *f)
{
	struct inode *inode;

	fixture_make(f, "file");
	/* a look at it and the inode; and its handle, or the way to it */
	assert_true(look_up_without(f, "file", &inode) >= 3);
	assert_opens(f, inode, "file");
	tree_put(f->tree, inode, 1);
}

static void a_file_stays_the_one_that_it_was(const struct fixture *f)
{
	struct inode *before, *inode;

	fixture_make(f, "file");
	before = fixture_find(f, f->root, "file");
	assert_return_code(linkat(f->dir, "file", f->dir, "link", 0), errno);
	assert_true(look_up_without(f, "link", &inode) >= 2);
	assert_ptr_equal(inode, before);
	assert_int_equal(inode->refs, 2);
	tree_put(f->tree, inode, 2);
}

static void a_tree_is_not_begun_by_names_for_want_of_memory(const struct fixture *f)
{
	struct tree *tree;
	int r, n = 0;

	do {
		int source = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_return_code(source, errno);
		tree = NULL;
		failing = n++;
		r = tree_new(&tree, source, TREE_DESCRIPTORS);
		assert_true(r == 0 || r == -ENOMEM);
		if (r < 0 && n == 1)
			close(source);
		if (r == 0)
			assert_int_equal(tree_has_handles(tree), tree_has_handles(f->tree));
		tree_free(tree);
	} while (failing < 0);
	failing = -1;
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(a_lookup_without_memory_fails_and_leaves_nothing),
		WITH_ALL(a_file_stays_the_one_that_it_was),
		WITH_ALL(a_tree_is_not_begun_by_names_for_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
