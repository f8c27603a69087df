/* How a file is reached again once its descriptor is closed. */
#include "tests/fs/tree/fixture.h"
#include <sys/mount.h>
#include <sys/stat.h>

static void a_handle_follows_its_file_to_other_names(const struct fixture *f)
{
	struct inode *inode;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	fixture_rest(f);
	assert_return_code(mkdirat(f->dir, "dir", 0755), errno);
	assert_return_code(renameat(f->dir, "file", f->dir, "dir/moved"), errno);
	fixture_make(f, "another");
	assert_return_code(renameat(f->dir, "another", f->dir, "file"), errno);
	assert_opens(f, inode, "file");
	tree_put(f->tree, inode, 1);
}

static void a_new_name_that_is_noted_is_the_way(const struct fixture *f)
{
	struct inode *inode;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	fixture_rest(f);
	assert_return_code(renameat(f->dir, "file", f->dir, "moved"), errno);
	tree_note_name(f->tree, f->root, "moved");
	fixture_rest(f);
	assert_opens(f, inode, "file");
	assert_int_equal(inode->refs, 1);
	tree_put(f->tree, inode, 1);
}

static void a_name_that_moved_unnoticed_is_stale_until_it_is_looked_up(const struct fixture *f)
{
	struct inode *inode, *again;
	struct statx stx;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	fixture_rest(f);
	assert_return_code(renameat(f->dir, "file", f->dir, "moved"), errno);
	assert_int_equal(tree_statx(f->tree, inode, &stx), -ESTALE);
	fixture_make(f, "file"); /* another one under the name that is known */
	assert_int_equal(tree_statx(f->tree, inode, &stx), -ESTALE);
	again = fixture_find(f, f->root, "moved");
	assert_ptr_equal(again, inode);
	fixture_rest(f);
	assert_opens(f, inode, "file");
	tree_put(f->tree, inode, 2);
}

static void a_deep_path_is_walked_from_the_root(const struct fixture *f)
{
	struct inode *at = f->root, *below;
	char path[256] = "";

	for (unsigned depth = 0; depth < 2 * TREE_DESCRIPTORS; depth++) {
		strcat(path, depth ? "/d" : "d");
		assert_return_code(mkdirat(f->dir, path, 0755), errno);
		below = fixture_find(f, at, "d");
		if (at != f->root)
			tree_put(f->tree, at, 1);
		at = below;
	}
	strcat(path, "/file");
	fixture_make(f, path);
	below = fixture_find(f, at, "file");
	tree_put(f->tree, at, 1); /* without handles it stays, as its parent */
	fixture_rest(f);
	assert_int_equal(fixture_descriptors(f), 0);
	assert_opens(f, below, path);
	tree_put(f->tree, below, 1);
}

/* Neither is reached by way of the other, though each was looked up in the other. */
static void a_parent_that_is_looked_up_from_below_is_no_detour(const struct fixture *f)
{
	struct inode *dir, *below, *again;
	struct statx stx;

	assert_return_code(mkdirat(f->dir, "dir", 0755) | mkdirat(f->dir, "dir/below", 0755), errno);
	dir = fixture_find(f, f->root, "dir");
	below = fixture_find(f, dir, "below");
	again = fixture_find(f, below, "..");
	assert_ptr_equal(again, dir);
	fixture_rest(f);
	assert_int_equal(tree_statx(f->tree, below, &stx), 0);
	fixture_rest(f);
	assert_int_equal(tree_statx(f->tree, dir, &stx), 0);
	tree_put(f->tree, below, 1);
	tree_put(f->tree, dir, 2);
}

static void a_parent_lives_as_long_as_the_way_through_it(const struct fixture *f)
{
	uint64_t count = tree_inode_count(f->tree);
	struct inode *dir, *file;

	assert_return_code(mkdirat(f->dir, "dir", 0755), errno);
	fixture_make(f, "dir/file");
	dir = fixture_find(f, f->root, "dir");
	file = fixture_find(f, dir, "file");
	tree_put(f->tree, dir, 1);
	assert_int_equal(tree_inode_count(f->tree), count + 2);
	tree_put(f->tree, file, 1);
	assert_int_equal(tree_inode_count(f->tree), count);
}

static void a_nameless_file_stays_reachable_while_it_is_known(const struct fixture *f)
{
	struct inode *inode;
	struct statx stx;
	int fd = openat(f->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	if (fd < 0)
		SKIP_TEST("no O_TMPFILE here: %s", strerror(errno));
	assert_int_equal(write(fd, "nameless", 8), 8);
	assert_int_equal(tree_adopt(f->tree, fd, NULL, NULL, &inode, &stx), 0);
	tree_keep(f->tree, inode, fd);
	fixture_rest(f);
	assert_opens(f, inode, "nameless");
	close(fd);
	/* by handle the file is not to be had any more once nobody has it open */
	if (f->source == BY_NAME)
		assert_opens(f, inode, "nameless");
	tree_put(f->tree, inode, 1);
	assert_int_equal(fixture_descriptors(f), 0);
}

static void bind(const char *of, const char *at)
{
	if (mkdir(at, 0755) || mount(of, at, NULL, MS_BIND, NULL))
		fail_msg("bind %s: %s", at, strerror(errno));
}

/* Each of two file systems was seen last below the other one. */
static void a_way_in_a_circle_is_stale_until_it_is_looked_up(const struct fixture *f)
{
	char a[64], b[64], below_a[80], below_b[80];
	struct inode *on_a, *on_b;
	int statx_a, statx_b, again;
	struct statx stx;

	snprintf(a, sizeof(a), "%s/a", f->path);
	snprintf(b, sizeof(b), "%s/b", f->path);
	snprintf(below_a, sizeof(below_a), "%s/b", a);
	snprintf(below_b, sizeof(below_b), "%s/a", b);
	assert_return_code(mkdir(a, 0755) | mkdir(b, 0755), errno);
	if (mount("a", a, "tmpfs", 0, "size=1M"))
		SKIP_TEST("nothing can be mounted here: %s", strerror(errno));
	assert_return_code(mount("b", b, "tmpfs", 0, "size=1M"), errno);
	bind(a, below_b);
	bind(b, below_a);
	on_a = fixture_find(f, f->root, "a");
	on_b = fixture_find(f, f->root, "b");
	tree_put(f->tree, fixture_find(f, on_a, "b"), 1);
	tree_put(f->tree, fixture_find(f, on_b, "a"), 1);
	fixture_rest(f);
	statx_a = tree_statx(f->tree, on_a, &stx);
	statx_b = tree_statx(f->tree, on_b, &stx);
	tree_put(f->tree, fixture_find(f, f->root, "a"), 1);
	fixture_rest(f);
	again = tree_statx(f->tree, on_b, &stx);
	fixture_rest(f);
	assert_return_code(umount2(a, MNT_DETACH) | umount2(b, MNT_DETACH), errno);
	assert_int_equal(statx_a, -ESTALE);
	assert_int_equal(statx_b, -ESTALE);
	assert_int_equal(again, 0);
	tree_put(f->tree, on_a, 1);
	tree_put(f->tree, on_b, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HANDLES(a_handle_follows_its_file_to_other_names),
		WITHOUT_HANDLES(a_new_name_that_is_noted_is_the_way),
		WITHOUT_HANDLES(a_name_that_moved_unnoticed_is_stale_until_it_is_looked_up),
		WITH_ALL(a_deep_path_is_walked_from_the_root),
		WITH_ALL(a_parent_that_is_looked_up_from_below_is_no_detour),
		WITHOUT_HANDLES(a_parent_lives_as_long_as_the_way_through_it),
		WITH(a_nameless_file_stays_reachable_while_it_is_known, BY_HANDLE),
		WITH(a_nameless_file_stays_reachable_while_it_is_known, BY_NAME),
		WITH(a_way_in_a_circle_is_stale_until_it_is_looked_up, BY_HANDLE),
		WITH(a_way_in_a_circle_is_stale_until_it_is_looked_up, BY_NAME),
	};

	fixture_hide_mounts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
