/* Objects that somebody uses or maps when they are to leave, and those that hold descriptors. */
#include "cache/store/store_copy.h"
#include "tests/cache/fixture.h"

static void an_unwanted_object_leaves_with_its_last_user(void **state)
{
	struct object *object;
	struct fixture f;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, PAGE);
	assert_true(object_hold(object) && object_hold(object));
	cache_release_unwanted(f.cache, object);
	assert_int_equal(f.let_go_count, 0);
	assert_int_equal(figures_of(&f).object_count, 1);
	cache_release_unwanted(f.cache, object);
	assert_ptr_equal(f.last_let_go, object);
	assert_int_equal(figures_of(&f).object_count, 0);
	assert_int_equal(figures_of(&f).policy.charged, 0);
	stop(&f);
}

static void an_unwanted_object_that_is_mapped_leaves_with_the_mapping(void **state)
{
	struct object *object;
	struct fixture f;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, PAGE);
	assert_true(object_hold(object));
	f.refuse = f.still_used = f.unwanted = true;
	cache_release_unwanted(f.cache, object);
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).object_count, 1);
	f.refuse = f.still_used = false;
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).object_count, 0);
	assert_int_equal(f.let_go_count, 2);
	stop(&f);
}

static void a_mapped_object_stays_until_nobody_maps_it(void **state)
{
	struct fixture f;
	struct object *object;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, PAGE);
	f.refuse = f.still_used = true;
	assert_int_equal(cache_empty(f.cache), 0);
	assert_int_equal(f.let_go_count, 1);
	assert_int_equal(cache_empty(f.cache), 0); /* not even asked again */
	assert_int_equal(f.let_go_count, 1);
	assert_int_equal(figures_of(&f).mapped_count, 1);
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, 1);
	assert_int_equal(figures_of(&f).object_count, 1);
	f.refuse = f.still_used = false;
	cache_tick(f.cache);
	assert_int_equal(f.watch_count, 2);
	assert_int_equal(figures_of(&f).mapped_count, 0);
	assert_int_equal(cache_empty(f.cache), 1);
	assert_ptr_equal(f.last_let_go, object);
	stop(&f);
}

static void mapped_objects_bound_what_a_fill_and_a_tick_do(void **state)
{
	const unsigned count = 2000;
	struct fixture f;

	start_with(&f, BUDGET * 16, 0);
	for (unsigned i = 0; i < count; i++)
		assert_non_null(add(&f, i, 100));
	f.refuse = f.still_used = true;
	cache_set_budget(f.cache, 2 * BUDGET);
	assert_true(f.let_go_count < count / 10);
	assert_null(add(&f, count, 100));
	assert_int_equal(figures_of(&f).no_room, 1);
	for (unsigned i = 0; i < 2 * count && figures_of(&f).mapped_count < count; i++)
		cache_empty(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, count);
	assert_int_equal(figures_of(&f).object_count, count);
	f.watch_count = 0;
	cache_tick(f.cache);
	assert_true(f.watch_count < count);
	for (unsigned i = 0; i < 8; i++)
		cache_tick(f.cache);
	assert_true(f.watch_count >= count); /* one after the other all have their turn */
	f.refuse = f.still_used = false;
	for (unsigned i = 0; i < 8; i++)
		cache_tick(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, 0);
	stop(&f);
}

/* Stores are written back within a second or two, however many mappings there are. */
static void each_tick_looks_at_all_objects_that_may_be_stored_into(void **state)
{
	enum { count = 2000, written = 1000 };
	struct object *objects[count];
	struct fixture f;

	start_with(&f, BUDGET * 16, 0);
	for (unsigned i = 0; i < count; i++) {
		objects[i] = add(&f, i, 100);
		assert_non_null(objects[i]);
		assert_int_equal(cache_watch(f.cache, objects[i], i % 2 ? CACHE_WRITTEN : CACHE_MAPPED), 0);
	}
	f.still_used = f.written = true;
	for (unsigned i = 0; i < count; i++)
		cache_watch(f.cache, objects[i], CACHE_MAPPED); /* they stay what they are */
	cache_tick(f.cache);
	assert_in_range(f.watch_count, written, count - 1);
	for (unsigned i = 0; i < 4; i++)
		cache_tick(f.cache);
	f.watch_count = 0;
	cache_tick(f.cache);
	assert_int_equal(f.watch_count, count); /* the answers were that all are */
	f.written = false;
	cache_tick(f.cache);
	f.watch_count = 0;
	cache_tick(f.cache);
	assert_true(f.watch_count < count / 2);
	f.still_used = false;
	for (unsigned i = 0; i < 4; i++)
		cache_tick(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, 0);
	stop(&f);
}

static void an_object_that_is_opened_while_the_tick_looks_at_it_stays_watched(void **state)
{
	struct fixture f;

	start_with(&f, BUDGET, 0);
	assert_int_equal(cache_watch(f.cache, add(&f, 1, PAGE), CACHE_MAPPED), 0);
	f.watched_meanwhile = true;
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, 1);
	assert_int_equal(cache_empty(f.cache), 0);
	f.watched_meanwhile = false;
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, 0);
	assert_int_equal(cache_empty(f.cache), 1);
	stop(&f);
}

/* As one who may not mount: each object then holds a descriptor. */
static void start_with_descriptors(struct fixture *f, unsigned descriptors)
{
	const struct cache_options options = {
		.budget = BUDGET,
		.admit = 1,
		.descriptors = descriptors,
		.policy = evict_find("lru"),
	};
	const struct cache_owner owner = {.let_go = on_let_go, .watch = on_watch, .ctx = f};
	uid_t user = geteuid();

	memset(f, 0, sizeof(*f));
	if (user == 0)
		assert_return_code(seteuid(65534), errno);
	assert_int_equal(cache_new(&f->cache, &options, &owner), 0);
	if (user == 0)
		assert_return_code(seteuid(0), errno);
	assert_int_not_equal(store_copy_mount_error(cache_store(f->cache)), 0);
}

static void objects_that_hold_descriptors_are_bounded_by_them(void **state)
{
	struct object *objects[8];
	struct fixture f;

	start_with_descriptors(&f, 8);
	for (unsigned i = 0; i < 20; i++)
		assert_non_null(add(&f, i, 100));
	assert_int_equal(figures_of(&f).object_count, 8);
	assert_int_equal(figures_of(&f).descriptors, 8);
	for (unsigned i = 0; i < 8; i++) {
		objects[i] = add(&f, 100 + i, 100);
		assert_true(object_hold(objects[i]));
	}
	assert_null(add(&f, 200, 100)); /* all are in use: it is not cached */
	assert_int_equal(figures_of(&f).no_room, 1);
	for (unsigned i = 0; i < 8; i++)
		cache_release(f.cache, objects[i]);
	assert_non_null(add(&f, 201, 100));
	stop(&f);
}

static void objects_give_descriptors_to_those_who_lack_them(void **state)
{
	struct fixture f;

	start_with_descriptors(&f, 100);
	for (unsigned i = 0; i < 50; i++)
		assert_non_null(add(&f, i, 100));
	assert_true(cache_yield_descriptors(f.cache) > 0);
	assert_true(figures_of(&f).descriptors < 50);
	assert_true(figures_of(&f).descriptors > 0);
	stop(&f);
	start_with(&f, BUDGET, 0);
	if (store_copy_mount_error(cache_store(f.cache)) == 0) {
		assert_non_null(add(&f, 1, 100));
		assert_int_equal(cache_yield_descriptors(f.cache), 0); /* they hold none */
		assert_int_equal(figures_of(&f).object_count, 1);
	}
	stop(&f);
}

static void a_victim_that_is_mapped_is_still_one_of_the_objects(void **state)
{
	struct fixture f;
	uint64_t count = 0;

	start_with(&f, BUDGET, 0);
	while (figures_of(&f).bytes < BUDGET - 4 * PAGE)
		assert_non_null(add(&f, ++count, PAGE));
	f.refuse = f.still_used = true;
	assert_null(add(&f, ++count, 16 * PAGE));
	assert_int_equal(figures_of(&f).object_count, count - 1);
	assert_true(figures_of(&f).mapped_count > 0);
	f.refuse = f.still_used = false;
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, 0);
	assert_int_equal(cache_empty(f.cache), count - 1);
	stop(&f);
}

static void an_object_is_watched_once_however_often_that_is_asked(void **state)
{
	struct object *object;
	struct fixture f;

	start_with(&f, BUDGET, 0);
	object = add(&f, 1, PAGE);
	assert_true(object_hold(object));
	assert_int_equal(cache_watch(f.cache, object, CACHE_MAPPED), 0);
	assert_int_equal(cache_watch(f.cache, object, CACHE_MAPPED), 0);
	cache_release(f.cache, object);
	assert_int_equal(figures_of(&f).mapped_count, 1);
	assert_false(object_claim(object));
	cache_tick(f.cache);
	assert_int_equal(figures_of(&f).mapped_count, 0);
	assert_true(object_claim(object));
	cache_drop(f.cache, object);
	stop(&f);
}

enum { WATCHED = 16 };

/* Those of the watched objects that are still mapped, and how often each was looked at. */
struct mappings {
	bool mapped[WATCHED];
	unsigned looks[WATCHED];
};

static enum cache_mapping on_look(void *ctx, struct object *object)
{
	struct mappings *mappings = ctx;

	mappings->looks[object->entry.id]++;
	return mappings->mapped[object->entry.id] ? CACHE_MAPPED : CACHE_UNMAPPED;
}

static int on_leave(void *ctx, struct object *object)
{
	struct mappings *mappings = ctx;

	return mappings->mapped[object->entry.id] ? -EBUSY : 0;
}

static void a_tick_looks_at_each_mapped_object_once(void **state)
{
	const struct cache_options options = {.budget = BUDGET, .admit = 1, .policy = evict_find("lru")};
	struct mappings mappings = {0};
	const struct cache_owner owner = {.let_go = on_leave, .watch = on_look, .ctx = &mappings};
	struct fixture f = {0};
	unsigned left = WATCHED;

	assert_int_equal(cache_new(&f.cache, &options, &owner), 0);
	for (unsigned i = 0; i < WATCHED; i++) {
		mappings.mapped[i] = true;
		assert_non_null(add(&f, i, PAGE));
	}
	assert_int_equal(cache_empty(f.cache), 0);
	for (unsigned tick = 1; tick <= 3; tick++) {
		cache_tick(f.cache);
		for (unsigned i = 0; i < WATCHED; i++)
			assert_int_equal(mappings.looks[i], tick);
	}
	/* the first, one in the middle and the last end, and the others stay as they are */
	for (unsigned i = 0; i < WATCHED; i += 5) {
		mappings.mapped[i] = false;
		for (unsigned tick = 0; tick < 2; tick++)
			cache_tick(f.cache);
		assert_int_equal(figures_of(&f).mapped_count, --left);
		assert_int_equal(cache_empty(f.cache), 1);
		assert_int_equal(figures_of(&f).object_count, left);
	}
	memset(&mappings, 0, sizeof(mappings));
	cache_tick(f.cache);
	for (unsigned i = 0; i < WATCHED; i++)
		assert_int_equal(mappings.looks[i], i % 5 ? 1 : 0);
	assert_int_equal(cache_empty(f.cache), left);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unwanted_object_leaves_with_its_last_user),
		cmocka_unit_test(an_unwanted_object_that_is_mapped_leaves_with_the_mapping),
		cmocka_unit_test(a_mapped_object_stays_until_nobody_maps_it),
		cmocka_unit_test(mapped_objects_bound_what_a_fill_and_a_tick_do),
		cmocka_unit_test(each_tick_looks_at_all_objects_that_may_be_stored_into),
		cmocka_unit_test(an_object_that_is_opened_while_the_tick_looks_at_it_stays_watched),
		cmocka_unit_test(objects_that_hold_descriptors_are_bounded_by_them),
		cmocka_unit_test(objects_give_descriptors_to_those_who_lack_them),
		cmocka_unit_test(a_victim_that_is_mapped_is_still_one_of_the_objects),
		cmocka_unit_test(an_object_is_watched_once_however_often_that_is_asked),
		cmocka_unit_test(a_tick_looks_at_each_mapped_object_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
