#include "tests/cache/policy/toy_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct toy_object *object_of(struct evict_entry *entry)
{
	return (struct toy_object *)((char *)entry - offsetof(struct toy_object, entry));
}

static bool toy_used(void *ctx, struct evict_entry *entry)
{
	struct toy_object *object = object_of(entry);
	bool used = object->used;

	object->used = false;
	return used;
}

static bool toy_take(void *ctx, struct evict_entry *entry)
{
	struct toy_object *object = object_of(entry);

	assert_true(object->cached);
	if (object->holds)
		object->parked = true;
	return !object->holds;
}

void toy_init(struct toy_host *toy, const char *policy, uint64_t budget, unsigned admit, size_t object_count,
	uint64_t size)
{
	struct evict_options options = {.policy = evict_find(policy), .budget = budget, .admit = admit};
	struct evict_host host = {.used = toy_used, .take = toy_take, .ctx = toy};

	assert_non_null(options.policy);
	*toy = (struct toy_host){.object_count = object_count};
	options.largest_part = 1;
	toy->evict = evict_new(&options, &host);
	toy->objects = calloc(object_count, sizeof(*toy->objects));
	assert_non_null(toy->evict);
	assert_non_null(toy->objects);
	for (size_t i = 0; i < object_count; i++) {
		toy->objects[i].entry.id = i + 1;
		toy->objects[i].entry.size = size;
		toy->objects[i].entry.charge = size;
	}
}

void toy_deinit(struct toy_host *toy)
{
	evict_free(toy->evict);
	free(toy->objects);
}

void toy_set_size(struct toy_host *toy, size_t index, uint64_t size)
{
	toy->objects[index].entry.size = toy->objects[index].entry.charge = size;
}

long toy_evict(struct toy_host *toy)
{
	struct evict_entry *victim = evict_pick(toy->evict);

	if (!victim)
		return -1;
	assert_int_equal(victim->where, EVICT_OUT);
	object_of(victim)->cached = false;
	object_of(victim)->used = false;
	toy->evicted++;
	return object_of(victim) - toy->objects;
}

bool toy_insert(struct toy_host *toy, size_t index)
{
	struct toy_object *object = &toy->objects[index];

	while (evict_must_shed(toy->evict, object->entry.charge))
		if (toy_evict(toy) < 0)
			return false;
	assert_int_equal(evict_insert(toy->evict, &object->entry), 0);
	object->cached = true;
	return true;
}

bool toy_open(struct toy_host *toy, size_t index)
{
	struct toy_object *object = &toy->objects[index];

	if (object->cached) {
		if (evict_is_eager(toy->evict))
			evict_touch(toy->evict, &object->entry);
		else
			evict_hit(&object->entry);
		return true;
	}
	if (evict_ask(toy->evict, object->entry.id, object->entry.charge) == EVICT_ADMIT)
		toy_insert(toy, index);
	return false;
}

void toy_open_range(struct toy_host *toy, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		toy_open(toy, i);
}

void toy_read(struct toy_host *toy, size_t index)
{
	toy->objects[index].used = true;
}

void toy_hold(struct toy_host *toy, size_t index)
{
	toy->objects[index].holds++;
}

void toy_release(struct toy_host *toy, size_t index)
{
	struct toy_object *object = &toy->objects[index];

	assert_true(object->holds > 0);
	if (--object->holds || !object->parked)
		return;
	object->parked = false;
	assert_int_equal(evict_unpark(toy->evict, &object->entry), 0);
}

void toy_remove(struct toy_host *toy, size_t index)
{
	struct toy_object *object = &toy->objects[index];

	evict_remove(toy->evict, &object->entry);
	object->cached = object->parked = object->used = false;
}

void toy_check(const struct toy_host *toy)
{
	const char *wrong = evict_check(toy->evict);
	struct evict_stats stats;
	uint64_t count = 0, charged = 0, parked = 0;

	if (wrong)
		fail_msg("%s", wrong);
	evict_read_stats(toy->evict, &stats);
	for (size_t i = 0; i < toy->object_count; i++) {
		const struct toy_object *object = &toy->objects[i];

		assert_int_equal(object->cached, object->entry.where != EVICT_OUT);
		assert_int_equal(object->parked, object->entry.where == EVICT_PARKED);
		count += object->cached;
		parked += object->parked;
		charged += object->cached ? object->entry.charge : 0;
	}
	assert_int_equal(stats.object_count, count);
	assert_int_equal(stats.parked_count, parked);
	assert_int_equal(stats.charged, charged);
}
