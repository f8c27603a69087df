/*
 * object - a file in the cache, and who uses it at present: holds of users, or the one claim of who changes
 * or drops it as a whole. Without locks: each call is one atomic step.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/policy/evict.h"
#include "cache/store/store.h"

#define HOLD_CLAIMED 0x80000000u /* being evicted or filled: cannot be held */
#define HOLD_PARKED 0x40000000u  /* the policy met it while it was held and waits for evict_unpark() */
#define HOLD_COUNT (HOLD_PARKED - 1)

/* One for each cached file: small, there may be millions. */
struct object {
	struct evict_entry entry; /* size: the file's; charge: pages and metadata */
	void *owner;              /* set by cache_fill()'s caller */
	uint64_t stamp;           /* of the version of the file; see cache_stamp() */
	int32_t backing_id;       /* the owner's: what the kernel knows it by, or 0 */
	_Atomic uint32_t holds;   /* how many use it, and HOLD_* */
	union store_place place;
	uint32_t atime_seen_ms;
	_Atomic uint32_t uses; /* since it was cached; for who asks, no policy goes by it */
	uint32_t cached_at_s;  /* when that was, by the monotonic clock */
	uint64_t kept_charge;  /* the owner's: kept by a rule, and so much is counted for that; 0: not kept */
	int64_t fresh_until_us; /* the owner's: used till then without asking for its file; 0: it asks */
	struct statx *known; /* the owner's: the file's attributes as of that answer, or NULL; freed with the
				object */
	int64_t changed_us;  /* the owner's: answers to what was asked before that do not count for them */
	uint32_t content;    /* the owner's: of the version's size and mtime alone */
	uint32_t growth_pages; /* charged beyond what was admitted, while it was open; under the cache's lock
				*/
	uint8_t frozen : 1;    /* no longer grows with its file: serve reads from the backing file */
	uint8_t damaged : 1;   /* frozen, and could not follow its file: the bytes may be others, too */
	uint8_t ahead : 1;     /* the owner's: mappings may have stored what the file has not got; watched */
	int16_t sync_error;    /* the owner's: why the last writeback of that failed, or 0 */
	int16_t sync_said;     /* the same as it was last logged */
	uint16_t sync_seq;     /* how many failed, for those who have not been told yet */
	/* The rest is the cache's, under its lock. */
	bool published;
	bool settled;       /* inserted into the policy */
	bool watched_again; /* since the tick began to look at it */
	uint32_t mapped;    /* kept because somebody maps it: its place in the watch list, from 1; else 0 */
};

/* One user more, if the object is not being evicted. */
bool object_hold(struct object *object);

/* Claims an object that the owner wants to drop or change as a whole; false when it is held or leaving. */
bool object_claim(struct object *object);

/* The cache's own: as object_claim(), and leaves word that the policy asked. */
bool object_claim_or_park(struct object *object);

/* The cache's own: turns the only hold into a claim. */
bool object_claim_last(struct object *object);
