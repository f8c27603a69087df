/*
 * cache - keeps whole small files in memory, within a budget, as the policy says.
 *
 * Mechanism only: the policy (cache/policy/evict.h) decides who enters and leaves, the store
 * (cache/store/store.h) keeps the bytes, the owner (fs/lane.c) binds objects to files and knows whether one
 * is fresh. Functions may be called from any thread; none holds the cache's lock across reading or
 * writing of files.
 *
 * An object is open while it is held; the eviction claims only those that nobody holds, in one atomic step,
 * and then asks the owner to let go. A claimed object can no longer be held.
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
	CACHE_UNWANTED, /* nobody maps it, and it is to leave */
	CACHE_MAPPED,   /* for reading */
	CACHE_WRITTEN,  /* perhaps for writing, or what was stored is not in the file yet */
};

struct cache_owner {
	/* Detach the claimed object from its file. -EBUSY: somebody still maps it; it is then kept and
	 * watched. */
	int (*let_go)(void *ctx, struct object *object);
	/* Looks at a watched object, and writes back what was stored through mappings. Called from
	 * cache_tick() with the object held. */
	enum cache_mapping (*watch)(void *ctx, struct object *object);
	void *ctx;
};

struct cache_options {
	struct store *store; /* the cache's from here on, also after a failure; NULL: copies */
	uint64_t budget;     /* hard for what is kept by choice */
	uint64_t growth;     /* how far objects that grow while open may take it beyond */
	unsigned admit;
	unsigned descriptors; /* of copies: how many may cost one each, where there is no tmpfs; 0: any */
	const struct evict_policy *policy;
};

int cache_new(struct cache **ret, const struct cache_options *options, const struct cache_owner *owner);
/* Every object must have been dropped or be free of users. */
void cache_free(struct cache *cache);
struct store *cache_store(struct cache *cache);

/* An uncached file was opened. id: identity and version. True: fill it now. */
bool cache_ask(struct cache *cache, uint64_t id, uint64_t size);

/* What it would say, and why; changes nothing. */
struct evict_outlook cache_peek(struct cache *cache, uint64_t id, uint64_t size);

/* Why a file left, of the last few thousand. */
struct cache_departure {
	uint64_t by;    /* the name, of its store_source, that it made room for; 0: the budget shrank, or the
			   cache was emptied */
	uint32_t ago_s; /* seconds since then */
};

/* False: it is not remembered, or never left. */
bool cache_find_departure(struct cache *cache, uint64_t id, struct cache_departure *departure);

/*
 * Keeps size bytes of the source in a new object, after making room. The object is claimed and unknown to
 * the policy until cache_publish(). -ENOSPC: nothing can leave, which is counted; -ENOMEM: there is no memory
 * for it. -ESTALE: the file had not size bytes. -EBUSY, -EFAULT: its pages can't be held now (keepers_pin()).
 */
int cache_fill(struct cache *cache, const struct store_source *source, uint64_t id, uint64_t size,
	struct object **ret);

/* A file to keep, and what came of it: the object, or an error as of cache_fill(). */
struct cache_filling {
	struct store_source source;
	uint64_t id, size;
	struct object *object;
	int error;
};

#define CACHE_FILL_MOST 16

/* The same for several files, CACHE_FILL_MOST at most, which may take less than one after the other. */
void cache_fill_many(struct cache *cache, struct cache_filling *fillings, unsigned count);

/* The object may be used, and leave. -ENOMEM: it stays claimed and unknown, and cache_drop() takes it. */
int cache_publish(struct cache *cache, struct object *object);

/* Ends a use that object_hold() began. */
void cache_release(struct cache *cache, struct object *object);
/* Ends a use of an object that is to go with its last user: then owner.let_go() is called for it. */
void cache_release_unwanted(struct cache *cache, struct object *object);
/* What a rule says of a held object; counts when the policy next weighs it. */
void cache_set_priority(struct cache *cache, struct object *object, int priority);
/* A use by somebody who holds it. */
void cache_used(struct cache *cache, struct object *object);
/* What was read of it so far, by who holds it and brought it in, is no use besides that. */
void cache_discount_reads(struct cache *cache, struct object *object);

/* Ends a claim of object_claim(). */
void cache_unclaim(struct cache *cache, struct object *object);
/* Frees a claimed object that is detached from its file. */
void cache_drop(struct cache *cache, struct object *object);

/*
 * Bytes of a held or claimed object. Those that change it never evict, so that the caller may hold his
 * locks: a growing object takes from the growth allowance, and freezes at its end; call cache_shed() when no
 * lock is held any more.
 */
int64_t cache_read(struct cache *cache, struct object *object, void *buf, size_t size, uint64_t offset);
/* Follows a write of the file. */
int cache_write(struct cache *cache, struct object *object, const void *buf, size_t size, uint64_t offset);
int cache_truncate(struct cache *cache, struct object *object, uint64_t size);
/* It could not follow: nobody is to read it any more. */
void cache_damage(struct cache *cache, struct object *object);
/* Bytes of the range that lie in the object become zeros. */
int cache_zero(struct cache *cache, struct object *object, uint64_t offset, uint64_t length);
/* Takes in the file again, in place: those who have the object open or mapped see the new contents. What
 * there is no growth for is left out, and the object freezes. */
int cache_refresh(
	struct cache *cache, struct object *object, const struct store_source *source, uint64_t size);

/*
 * Where the store keeps the file itself: the file of an object that the caller holds has size bytes now, or
 * pages of it went. Makes room first, so that the budget holds. Errors as of cache_fill(): what was kept
 * before is. -EOWNERDEAD: nothing is.
 */
int cache_mend(struct cache *cache, struct object *object, const struct store_source *source, uint64_t size);
/* False: what the store kept of it is lost. */
bool cache_holds(struct cache *cache, const struct object *object);

void cache_set_budget(struct cache *cache, uint64_t budget);
/* Opens until a file is admitted, 0 never: from now on. What is cached stays. */
void cache_set_admit(struct cache *cache, unsigned admit);
/* Evicts until the budget holds. */
void cache_shed(struct cache *cache);
/* Evicts what nobody uses; returns how many. */
uint64_t cache_empty(struct cache *cache);
/* The process has no descriptor left: evicts some objects if they hold any; returns how many. No lock of an
 * inode may be held. */
uint64_t cache_yield_descriptors(struct cache *cache);
/* Once a second: looks after all objects that may be stored into, and some hundreds of those that are mapped
 * otherwise; evicts what the budget no longer holds. */
void cache_tick(struct cache *cache);
/* Keeps an object although nobody has it open, since somebody maps it: it is held until owner.watch() says
 * otherwise. The caller has it claimed or holds it, and ends that. -ENOMEM: it is not watched. */
int cache_watch(struct cache *cache, struct object *object, enum cache_mapping mapping);

struct cache_figures {
	uint64_t object_count, bytes, budget, grown_bytes, reserved, mapped_count, descriptors;
	uint64_t fills, fill_bytes, no_room, frozen;
	struct evict_stats policy;
};
void cache_read_figures(struct cache *cache, struct cache_figures *figures);

/* Names a version of a file: changes when its size or one of its times does. */
uint64_t cache_stamp(uint64_t size, int64_t mtime_ns, int64_t ctime_ns);
