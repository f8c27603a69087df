/*
 * cache - keeps whole small files in memory, within a budget, as the policy says.
 *
 * Mechanism only: the policy (cache/policy/evict.h) decides which files enter and leave, the store
 * (cache/store/store.h) keeps the bytes, the owner (fs/lane.c) binds objects to files and knows whether one
 * is fresh. Functions may be called from any thread; none holds the cache's lock while it reads or writes
 * files.
 *
 * An object is in use while it is held. Eviction claims an object that is not held, in one atomic step, and
 * then asks the owner to let go of it. A claimed object can't be held.
 *
 * Units: bytes. Errors: negative errno.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/object.h"

struct cache;

/* What is known of mappings of an object. */
enum cache_mapping {
	CACHE_UNMAPPED,
	CACHE_UNWANTED, /* not mapped, and to be dropped */
	CACHE_MAPPED,   /* for reading */
	CACHE_WRITTEN,  /* perhaps for writing, or what was stored is not in the file yet */
};

struct cache_owner {
	/* Detaches the claimed object from its file. -EBUSY: the object is still mapped, so it is kept and
	 * watched. */
	int (*let_go)(void *ctx, struct object *object);
	/* Looks at a watched object, and writes back what was stored through mappings. Called from
	 * cache_tick() with the object held. */
	enum cache_mapping (*watch)(void *ctx, struct object *object);
	void *ctx;
};

struct cache_options {
	struct store *store; /* the cache takes it over, also if this fails; NULL: a store of copies */
	uint64_t budget;     /* bytes; fills never exceed it */
	uint64_t growth;     /* bytes beyond the budget, for objects that grow while they are open */
	unsigned admit;
	unsigned descriptors; /* most copies where each takes a descriptor, since there is no tmpfs; 0: any
				 number */
	const struct evict_policy *policy;
};

int cache_new(struct cache **ret, const struct cache_options *options, const struct cache_owner *owner);
/* Every object must have been dropped or be free of users. */
void cache_free(struct cache *cache);
struct store *cache_store(struct cache *cache);

/* An uncached file was opened. id: identity and version. True: fill it now. */
bool cache_ask(struct cache *cache, uint64_t id, uint64_t size);

/* What cache_ask() would answer, and why. Changes nothing. */
struct evict_outlook cache_peek(struct cache *cache, uint64_t id, uint64_t size);

/* Why a file was evicted. The last 4,096 evictions are remembered. */
struct cache_departure {
	uint64_t by;    /* store_source.name of the file that it made room for; 0: the budget shrank, or the
			   cache was emptied */
	uint32_t ago_s; /* seconds since then */
};

/* False: the file was not evicted, or that is not remembered any more. */
bool cache_find_departure(struct cache *cache, uint64_t id, struct cache_departure *departure);

/*
 * Makes room, and keeps size bytes of the source in a new object. The object is claimed and unknown to the
 * policy until cache_publish(). -ENOSPC: nothing more can be evicted (counted as no_room). -ENOMEM: memory,
 * or the store's own limit. -ESTALE: the file is shorter than size. -EBUSY, -EFAULT: its pages can't be
 * pinned now (keepers_pin()).
 */
int cache_fill(struct cache *cache, const struct store_source *source, uint64_t id, uint64_t size,
	struct object **ret);

/* A file to fill, and the result: the object, or an error as from cache_fill(). */
struct cache_filling {
	struct store_source source;
	uint64_t id, size;
	struct object *object;
	int error;
};

#define CACHE_FILL_MOST 16

/* The same for up to CACHE_FILL_MOST files, which may be faster than one after the other. */
void cache_fill_many(struct cache *cache, struct cache_filling *fillings, unsigned count);

/* From now on the object may be held and evicted. -ENOMEM: it stays claimed and unknown to the policy, and
 * the caller drops it with cache_drop(). */
int cache_publish(struct cache *cache, struct object *object);

/* Ends a use that object_hold() began. */
void cache_release(struct cache *cache, struct object *object);
/* Ends a use of an object that is to be dropped after its last use: owner.let_go() is called then. */
void cache_release_unwanted(struct cache *cache, struct object *object);
/* Sets the priority of a held object, as a rule says: -1, 0 or 1. The policy reads it when it next weighs the
 * object. */
void cache_set_priority(struct cache *cache, struct object *object, int priority);
/* Counts a use of an object that the caller holds. */
void cache_used(struct cache *cache, struct object *object);
/*
 * Reads of the object so far are not counted as a use: they belong to the open that filled it and holds it.
 */
void cache_discount_reads(struct cache *cache, struct object *object);

/* Ends a claim of object_claim(). */
void cache_unclaim(struct cache *cache, struct object *object);
/* Frees a claimed object that is detached from its file. */
void cache_drop(struct cache *cache, struct object *object);

/*
 * The bytes of a held or claimed object. The functions that change them never evict, so that the caller may
 * hold locks: a growing object takes from the growth allowance, and is frozen when that is used up. Call
 * cache_shed() once no lock is held.
 */
int64_t cache_read(struct cache *cache, struct object *object, void *buf, size_t size, uint64_t offset);
/* Writes the bytes to the copy that were written to its file. */
int cache_write(struct cache *cache, struct object *object, const void *buf, size_t size, uint64_t offset);
int cache_truncate(struct cache *cache, struct object *object, uint64_t size);
/* The copy could not follow its file: it must not be read any more. */
void cache_damage(struct cache *cache, struct object *object);
/* Fills the part of the range that is within the object with zeros. */
int cache_zero(struct cache *cache, struct object *object, uint64_t offset, uint64_t length);
/* Copies the file into the object again, in place: programs that have the object open or mapped see the new
 * contents. If the growth allowance is used up, the rest is left out and the object is frozen. */
int cache_refresh(
	struct cache *cache, struct object *object, const struct store_source *source, uint64_t size);

/*
 * For a store that keeps the file itself (pin): pins all size bytes of the file, after its size has changed
 * or pages left the page cache. The caller holds the object. Makes room first, so that the budget holds.
 * Errors are those of cache_fill(), and what was pinned before still is; -EOWNERDEAD: nothing is pinned any
 * more.
 */
int cache_mend(struct cache *cache, struct object *object, const struct store_source *source, uint64_t size);
/* False: what the store kept of it is lost. */
bool cache_holds(struct cache *cache, const struct object *object);

void cache_set_budget(struct cache *cache, uint64_t budget);
/* Opens until a file is admitted, 0 never: from now on. What is cached stays. */
void cache_set_admit(struct cache *cache, unsigned admit);
/* Evicts until the budget holds. */
void cache_shed(struct cache *cache);
/* Evicts all objects that are not in use; returns how many. */
uint64_t cache_empty(struct cache *cache);
/* For a process that has run out of descriptors: evicts some objects if objects take descriptors; returns how
 * many. Takes locks of inodes: the caller must hold none. */
uint64_t cache_yield_descriptors(struct cache *cache);
/* To be called once a second: calls owner.watch() for all objects that may be written through mappings and
 * for some hundreds of those that are only mapped for reading; evicts until the budget holds. */
void cache_tick(struct cache *cache);
/* Holds an object that is mapped, though not open, until owner.watch() finds it unmapped. The caller holds or
 * has claimed the object, and ends that itself. -ENOMEM: it is not watched. */
int cache_watch(struct cache *cache, struct object *object, enum cache_mapping mapping);

struct cache_figures {
	uint64_t object_count, bytes, budget, grown_bytes, reserved, mapped_count, descriptors;
	uint64_t fills, fill_bytes, no_room, frozen;
	struct evict_stats policy;
};
void cache_read_figures(struct cache *cache, struct cache_figures *figures);

/* A number that identifies a version of a file: it changes when its size or one of its times does. */
uint64_t cache_stamp(uint64_t size, int64_t mtime_ns, int64_t ctime_ns);
