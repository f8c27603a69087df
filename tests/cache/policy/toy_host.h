/*
 * toy_host - a cache without bytes around the policy under test: objects with holds, reference bits and ids.
 *
 * It keeps the promises that a real host makes: take() fails for what is held and is noted, and the last
 * release then calls evict_unpark().
 */
#pragma once

#include "cache/policy/evict.h"

struct toy_object {
	struct evict_entry entry;
	unsigned holds;
	bool used, parked, cached;
};

struct toy_host {
	struct evict *evict;
	struct toy_object *objects; /* by index; the id is the index + 1 */
	size_t object_count;
	uint64_t evicted;
};

/* Every object has this size and charge until it is changed. */
void toy_init(struct toy_host *toy, const char *policy, uint64_t budget, unsigned admit, size_t object_count,
	uint64_t size);
void toy_deinit(struct toy_host *toy);
/* Of an object that is not in the cache: its size and charge. */
void toy_set_size(struct toy_host *toy, size_t index, uint64_t size);

/* Makes room and inserts; false when nothing could leave, and the object stays outside. */
bool toy_insert(struct toy_host *toy, size_t index);

/* An open and close of the file: a hit, or a miss that asks for admission and inserts. True for a hit. */
bool toy_open(struct toy_host *toy, size_t index);
/* The same for each from begin to end - 1. */
void toy_open_range(struct toy_host *toy, size_t begin, size_t end);

/* As toy_open() of a cached file, but only the reference bit is set. */
void toy_read(struct toy_host *toy, size_t index);

void toy_hold(struct toy_host *toy, size_t index);
void toy_release(struct toy_host *toy, size_t index);
void toy_remove(struct toy_host *toy, size_t index);

/* Evicts one and returns its index, or -1 when nothing can leave. */
long toy_evict(struct toy_host *toy);

/* Fails the test when an invariant of the policy does not hold. */
void toy_check(const struct toy_host *toy);
