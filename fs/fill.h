/* fill - when a file is brought into the cache: after an open, or since somebody asked for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct inode;
struct opening;
struct server;

/* (not locked) A file was opened that may be cached: brings it in if it is not there and the policy says so.
 */
void fill_consider(struct opening *o);

/* What the policy knows it by. */
uint64_t fill_id(const struct opening *o);

/* (locked) Whether a filler has it to do, or is at it. */
bool fill_is_under_way(const struct inode *inode);

/* (not locked) Has a filler bring the file in, whatever the policy says, unless it is there or on its way. */
void fill_later(struct opening *o);
/* The same for who has no opening. 0 or -errno. */
int fill_unasked(struct server *server, struct inode *inode);

/* (not locked) What is wished for the file has changed: one that is cached is kept by that, or leaves. 0 or
 * -errno. */
int fill_reconsider(struct server *server, struct inode *inode);
