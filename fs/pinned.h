/*
 * pinned - files whose pages are held in the page cache (store=pin), as seen from their inodes.
 *
 * The object of such an inode is the file itself: it is never stale, whoever writes, maps or opens the file,
 * and an open is bound to the backing file as any other. It may be incomplete: what was appended, or dropped
 * by a writer around the page cache, is not held until it is mended, in the background. The inode keeps its
 * backing id while it has an object, so that a hot open needs no descriptor.
 *
 * Calls marked (locked) want the inode's lock held.
 */
#pragma once

#include "fs/server.h"

/* Names the file to the policy: whatever is written into it, it stays as hot as it is. */
uint64_t pinned_id(const struct inode *inode);

/* (locked) At an open for reading: whether the file is pinned. Notes the use, and has the pin mended where
 * the file changed. */
bool pinned_found(struct server *server, struct inode *inode, const struct statx *stx);
/* (locked) Has the file pinned, or its pin mended, by a filler. */
void pinned_later(struct server *server, struct inode *inode);

/* A job of server.fillers: pins the file or mends its pin. Takes over a reference to the inode. */
void pinned_fill(void *inode, void *server);

/* The file is no longer to be pinned: it was removed, or a rule says so. Nothing where it is not; NULL is
 * fine. */
void pinned_dismiss(struct server *server, struct inode *inode);
/* Another file has the name now: it is as hot as the one that left, and is pinned in its turn. */
void pinned_replaced(
	struct server *server, const struct tree_leaving *leaving, struct inode *dir, const char *name);
/* The kernel forgot the inode: a removed file must not be held. */
void pinned_forgotten(struct server *server, struct inode *inode);

/* The cache's question; see struct cache_owner. */
int pinned_let_go(void *server, struct object *object);

/* Once a second: notices keepers that died, files that were removed or changed behind the mount. */
void pinned_tick(struct server *server);
