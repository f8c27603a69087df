/* Files that lose their names while somebody uses them. */
#include "tests/fs/tree/fixture.h"
#include <sys/mount.h>
#include <sys/stat.h>

static void remove_through_the_tree(const struct fixture *f, const char *name)
{
	struct tree_leaving leaving;

	tree_before_unlink(f->tree, f->root, name, &leaving);
	assert_non_null(leaving.inode);
	assert_true(leaving.last);
	assert_return_code(unlinkat(f->dir, name, 0), errno);
	tree_after_unlink(f->tree, &leaving, true);
}

static void a_removed_file_is_reached_while_the_kernel_knows_it(const struct fixture *f)
{
	struct inode *inode;
	struct statx stx;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	remove_through_the_tree(f, "file");
	fixture_rest(f);
	assert_int_equal(tree_statx(f->tree, inode, &stx), 0);
	assert_int_equal(stx.stx_nlink, 0);
	assert_opens(f, inode, "file");
	assert_int_equal(inode->refs, 1);
	tree_put(f->tree, inode, 1);
}

/* As a working directory is: it has two links, and is gone all the same. */
static void a_removed_directory_is_reached_while_the_kernel_knows_it(const struct fixture *f)
{
	struct tree_leaving leaving;
	struct inode *inode;
	struct statx stx;

	assert_return_code(mkdirat(f->dir, "dir", 0755), errno);
	inode = fixture_find(f, f->root, "dir");
	tree_before_unlink(f->tree, f->root, "dir", &leaving);
	assert_ptr_equal(leaving.inode, inode);
	assert_true(leaving.last);
	assert_return_code(unlinkat(f->dir, "dir", AT_REMOVEDIR), errno);
	tree_after_unlink(f->tree, &leaving, true);
	fixture_rest(f);
	assert_int_equal(tree_statx(f->tree, inode, &stx), 0);
	assert_int_equal(stx.stx_nlink, 0);
	tree_put(f->tree, inode, 1);
}

/* Or the file's space would not be freed. */
static void a_removed_file_is_closed_when_the_kernel_forgets_it(const struct fixture *f)
{
	struct inode *inode;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	remove_through_the_tree(f, "file");
	tree_put(f->tree, inode, 1);
	fixture_rest(f);
	assert_int_equal(fixture_descriptors(f), 0);
}

static void a_file_that_nobody_uses_is_not_kept(const struct fixture *f)
{
	fixture_make(f, "file");
	remove_through_the_tree(f, "file");
	fixture_rest(f);
	assert_int_equal(fixture_descriptors(f), 0);
}

static void removed_files_leave_half_of_the_descriptors_to_others(const struct fixture *f)
{
	struct inode *inodes[TREE_DESCRIPTORS];
	char name[16];

	for (unsigned i = 0; i < TREE_DESCRIPTORS; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		fixture_make(f, name);
		inodes[i] = fixture_find(f, f->root, name);
	}
	for (unsigned i = 0; i < TREE_DESCRIPTORS; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		remove_through_the_tree(f, name);
	}
	fixture_rest(f);
	assert_int_equal(fixture_descriptors(f), TREE_DESCRIPTORS / 2);
	for (unsigned i = 0; i < TREE_DESCRIPTORS; i++)
		tree_put(f->tree, inodes[i], 1);
}

static void one_of_two_names_is_not_the_last(const struct fixture *f)
{
	struct tree_leaving leaving;
	struct inode *inode, *other;

	fixture_make(f, "one");
	assert_return_code(linkat(f->dir, "one", f->dir, "two", 0), errno);
	inode = fixture_find(f, f->root, "one");
	tree_before_unlink(f->tree, f->root, "one", &leaving);
	assert_ptr_equal(leaving.inode, inode);
	assert_false(leaving.last);
	assert_return_code(unlinkat(f->dir, "one", 0), errno);
	tree_after_unlink(f->tree, &leaving, true);
	fixture_rest(f);
	assert_opens(f, inode, "one");
	other = fixture_find(f, f->root, "two");
	assert_ptr_equal(other, inode);
	tree_put(f->tree, inode, 2);
}

static void a_missing_name_leaves_nothing(const struct fixture *f)
{
	struct tree_leaving leaving;

	tree_before_unlink(f->tree, f->root, "missing", &leaving);
	assert_null(leaving.inode);
	tree_after_unlink(f->tree, &leaving, false);
}

/* The file itself stands in for the next one with its inode number. */
static void removed_as_far_as_the_tree_knows(const struct fixture *f, bool done, bool same)
{
	struct tree_leaving leaving;
	struct inode *inode, *next;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	tree_before_unlink(f->tree, f->root, "file", &leaving);
	tree_after_unlink(f->tree, &leaving, done);
	next = fixture_find(f, f->root, "file");
	assert_int_equal(next == inode, same);
	assert_int_equal(next->nodeid == inode->nodeid, same);
	assert_ptr_equal(tree_find(f->tree, inode->nodeid), inode);
	tree_put(f->tree, inode, 1);
	assert_ptr_equal(tree_find(f->tree, next->nodeid), next);
	assert_ptr_equal(fixture_find(f, f->root, "file"), next);
	assert_opens(f, next, "file");
	tree_put(f->tree, next, 2);
}

static void the_next_file_with_a_removed_ones_number_is_another(const struct fixture *f)
{
	removed_as_far_as_the_tree_knows(f, true, false);
}

static void a_file_that_could_not_be_removed_stays_itself(const struct fixture *f)
{
	removed_as_far_as_the_tree_knows(f, false, true);
}

/* SOURCE may be mounted once more below itself. Its descriptor is none of the set. */
static void the_root_needs_no_descriptor_to_be_kept(const struct fixture *f)
{
	struct tree_leaving leaving;
	char again[64];
	int mounted;

	snprintf(again, sizeof(again), "%s/again", f->path);
	assert_return_code(mkdir(again, 0755), errno);
	mounted = mount(f->path, again, NULL, MS_BIND, NULL);
	if (mounted < 0)
		SKIP_TEST("nothing can be mounted here: %s", strerror(errno));
	tree_before_unlink(f->tree, f->root, "again", &leaving);
	assert_return_code(umount2(again, MNT_DETACH), errno);
	assert_ptr_equal(leaving.inode, f->root);
	tree_after_unlink(f->tree, &leaving, false);
	fixture_rest(f);
	assert_int_equal(fixture_descriptors(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(a_removed_file_is_reached_while_the_kernel_knows_it),
		WITH_ALL(a_removed_directory_is_reached_while_the_kernel_knows_it),
		WITH_ALL(a_removed_file_is_closed_when_the_kernel_forgets_it),
		WITH_ALL(a_file_that_nobody_uses_is_not_kept),
		WITH_ALL(removed_files_leave_half_of_the_descriptors_to_others),
		WITH_ALL(one_of_two_names_is_not_the_last),
		WITH_ALL(a_missing_name_leaves_nothing),
		WITH(the_next_file_with_a_removed_ones_number_is_another, BY_NUMBER),
		WITH_ALL(a_file_that_could_not_be_removed_stays_itself),
		WITH(the_root_needs_no_descriptor_to_be_kept, BY_HANDLE),
		WITH(the_root_needs_no_descriptor_to_be_kept, BY_NAME),
	};

	fixture_hide_mounts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
