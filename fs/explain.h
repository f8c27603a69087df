/*
 * explain - how a file would be read if it were opened now, and why.
 *
 * The same code decides as at an open (fs/wish, fs/large, the policies); nothing is changed or counted. Each
 * answer is one word, stable, and explained in sievefs(8), ATTRIBUTES.
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

/* The cache's answer to an open for reading; after HTTP's Cache-Status (RFC 9211). */
enum explain_cache {
	EXPLAIN_HIT,           /* it is cached */
	EXPLAIN_RULE,          /* not looked up: a rule gives it another lane */
	EXPLAIN_TOO_LARGE,     /* larger than small_max */
	EXPLAIN_OFF,           /* nothing is admitted: admit=0, or no budget */
	EXPLAIN_OUTGROWN,      /* it grew while it was cached: not again */
	EXPLAIN_MOUNTED_BELOW, /* on a file system mounted below SOURCE, which is to stay one to unmount */
	EXPLAIN_OVER_BUDGET,   /* not admitted: larger than its part of the budget */
	EXPLAIN_WRITTEN,       /* a copy is not made while it is open for writing */
	EXPLAIN_BOUND,         /* those who opened it without its copy have not closed or unmapped it yet */
	EXPLAIN_FILLING,       /* admitted, and on its way in */
	EXPLAIN_EVICTED,       /* it left for others; the next open brings it back */
	EXPLAIN_SELDOM,        /* too few opens so far */
	EXPLAIN_NEXT,          /* the next open brings it in */
	EXPLAIN_COUNT,
};

extern const char *const explain_cache_words[EXPLAIN_COUNT];

struct explanation {
	enum lane lane;
	const char *why; /* of the lane: a word of class_names, "pinned", "rule", "bound", "no-passthrough";
			    static */
	enum explain_cache cache;
	struct evict_outlook outlook; /* of the answers over-budget, evicted, seldom and next */
	uint64_t size;
	bool departed; /* of the answer evicted: it is known for whom */
	struct cache_departure departure;
	char section[64]; /* of the rules, that decided; "": none */
};

/* Of a regular file. 0 or -errno. */
int explain_open(struct server *server, struct inode *inode, struct explanation *out);

/* "small; fwd=seldom; size=4096; opens=1; wanted=2": why the lane, what the cache says, and the figures. */
void explain_to_text(const struct server *server, const struct explanation *explanation, GString *out);

/* The attributes user.sievefs.lane, .why and .cached_bytes, which every file has and listxattr(2) leaves out.
 */
bool explain_is_xattr(const char *name);
/* 0 or -errno: -ENODATA where it is no regular file. */
int explain_xattr(struct server *server, struct inode *inode, const char *name, GString *out);

/* Pages of the backing file, and bytes of the file that are in memory as below. 0 or -errno. */
int explain_count_pages(
	struct server *server, struct inode *inode, struct page_cache_counts *counts, uint64_t *cached_bytes);

/* Bytes of the file that are in memory: in the page cache, or of its copy. Or -errno. */
int64_t explain_cached_bytes(struct server *server, struct inode *inode);
