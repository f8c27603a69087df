#include "cache/store/keepers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/store/keeper_process.h"

#define KEEPERS_MAX 256
#define MAPPINGS_MAX 60000 /* vm.max_map_count allows 65,530 by default; libraries need some of them */
#define RETRY_MS 30000
#define BATCH_PAGES 512

struct keeper {
	pthread_mutex_t lock; /* one request at a time */
	struct keeper_process process;
	uint16_t generation; /* of the process: incremented at each death */
	uint32_t mappings;
	uint64_t pages;
	bool full; /* the kernel refused another mapping, and none has been removed since */
};

struct keepers {
	const char *program;
	bool sandboxed;
	unsigned mappings_max, retry_ms;
	pthread_mutex_t lock;          /* held while a keeper is chosen or started; taken before a keeper's */
	_Atomic unsigned count;        /* places ever used; grows */
	_Atomic int64_t not_before_ms; /* after a death nothing new is pinned until then */
	_Atomic uint64_t deaths;
	uint64_t deaths_told;
	struct keeper places[KEEPERS_MAX];
};

/* (its lock is held) */
static void bury(struct keepers *keepers, struct keeper *keeper)
{
	keeper_process_end(&keeper->process);
	keeper->generation++;
	keeper->mappings = 0;
	keeper->pages = 0;
	keeper->full = false;
	keepers->deaths++;
}

static bool is_alive(const struct keeper *keeper)
{
	return keeper->process.pid;
}

/* --- finding a keeper with room --------------------------------------------------------------- */

bool keepers_are_ready(const struct keepers *keepers)
{
	return clock_now_ms() >= keepers->not_before_ms;
}

/* A keeper with room, locked; NULL: there is none, or none may be started now (*error). */
static struct keeper *find_room(struct keepers *keepers, int *error)
{
	struct keeper *unused = NULL;

	*error = -EAGAIN;
	if (!keepers_are_ready(keepers))
		return NULL;
	for (unsigned i = 0; i < keepers->count; i++) {
		struct keeper *keeper = &keepers->places[i];

		lock_take(&keeper->lock, LOCK_KEEPER);
		if (is_alive(keeper) && !keeper->full && keeper->mappings < keepers->mappings_max)
			return keeper;
		if (!is_alive(keeper) && !unused)
			unused = keeper;
		lock_drop(&keeper->lock, LOCK_KEEPER);
	}
	if (!unused && keepers->count < KEEPERS_MAX)
		unused = &keepers->places[keepers->count++];
	*error = -ENOMEM;
	if (!unused)
		return NULL;
	lock_take(&unused->lock, LOCK_KEEPER);
	*error = keeper_process_start(&unused->process, keepers->program, keepers->sandboxed);
	if (*error == 0)
		return unused;
	lock_drop(&unused->lock, LOCK_KEEPER);
	return NULL;
}

static struct keeper *keeper_with_room(struct keepers *keepers, int *error)
{
	struct keeper *keeper;

	lock_take(&keepers->lock, LOCK_KEEPERS);
	keeper = find_room(keepers, error);
	lock_drop(&keepers->lock, LOCK_KEEPERS);
	return keeper;
}

/* --- pins ------------------------------------------------------------------------------------- */

static uint32_t pages_of(uint64_t size)
{
	return (uint32_t)((size + KEEPER_PAGE - 1) / KEEPER_PAGE);
}

static struct keeper *keeper_of(struct keepers *keepers, const struct pin *pin)
{
	return &keepers->places[pin->keeper - 1];
}

static void note_death(struct keepers *keepers)
{
	keepers->not_before_ms = clock_now_ms() + keepers->retry_ms;
}

/* The keeper is locked. */
static void note_pin(
	struct keepers *keepers, struct keeper *keeper, struct pin *pin, uint64_t address, uint32_t pages)
{
	pin->address = address;
	pin->pages = pages;
	pin->keeper = (uint16_t)(keeper - keepers->places + 1);
	pin->generation = keeper->generation;
	keeper->mappings++;
	keeper->pages += pages;
}

/* (its lock is held) Each order has pages, and one message takes all. Returns how many are settled. */
static unsigned pin_in(
	struct keepers *keepers, struct keeper *keeper, struct pin_order *orders, unsigned count)
{
	struct keeper_request requests[KEEPER_BATCH] = {0};
	struct keeper_reply replies[KEEPER_BATCH] = {0};
	int fds[KEEPER_BATCH] = {0}, r;
	unsigned i;

	for (i = 0; i < count; i++) {
		requests[i] = (struct keeper_request){
			.verb = KEEPER_PIN, .pages = pages_of(orders[i].size), .group = orders[i].group};
		fds[i] = orders[i].fd;
	}
	r = keeper_process_ask(&keeper->process, requests, fds, replies, count);
	if (r < 0) {
		bury(keepers, keeper);
		note_death(keepers);
	}
	for (i = 0; i < count; i++) {
		orders[i].error = r < 0 ? -EAGAIN : replies[i].error;
		if (orders[i].error == 0)
			note_pin(keepers, keeper, &orders[i].pin, replies[i].address, requests[i].pages);
		/* the kernel may allow a keeper fewer mappings than mappings_max; otherwise the machine is
		 * short of memory, and no keeper has room for the rest */
		if (orders[i].error == -ENOMEM && keeper->mappings > keepers->mappings_max / 2) {
			keeper->full = true;
			return i;
		}
	}
	return count;
}

/* How many of the first orders one message takes. A file without pages needs no keeper. BATCH_PAGES limits
 * the message, since an unpin waits until the keeper has answered. */
static unsigned batch_of(const struct pin_order *orders, unsigned count)
{
	uint64_t pages = 0;
	unsigned n = 0;

	while (n < count && n < KEEPER_BATCH && pages_of(orders[n].size) && pages < BATCH_PAGES)
		pages += pages_of(orders[n++].size);
	return n;
}

/* Returns how many of the orders are settled. */
static unsigned pin_batch(struct keepers *keepers, struct pin_order *orders, unsigned count)
{
	struct keeper *keeper;
	unsigned room;
	int r;

	keeper = keeper_with_room(keepers, &r);
	if (!keeper) {
		for (unsigned i = 0; i < count; i++)
			orders[i].error = r;
		return count;
	}
	room = keepers->mappings_max - keeper->mappings;
	count = pin_in(keepers, keeper, orders, count < room ? count : room);
	lock_drop(&keeper->lock, LOCK_KEEPER);
	return count;
}

void keepers_pin_many(struct keepers *keepers, struct pin_order *orders, unsigned count)
{
	unsigned at;

	for (at = 0; at < count; at++) {
		orders[at].pin = (struct pin){0};
		orders[at].error = 0;
	}
	for (at = 0; at < count;) {
		unsigned n = batch_of(orders + at, count - at);

		at += n ? pin_batch(keepers, orders + at, n) : 1;
	}
}

int keepers_pin(struct keepers *keepers, int fd, uint64_t size, uint64_t group, struct pin *pin)
{
	struct pin_order order = {.fd = fd, .size = size, .group = group};

	keepers_pin_many(keepers, &order, 1);
	*pin = order.pin;
	return order.error;
}

/* Makes another mapping, so that what is pinned stays pinned if the new pages can't be. */
int keepers_resize(struct keepers *keepers, struct pin *pin, int fd, uint64_t size, uint64_t group)
{
	struct pin next;
	int r = keepers_pin(keepers, fd, size, group, &next);

	if (pin->keeper && !keepers_holds(keepers, pin)) {
		keepers_unpin(keepers, &next);
		return -EOWNERDEAD;
	}
	if (r < 0)
		return r;
	keepers_unpin(keepers, pin);
	*pin = next;
	return 0;
}

void keepers_unpin(struct keepers *keepers, struct pin *pin)
{
	const struct keeper_request request = {
		.verb = KEEPER_UNPIN, .pages = pin->pages, .address = pin->address};
	struct keeper *keeper;

	if (!pin->keeper)
		return;
	keeper = keeper_of(keepers, pin);
	lock_take(&keeper->lock, LOCK_KEEPER);
	if (is_alive(keeper) && keeper->generation == pin->generation) {
		keeper->mappings--;
		keeper->pages -= pin->pages;
		keeper->full = false;
		/* if that fails, the keeper is dead, which the next check notices */
		keeper_process_tell(&keeper->process, &request, NULL, 1);
	}
	lock_drop(&keeper->lock, LOCK_KEEPER);
	*pin = (struct pin){0};
}

bool keepers_holds(struct keepers *keepers, const struct pin *pin)
{
	struct keeper *keeper;
	bool holds;

	if (!pin->keeper)
		return false;
	keeper = keeper_of(keepers, pin);
	lock_take(&keeper->lock, LOCK_KEEPER);
	holds = is_alive(keeper) && keeper->generation == pin->generation;
	lock_drop(&keeper->lock, LOCK_KEEPER);
	return holds;
}

unsigned keepers_check(struct keepers *keepers)
{
	unsigned died = 0, deaths;

	for (unsigned i = 0; i < keepers->count; i++) {
		struct keeper *keeper = &keepers->places[i];

		lock_take(&keeper->lock, LOCK_KEEPER);
		if (is_alive(keeper) && keeper_process_is_dead(&keeper->process)) {
			bury(keepers, keeper);
			died++;
		}
		lock_drop(&keeper->lock, LOCK_KEEPER);
	}
	if (died)
		note_death(keepers);
	lock_take(&keepers->lock, LOCK_KEEPERS);
	deaths = (unsigned)(keepers->deaths - keepers->deaths_told);
	keepers->deaths_told = keepers->deaths;
	lock_drop(&keepers->lock, LOCK_KEEPERS);
	return deaths;
}

void keepers_read_figures(struct keepers *keepers, struct keepers_figures *figures)
{
	*figures = (struct keepers_figures){.deaths = keepers->deaths};
	for (unsigned i = 0; i < keepers->count; i++) {
		struct keeper *keeper = &keepers->places[i];

		lock_take(&keeper->lock, LOCK_KEEPER);
		figures->keepers += is_alive(keeper);
		figures->pins += keeper->mappings;
		figures->pages += keeper->pages;
		lock_drop(&keeper->lock, LOCK_KEEPER);
	}
}

/* --- life ------------------------------------------------------------------------------------- */

int keepers_new(struct keepers **ret, const struct keepers_options *options)
{
	struct keepers *keepers = calloc(1, sizeof(*keepers));
	int r;

	if (!keepers)
		return -ENOMEM;
	keepers->program = options->program;
	keepers->sandboxed = options->sandboxed;
	keepers->mappings_max = options->mappings_max ? options->mappings_max : MAPPINGS_MAX;
	keepers->retry_ms = options->retry_ms ? options->retry_ms : RETRY_MS;
	pthread_mutex_init(&keepers->lock, NULL);
	for (unsigned i = 0; i < KEEPERS_MAX; i++)
		pthread_mutex_init(&keepers->places[i].lock, NULL);
	r = keeper_process_start(
		&keepers->places[keepers->count++].process, options->program, options->sandboxed);
	if (r < 0) {
		keepers_free(keepers);
		return r;
	}
	*ret = keepers;
	return 0;
}

void keepers_free(struct keepers *keepers)
{
	if (!keepers)
		return;
	for (unsigned i = 0; i < keepers->count; i++) {
		struct keeper *keeper = &keepers->places[i];

		if (is_alive(keeper))
			bury(keepers, keeper);
	}
	for (unsigned i = 0; i < KEEPERS_MAX; i++)
		pthread_mutex_destroy(&keepers->places[i].lock);
	pthread_mutex_destroy(&keepers->lock);
	free(keepers);
}
