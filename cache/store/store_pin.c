#include "cache/store/store_pin.h"

#include <errno.h>
#include <stdlib.h>

#include "cache/store/store_impl.h"

#define AT_ONCE 16 /* files */

struct store_pin {
	struct store store;
	struct keepers *keepers;
};

static struct keepers *keepers_of(struct store *store)
{
	return ((struct store_pin *)store)->keepers;
}

static void pin_free(struct store *store)
{
	keepers_free(keepers_of(store));
	free(store);
}

static int64_t pin_fill(
	struct store *store, union store_place *place, const struct store_source *source, uint64_t size)
{
	int r = keepers_pin(keepers_of(store), source->fd, size, source->group, &place->pin);

	return r < 0 ? r : (int64_t)size;
}

static void pin_fill_many(struct store *store, struct store_fill *fills, unsigned count)
{
	struct pin_order orders[AT_ONCE];
	unsigned n;

	for (unsigned at = 0; at < count; at += n) {
		n = count - at < AT_ONCE ? count - at : AT_ONCE;
		for (unsigned i = 0; i < n; i++) {
			const struct store_fill *fill = &fills[at + i];

			orders[i] = (struct pin_order){
				.fd = fill->source.fd, .size = fill->size, .group = fill->source.group};
		}
		keepers_pin_many(keepers_of(store), orders, n);
		for (unsigned i = 0; i < n; i++) {
			fills[at + i].place->pin = orders[i].pin;
			fills[at + i].result =
				orders[i].error < 0 ? orders[i].error : (int64_t)orders[i].size;
		}
	}
}

/* A file without pages has no keeper. */
static int pin_resize(
	struct store *store, union store_place *place, const struct store_source *source, uint64_t size)
{
	return keepers_resize(keepers_of(store), &place->pin, source->fd, size, source->group);
}

static void pin_drop(struct store *store, union store_place *place)
{
	keepers_unpin(keepers_of(store), &place->pin);
}

static bool pin_holds(struct store *store, const union store_place *place)
{
	return !place->pin.keeper || keepers_holds(keepers_of(store), &place->pin);
}

static unsigned pin_check(struct store *store)
{
	return keepers_check(keepers_of(store));
}

static bool pin_is_paused(const struct store *store)
{
	return !keepers_are_ready(((const struct store_pin *)store)->keepers);
}

static const struct store_kind kind = {
	.name = "pin",
	.is_the_file = true,
	.free = pin_free,
	.fill = pin_fill,
	.fill_many = pin_fill_many,
	.drop = pin_drop,
	.resize = pin_resize,
	.holds = pin_holds,
	.check = pin_check,
	.is_paused = pin_is_paused,
};

int store_pin_new(struct store **ret, const struct keepers_options *options)
{
	struct store_pin *store = calloc(1, sizeof(*store));
	int r = store ? keepers_new(&store->keepers, options) : -ENOMEM;

	if (r < 0) {
		free(store);
		return r;
	}
	store->store.kind = &kind;
	*ret = &store->store;
	return 0;
}

void store_pin_figures(struct store *store, struct keepers_figures *figures)
{
	keepers_read_figures(keepers_of(store), figures);
}
