/*
 * explain - on which lane a file would be read if it were opened now, and why.
 *
 * The code that decides at an open (fs/preferred_lane, fs/large, the policies) is asked, without changing or
 * counting anything. Each answer is one stable word, explained in sievefs(8), ATTRIBUTES.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/policy/classify.h"
#include "cache/policy/evict.h"

struct inode;
struct page_cache_counts;
struct server;

/* What the cache would answer to an open for reading; modelled on HTTP's Cache-Status (RFC 9211). */
enum explain_cache {
	EXPLAIN_HIT,           /* it is cached */
	EXPLAIN_RULE,          /* not looked up: a rule gives it another lane */
	EXPLAIN_TOO_LARGE,     /* larger than small_max */
	EXPLAIN_OFF,           /* nothing is admitted: admit=0, or no budget */
	EXPLAIN_OUTGROWN,      /* it grew too large while it was cached, and is not cached again */
	EXPLAIN_MOUNTED_BELOW, /* on a file system mounted below SOURCE, which a cached file would keep from
				  being unmounted */
	EXPLAIN_OVER_BUDGET,   /* larger than the part of the budget that one file may take */
	EXPLAIN_WRITTEN,       /* open for writing, during which no copy is made */
	EXPLAIN_BOUND,         /* programs that opened it without its copy still have it open or mapped */
	EXPLAIN_FILLING,       /* admitted; a fill is queued or running */
	EXPLAIN_EVICTED,       /* it was evicted; the next open brings it back */
	EXPLAIN_SELDOM,        /* too few opens so far */
	EXPLAIN_NEXT,          /* the next open brings it in */
	EXPLAIN_COUNT,
};

extern const char *const explain_cache_words[EXPLAIN_COUNT];

struct explanation {
	enum lane lane;
	const char *why; /* why this lane: a word of class_names, "pinned", "rule", "bound" or
			    "no-passthrough"; static */
	enum explain_cache cache;
	struct evict_outlook outlook; /* set with over-budget, evicted, seldom and next */
	uint64_t size;
	bool departed; /* with evicted: departure is set */
	struct cache_departure departure;
	char section[64]; /* of the rules file, which decided; "": none */
};

/* Explains an open of a regular file. 0 or -errno. */
int explain_open(struct server *server, struct inode *inode, struct explanation *out);

/* Appends "small; fwd=seldom; size=4096; opens=1; wanted=2": the reason for the lane, the cache's answer, and
 * its figures. */
void explain_to_text(const struct server *server, const struct explanation *explanation, GString *out);

/* Whether name is user.sievefs.lane, .why or .cached_bytes: attributes of every file, which listxattr(2) does
 * not list. */
bool explain_is_xattr(const char *name);
/* Appends the attribute's value. 0 or -errno; -ENODATA if the inode is no regular file. */
int explain_xattr(struct server *server, struct inode *inode, const char *name, GString *out);

/* Counts pages of the backing file in the page cache, and bytes as explain_cached_bytes() does. 0 or
 * -errno. */
int explain_count_pages(
	struct server *server, struct inode *inode, struct page_cache_counts *counts, uint64_t *cached_bytes);

/* Bytes of the file that are in memory, in the page cache or in its copy; or -errno. */
int64_t explain_cached_bytes(struct server *server, struct inode *inode);
