/*
 * object - a cached file, and its uses: any number of holds by users, or one claim by a thread that fills,
 * changes or drops the object as a whole. No locks: each call is one atomic step.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/policy/evict.h"
#include "cache/store/store.h"

#define HOLD_CLAIMED 0x80000000u /* being evicted or filled: cannot be held */
#define HOLD_PARKED 0x40000000u  /* the policy chose it while it was held, and waits for evict_unpark() */
#define HOLD_COUNT (HOLD_PARKED - 1)

/* One for each cached file: small, there may be millions. */
struct object {
	struct evict_entry entry; /* size: the file's; charge: pages and metadata */
	void *owner;              /* set by cache_fill()'s caller */
	uint64_t stamp;           /* of the version of the file; see cache_stamp() */
	int32_t backing_id;       /* the owner's: the backing id that the kernel gave it, or 0 */
	_Atomic uint32_t holds;   /* how many use it, and HOLD_* */
	union store_place place;
	uint32_t atime_seen_ms;
	_Atomic uint32_t uses; /* opens since it was cached: for reports, no policy reads it */
	uint32_t cached_at_s;  /* when that was, by the monotonic clock */
	uint64_t kept_charge;  /* the owner's: bytes counted for an object that is exempt from eviction; 0: it
				  is not */
	int64_t fresh_until_us; /* the owner's, for revalidate: the copy is used until then without asking
				   SOURCE; 0: SOURCE is asked */
	struct statx *known;    /* the owner's: the file's attributes as SOURCE last gave them, or NULL; freed
				   with the object */
	int64_t changed_us; /* the owner's: SOURCE's answers to requests from before this time are not kept */
	uint32_t content;   /* the owner's: of the version's size and mtime alone */
	uint32_t growth_pages; /* charged for growth while it was open; under the cache's lock */
	uint8_t frozen : 1;    /* no longer grows with its file: serve reads from the backing file */
	uint8_t damaged : 1;   /* frozen, and it did not follow its file: its bytes may be wrong */
	uint8_t ahead : 1;  /* the owner's: mappings may have stored bytes that are not in the file yet; it is
			       watched */
	int16_t sync_error; /* the owner's: why the last writeback of that failed, or 0 */
	int16_t sync_said;  /* the same as it was last logged */
	uint16_t sync_seq;  /* failures so far; an open handle compares it with those that it has reported */
	/* The rest is the cache's, under its lock. */
	bool published;
	bool settled;       /* inserted into the policy */
	bool watched_again; /* since the tick began to look at it */
	uint32_t mapped;    /* kept because a program maps it: its place in the watch list, from 1; else 0 */
};

/* Adds a hold. False: the object is claimed. */
bool object_hold(struct object *object);

/* Claims an object that the owner wants to drop or change as a whole; false when it is held or leaving. */
bool object_claim(struct object *object);

/* For the cache alone: as object_claim(); if the object is held, sets HOLD_PARKED. */
bool object_claim_or_park(struct object *object);

/* For the cache alone: turns the only hold into a claim; false if there are others. */
bool object_claim_last(struct object *object);
