#include "cache/store/store_impl.h"

#include <errno.h>

void store_free(struct store *store)
{
	if (store)
		store->kind->free(store);
}

const char *store_name(const struct store *store)
{
	return store->kind->name;
}

int64_t store_fill(
	struct store *store, union store_place *place, const struct store_source *source, uint64_t size)
{
	return store->kind->fill(store, place, source, size);
}

void store_fill_many(struct store *store, struct store_fill *fills, unsigned count)
{
	if (store->kind->fill_many) {
		store->kind->fill_many(store, fills, count);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		fills[i].result = store_fill(store, fills[i].place, &fills[i].source, fills[i].size);
}

int store_resize(
	struct store *store, union store_place *place, const struct store_source *source, uint64_t size)
{
	return store->kind->resize ? store->kind->resize(store, place, source, size) : -EOPNOTSUPP;
}

void store_drop(struct store *store, union store_place *place)
{
	store->kind->drop(store, place);
	*place = (union store_place){0};
}

bool store_is_the_file(const struct store *store)
{
	return store->kind->is_the_file;
}

bool store_holds(struct store *store, const union store_place *place)
{
	return !store->kind->holds || store->kind->holds(store, place);
}

unsigned store_check(struct store *store)
{
	return store->kind->check ? store->kind->check(store) : 0;
}

uint64_t store_atime(struct store *store, const union store_place *place)
{
	return store->kind->atime ? store->kind->atime(store, place) : 0;
}

unsigned store_descriptors(const struct store *store)
{
	return store->kind->descriptors ? store->kind->descriptors(store) : 0;
}

bool store_is_full(const struct store *store)
{
	return store->kind->is_full && store->kind->is_full(store);
}

bool store_is_paused(const struct store *store)
{
	return store->kind->is_paused && store->kind->is_paused(store);
}
