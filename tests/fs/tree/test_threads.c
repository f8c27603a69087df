/* Many threads, few files, fewer descriptors: run under TSan. */
#include "tests/fs/tree/fixture.h"
#include "tests/support/random.h"
#include <pthread.h>

#define THREADS 4
#define ROUNDS 1500
#define FILES (2 * TREE_DESCRIPTORS)

struct worker {
	const struct fixture *fixture;
	unsigned number;
};

/* Other threads may hold every descriptor of the set for a moment. */
static bool is_expected(int r)
{
	return r == 0 || r == -EMFILE;
}

static void use(const struct fixture *f, struct inode *inode, const struct statx *found, unsigned how)
{
	struct statx stx;
	int r = 0;

	if (how % 4 == 0)
		tree_put(f->tree, tree_hold(f->tree, inode), 1);
	else if (how % 4 == 1)
		r = tree_peek(f->tree, inode, &stx);
	else
		r = tree_statx(f->tree, inode, &stx);
	if (!is_expected(r))
		fail_msg("%s", strerror(-r));
	if (how % 4 && r == 0)
		assert_int_equal(stx.stx_ino, found->stx_ino);
	assert_ptr_equal(tree_find(f->tree, inode->nodeid), inode);
}

static void *look_up_and_put(void *arg)
{
	const struct worker *worker = arg;
	const struct fixture *f = worker->fixture;
	struct random random = {.state = worker->number + 1};
	struct inode *inode;
	struct statx stx;
	char name[16];

	for (unsigned i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "file-%u", (unsigned)random_below(&random, FILES));
		assert_int_equal(tree_lookup(f->tree, f->root, name, &inode, &stx), 0);
		use(f, inode, &stx, i);
		tree_put(f->tree, inode, 1);
		if (i % 64 == 0)
			tree_close_idle(f->tree);
	}
	return NULL;
}

/* Names come and go beside it; each thread has its own. */
static void *make_and_remove(void *arg)
{
	const struct worker *worker = arg;
	const struct fixture *f = worker->fixture;
	struct tree_leaving leaving;
	struct inode *inode;
	char name[32], moved[32];

	snprintf(name, sizeof(name), "mine-%u", worker->number);
	snprintf(moved, sizeof(moved), "moved-%u", worker->number);
	for (unsigned i = 0; i < ROUNDS / 5; i++) {
		fixture_make(f, name);
		inode = fixture_find(f, f->root, name);
		assert_return_code(renameat(f->dir, name, f->dir, moved), errno);
		tree_note_name(f->tree, f->root, moved);
		tree_before_unlink(f->tree, f->root, moved, &leaving);
		assert_return_code(unlinkat(f->dir, moved, 0), errno);
		tree_after_unlink(f->tree, &leaving, true);
		tree_put(f->tree, inode, 1);
	}
	return NULL;
}

static void ignore(struct inode *inode, void *ctx)
{
	++*(unsigned *)ctx;
}

static void *visit_all(void *arg)
{
	const struct worker *worker = arg;
	unsigned visits = 0;

	for (unsigned i = 0; i < ROUNDS / 10; i++)
		tree_each(worker->fixture->tree, ignore, &visits);
	assert_int_equal(visits % (ROUNDS / 10), 0);
	return NULL;
}

static void threads_that_look_up_and_put_leave_nothing_behind(const struct fixture *f)
{
	static void *(*const work[])(void *) = {look_up_and_put, look_up_and_put, make_and_remove, visit_all};
	uint64_t count = tree_inode_count(f->tree);
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	struct inode *pinned;
	bool remembered;
	char name[16];

	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		fixture_make(f, name);
	}
	pinned = fixture_find(f, f->root, "file-0");
	pinned->object = (struct object *)pinned; /* only compared with NULL */
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){f, i};
		assert_int_equal(pthread_create(&threads[i], NULL, work[i], &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(pinned->refs, 1);
	pinned->object = NULL;
	remembered = fixture_remembers(f, pinned);
	tree_put(f->tree, pinned, 1);
	if (!remembered)
		assert_int_equal(tree_inode_count(f->tree), count);
	fixture_rest(f);
	assert_int_equal(fixture_descriptors(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(threads_that_look_up_and_put_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
