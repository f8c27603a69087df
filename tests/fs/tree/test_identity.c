/* Which file an inode is, and by which number the kernel knows it. */
#include "tests/fs/tree/fixture.h"

#define TRIES 200
#define RECALLS 3000 /* more than a part of the table remembers */

static void two_names_of_a_file_are_one_inode(const struct fixture *f)
{
	struct inode *one, *two, *other;

	fixture_make(f, "one");
	fixture_make(f, "other");
	assert_return_code(linkat(f->dir, "one", f->dir, "two", 0), errno);
	one = fixture_find(f, f->root, "one");
	two = fixture_find(f, f->root, "two");
	other = fixture_find(f, f->root, "other");
	assert_ptr_equal(one, two);
	assert_int_equal(one->refs, 2);
	assert_ptr_not_equal(one, other);
	assert_int_not_equal(one->nodeid, other->nodeid);
	assert_ptr_equal(tree_find(f->tree, one->nodeid), one);
	tree_put(f->tree, one, 2);
	tree_put(f->tree, other, 1);
}

static void a_forgotten_file_gets_its_number_again(const struct fixture *f)
{
	struct inode *inode;
	uint64_t nodeid;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	nodeid = inode->nodeid;
	tree_put(f->tree, tree_hold(f->tree, inode), 2);
	fixture_make(f, "other");
	tree_put(f->tree, fixture_find(f, f->root, "other"), 1);
	inode = fixture_find(f, f->root, "file");
	assert_int_equal(inode->nodeid, nodeid);
	assert_int_equal(inode->refs, 1);
	assert_opens(f, inode, "file");
	tree_put(f->tree, inode, 1);
}

/* Where its number does not lead back to the file, a forgotten one is still remembered for NFS. */
static void forgotten_files_cost_memory_only_for_their_handles(const struct fixture *f)
{
	uint64_t count = tree_inode_count(f->tree), bytes = tree_bytes(f->tree);
	struct inode *inode;
	bool remembered;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	remembered = fixture_remembers(f, inode);
	assert_true(remembered || f->source != IN_MEMORY);
	assert_int_equal(tree_inode_count(f->tree), count + 1);
	assert_true(tree_bytes(f->tree) > bytes);
	tree_put(f->tree, inode, 1);
	assert_int_equal(tree_inode_count(f->tree), count + remembered);
	if (!remembered)
		assert_int_equal(tree_bytes(f->tree), bytes);
}

static void a_forgotten_number_leads_to_its_file_by_handle(const struct fixture *f)
{
	struct inode *inode;
	struct statx stx;
	uint64_t nodeid;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	nodeid = inode->nodeid;
	tree_put(f->tree, inode, 1);
	assert_int_equal(tree_lookup_nodeid(f->tree, nodeid, &inode, &stx), 0);
	assert_int_equal(inode->nodeid, nodeid);
	assert_int_equal(stx.stx_size, 4);
	tree_put(f->tree, inode, 1);
	fixture_rest(f);
	assert_return_code(unlinkat(f->dir, "file", 0), errno);
	assert_int_equal(tree_lookup_nodeid(f->tree, nodeid, &inode, &stx), -ESTALE);
}

/* It is one of those that are remembered, however often it was recalled. */
static void a_forgotten_number_leads_to_its_file_time_and_again(const struct fixture *f)
{
	struct inode *inode;
	struct statx stx;
	uint64_t nodeid;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	nodeid = inode->nodeid;
	tree_put(f->tree, inode, 1);
	for (int i = 0; i < RECALLS; i++) {
		assert_int_equal(tree_lookup_nodeid(f->tree, nodeid, &inode, &stx), 0);
		assert_int_equal(inode->refs, 1);
		tree_put(f->tree, inode, 1);
	}
}

static void without_handles_a_forgotten_number_is_stale(const struct fixture *f)
{
	struct inode *inode;
	struct statx stx;
	uint64_t nodeid;

	fixture_make(f, "file");
	inode = fixture_find(f, f->root, "file");
	nodeid = inode->nodeid;
	tree_put(f->tree, inode, 1);
	assert_null(tree_find(f->tree, nodeid));
	assert_int_equal(tree_lookup_nodeid(f->tree, nodeid, &inode, &stx), -ESTALE);
}

/* Makes files until one has this inode number. */
static bool make_with_number(const struct fixture *f, const char *name, uint64_t number)
{
	char other[32];
	struct stat st;

	for (int i = 0; i < TRIES; i++) {
		fixture_make(f, name);
		assert_return_code(fstatat(f->dir, name, &st, 0), errno);
		if (st.st_ino == number)
			return true;
		snprintf(other, sizeof(other), "other-%d", i);
		assert_return_code(renameat(f->dir, name, f->dir, other), errno);
	}
	return false;
}

static void the_next_file_with_an_inode_number_is_another_one(const struct fixture *f)
{
	struct inode *old, *next;
	struct statx stx;
	uint64_t number;

	tree_keep_no_descriptors(f->tree); /* they would keep the removed file, and its number */
	fixture_make(f, "file");
	old = fixture_find(f, f->root, "file");
	assert_int_equal(tree_statx(f->tree, old, &stx), 0);
	number = stx.stx_ino;
	if (f->source == BY_NAME && !(stx.stx_mask & STATX_BTIME)) {
		tree_put(f->tree, old, 1);
		SKIP_TEST("this file system knows no birth times");
	}
	assert_return_code(unlinkat(f->dir, "file", 0), errno);
	if (!make_with_number(f, "file", number)) {
		tree_put(f->tree, old, 1);
		SKIP_TEST("this file system does not give inode numbers again soon");
	}
	next = fixture_find(f, f->root, "file");
	assert_ptr_not_equal(next, old);
	assert_int_not_equal(next->nodeid, old->nodeid);
	assert_int_equal(tree_statx(f->tree, old, &stx), -ESTALE);
	assert_int_equal(tree_open(f->tree, old, O_RDONLY), -ESTALE);
	assert_opens(f, next, "file");
	tree_put(f->tree, old, 1);
	tree_put(f->tree, next, 1);
}

static void the_root_is_itself_from_everywhere(const struct fixture *f)
{
	struct inode *dir, *inode;

	assert_int_equal(f->root->nodeid, 1);
	assert_ptr_equal(tree_find(f->tree, 1), f->root);
	assert_return_code(mkdirat(f->dir, "dir", 0755), errno);
	dir = fixture_find(f, f->root, "dir");
	for (int i = 0; i < 3; i++) {
		inode = fixture_find(f, i ? f->root : dir, i == 1 ? "." : "..");
		assert_ptr_equal(inode, f->root);
		tree_put(f->tree, inode, 1);
	}
	inode = fixture_find(f, dir, ".");
	assert_ptr_equal(inode, dir);
	tree_put(f->tree, inode, 2);
}

static void a_missing_name_gives_no_inode(const struct fixture *f)
{
	uint64_t count = tree_inode_count(f->tree);
	struct inode *inode = f->root;
	struct statx stx;

	assert_int_equal(tree_lookup(f->tree, f->root, "missing", &inode, &stx), -ENOENT);
	assert_int_equal(tree_inode_count(f->tree), count);
}

struct visits {
	struct inode *expected[20];
	unsigned seen[20], others;
};

static void count_visit(struct inode *inode, void *ctx)
{
	struct visits *visits = ctx;
	unsigned i = 0;

	assert_int_equal(inode->refs, 2); /* held for the visit */
	while (i < 20 && visits->expected[i] != inode)
		i++;
	if (i < 20)
		visits->seen[i]++;
	else
		visits->others++;
}

static void the_slices_visit_each_inode_with_an_object_once(const struct fixture *f)
{
	struct inode *inodes[40];
	struct visits visits = {.others = 0};
	char name[16];

	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		fixture_make(f, name);
		inodes[i] = fixture_find(f, f->root, name);
		if (i % 2) {
			inodes[i]->object = (struct object *)inodes[i]; /* only compared with NULL */
			visits.expected[i / 2] = inodes[i];
		}
	}
	for (unsigned slice = 0; slice < TREE_SLICES; slice++)
		tree_each_slice(f->tree, slice, count_visit, &visits);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(visits.seen[i], 1);
	assert_int_equal(visits.others, 0);
	tree_each(f->tree, count_visit, &visits);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(visits.seen[i], 2);
	for (unsigned i = 0; i < 40; i++) {
		inodes[i]->object = NULL;
		tree_put(f->tree, inodes[i], 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(two_names_of_a_file_are_one_inode),
		WITH_ALL(a_forgotten_file_gets_its_number_again),
		WITH_ALL(forgotten_files_cost_memory_only_for_their_handles),
		WITH_HANDLES(a_forgotten_number_leads_to_its_file_by_handle),
		WITH_HANDLES(a_forgotten_number_leads_to_its_file_time_and_again),
		WITHOUT_HANDLES(without_handles_a_forgotten_number_is_stale),
		WITH(the_next_file_with_an_inode_number_is_another_one, BY_HANDLE),
		WITH(the_next_file_with_an_inode_number_is_another_one, BY_NAME),
		WITH_ALL(the_root_is_itself_from_everywhere),
		WITH_ALL(a_missing_name_gives_no_inode),
		WITH_ALL(the_slices_visit_each_inode_with_an_object_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
