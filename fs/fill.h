/* fill - when a file is brought into the cache: at or after an open, or on request. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct inode;
struct opening;
struct server;

/*
 * (not locked) Bring the file of an open into the cache if it may be cached, is not cached, and the policy
 * admits it.
 *
 * fill_first() is called before the open is bound. If each request of SOURCE goes to a server
 * (tree_is_remote()), it makes the copy before it returns, since a program that reads the file meanwhile
 * would have the bytes sent twice. Otherwise it does nothing, and fill_consider() queues the fill, which runs
 * while the program reads. fill_first() returns 0 or the -errno of opening the file.
 */
int fill_first(struct opening *o);
/* Whether fill_first() would make a copy if the policy admits the file. */
bool fill_comes_first(const struct opening *o);
void fill_consider(struct opening *o);

/* The id of the file for the policy. */
uint64_t fill_id(const struct opening *o);

/* (locked) Whether a fill is queued or running. */
bool fill_is_under_way(const struct inode *inode);

/* (not locked) Queues a fill without asking the policy, unless the file is cached or being filled. */
void fill_later(struct opening *o);
/* (not locked) The same for callers that do not open the file. 0 or -errno. */
int fill_unasked(struct server *server, struct inode *inode);

/* (not locked) Call after the pin of a file or what rules say of it changed: a cached file becomes or ceases
 * to be exempt from eviction, or leaves the cache. 0 or -errno. */
int fill_reconsider(struct server *server, struct inode *inode);
