/* fill - when a file is brought into the cache: after an open, or since somebody asked for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct inode;
struct opening;
struct server;

/*
 * (not locked) For an open that may be cached: brings the file in if it is not there and the policy says so.
 *
 * The first is called before the open is bound, and has what it brings in read before it returns: where each
 * request of SOURCE is one to a server, a program that read the file meanwhile would have its bytes sent
 * twice. Elsewhere it leaves all to the second, which has it done while the program reads. 0 or -errno, of
 * opening the file.
 */
int fill_first(struct opening *o);
/* Whether it would, if the policy says so. */
bool fill_comes_first(const struct opening *o);
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
