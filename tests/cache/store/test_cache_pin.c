/* The cache over the store that pins: budget, mending, losses. The store's own test is test_keepers.c. */
#include "cache/cache.h"

#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache/policy/charge.h"
#include "cache/store/keeper.h"
#include "cache/store/store_pin.h"

#define PAGE KEEPER_PAGE

struct fixture {
	struct cache *cache;
	unsigned let_go_count;
};

static int on_let_go(void *ctx, struct object *object)
{
	struct fixture *f = ctx;

	f->let_go_count++;
	return 0;
}

static void start(struct fixture *f, uint64_t budget)
{
	const struct keepers_options keepers = {.program = "/proc/self/exe"};
	struct cache_options options = {.budget = budget, .admit = 1, .policy = evict_find("sieve")};
	const struct cache_owner owner = {.let_go = on_let_go, .ctx = f};

	memset(f, 0, sizeof(*f));
	assert_int_equal(store_pin_new(&options.store, &keepers), 0);
	assert_int_equal(cache_new(&f->cache, &options, &owner), 0);
}

static void stop(struct fixture *f)
{
	cache_empty(f->cache);
	cache_free(f->cache);
}

static int file_of(unsigned pages)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, (off_t)pages * PAGE), errno);
	return fd;
}

/* fd stays open: the store takes what it needs of it. */
static struct object *add(struct fixture *f, int fd, uint64_t id, unsigned pages)
{
	const struct store_source source = {.fd = fd};
	struct object *object = NULL;

	if (cache_fill(f->cache, &source, id, (uint64_t)pages * PAGE, &object) < 0)
		return NULL;
	assert_int_equal(cache_publish(f->cache, object), 0);
	return object;
}

static int mend(struct fixture *f, struct object *object, int fd, unsigned pages)
{
	const struct store_source source = {.fd = fd};
	int r;

	assert_true(object_hold(object));
	r = cache_mend(f->cache, object, &source, (uint64_t)pages * PAGE);
	cache_release(f->cache, object);
	return r;
}

static struct cache_figures figures_of(struct fixture *f)
{
	struct cache_figures figures;

	cache_read_figures(f->cache, &figures);
	return figures;
}

static uint64_t pinned_pages(struct fixture *f)
{
	struct keepers_figures figures;

	store_pin_figures(cache_store(f->cache), &figures);
	return figures.pages;
}

static void pinned_files_leave_when_the_budget_is_full(void **state)
{
	struct fixture f;
	int fd = file_of(4);

	start(&f, 1 << 20);
	for (uint64_t id = 1; id <= 200; id++) {
		assert_non_null(add(&f, fd, id, 4));
		assert_true(figures_of(&f).bytes <= 1 << 20);
		assert_int_equal(pinned_pages(&f), figures_of(&f).object_count * 4);
	}
	assert_true(f.let_go_count > 100);
	assert_true(figures_of(&f).object_count > 30);
	cache_empty(f.cache);
	assert_int_equal(pinned_pages(&f), 0);
	stop(&f);
	close(fd);
}

static void a_file_that_grew_is_charged_before_its_pages_are_held(void **state)
{
	struct fixture f;
	struct object *object;
	int fd = file_of(2), other = file_of(16);
	uint64_t budget = 40 * PAGE + 16 * CHARGE_METADATA;

	start(&f, budget);
	object = add(&f, fd, 1, 2);
	assert_non_null(object);
	assert_non_null(add(&f, other, 2, 4));
	assert_return_code(ftruncate(fd, 30 * PAGE), errno);
	assert_int_equal(mend(&f, object, fd, 30), 0);
	assert_int_equal(object->entry.size, 30 * PAGE);
	assert_int_equal(object->entry.charge, charge_of(30 * PAGE));
	assert_true(figures_of(&f).bytes <= budget);
	assert_int_equal(figures_of(&f).reserved, 0);
	/* more than there is: what was held is */
	assert_return_code(ftruncate(fd, 90 * PAGE), errno);
	assert_int_equal(mend(&f, object, fd, 90), -ENOSPC);
	assert_int_equal(object->entry.size, 30 * PAGE);
	assert_int_equal(figures_of(&f).reserved, 0);
	assert_true(cache_holds(f.cache, object));
	assert_int_equal(pinned_pages(&f), 30);
	stop(&f);
	close(fd);
	close(other);
}

static void a_file_may_shrink_to_nothing_and_grow_again(void **state)
{
	struct fixture f;
	struct object *object;
	int fd = file_of(8);

	start(&f, 1 << 20);
	object = add(&f, fd, 1, 8);
	assert_return_code(ftruncate(fd, 0), errno);
	assert_int_equal(mend(&f, object, fd, 0), 0);
	assert_int_equal(pinned_pages(&f), 0);
	assert_int_equal(object->entry.charge, charge_of(0));
	assert_true(cache_holds(f.cache, object));
	assert_return_code(ftruncate(fd, 3 * PAGE), errno);
	assert_int_equal(mend(&f, object, fd, 3), 0);
	assert_int_equal(pinned_pages(&f), 3);
	stop(&f);
	close(fd);
}

static void an_empty_file_is_kept_and_costs_no_pages(void **state)
{
	struct fixture f;
	struct object *object;
	int fd = file_of(0);

	start(&f, 1 << 20);
	object = add(&f, fd, 1, 0);
	assert_non_null(object);
	assert_true(cache_holds(f.cache, object));
	assert_int_equal(pinned_pages(&f), 0);
	stop(&f);
	close(fd);
}

static void a_file_shorter_than_told_is_not_kept(void **state)
{
	const struct store_source source = {.fd = file_of(1)};
	struct object *object = NULL;
	struct fixture f;

	start(&f, 1 << 20);
	assert_int_equal(cache_fill(f.cache, &source, 1, 3 * PAGE, &object), -EFAULT);
	assert_int_equal(figures_of(&f).bytes - figures_of(&f).policy.memory, 0);
	assert_int_equal(pinned_pages(&f), 0);
	stop(&f);
	close(source.fd);
}

static void several_files_enter_at_once_each_with_its_own_error(void **state)
{
	static const unsigned sizes[] = {4, 9, 0, 2, 4}; /* pages; the file has 8 */
	struct cache_filling fillings[5];
	struct fixture f;
	int fd = file_of(8);

	start(&f, 1 << 20);
	for (uint64_t i = 0; i < 5; i++)
		fillings[i] = (struct cache_filling){
			.source = {.fd = fd}, .id = i + 1, .size = (uint64_t)sizes[i] * PAGE};
	fillings[3].size = 2 << 20; /* more than the cache */
	cache_fill_many(f.cache, fillings, 5);
	assert_int_equal(fillings[1].error, -EFAULT);
	assert_int_equal(fillings[3].error, -ENOSPC);
	for (unsigned i = 0; i < 5; i += 2) {
		assert_int_equal(fillings[i].error, 0);
		assert_int_equal(fillings[i].object->entry.id, i + 1);
		assert_int_equal(cache_publish(f.cache, fillings[i].object), 0);
	}
	assert_int_equal(figures_of(&f).reserved, 0);
	assert_int_equal(figures_of(&f).object_count, 3);
	assert_int_equal(figures_of(&f).fills, 3);
	assert_int_equal(pinned_pages(&f), 8);
	stop(&f);
	close(fd);
}

static void uses_are_what_opens_tell(void **state)
{
	struct fixture f;
	struct object *used;
	int fd = file_of(4);

	start(&f, 1 << 20);
	used = add(&f, fd, 1, 4);
	for (uint64_t id = 2; f.let_go_count < 20; id++) {
		cache_used(f.cache, used);
		assert_non_null(add(&f, fd, id, 4));
	}
	assert_true(object_hold(used)); /* or it would have been freed */
	assert_int_equal(used->entry.id, 1);
	cache_release(f.cache, used);
	stop(&f);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pinned_files_leave_when_the_budget_is_full),
		cmocka_unit_test(a_file_that_grew_is_charged_before_its_pages_are_held),
		cmocka_unit_test(a_file_may_shrink_to_nothing_and_grow_again),
		cmocka_unit_test(an_empty_file_is_kept_and_costs_no_pages),
		cmocka_unit_test(a_file_shorter_than_told_is_not_kept),
		cmocka_unit_test(several_files_enter_at_once_each_with_its_own_error),
		cmocka_unit_test(uses_are_what_opens_tell),
	};

	if (strcmp(argv[0], KEEPER_NAME) == 0)
		keeper_main(KEEPER_SOCKET, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
