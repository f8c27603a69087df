/*
 * pinned - files whose pages are pinned in the page cache (store=pin), as seen from their inodes.
 *
 * The object of such an inode stands for the file itself: it is never stale, whoever writes, maps or opens
 * the file, and opens are bound to the backing file like any others. A pin may be incomplete: pages that were
 * appended, or dropped by a writer with O_DIRECT, are not locked until a filler has mended the pin. The inode
 * keeps its backing id while it has an object, so that a hot open needs no descriptor.
 *
 * Call functions marked (locked) with the inode's lock held.
 */
#pragma once

#include "fs/server.h"

/* The id of the file for the policy. Writes do not change it, so that the file stays as hot as it is. */
uint64_t pinned_id(const struct inode *inode);

/* (locked) At an open for reading: whether the file is pinned. Records the use, and queues a mend of the pin
 * if the file changed. */
bool pinned_found(struct server *server, struct inode *inode, const struct statx *stx);
/* (locked) Queues a fill: the file is pinned, or its pin mended, by a filler. */
void pinned_later(struct server *server, struct inode *inode);

/* A job of server.fillers: pins the file or mends its pin. Takes over a reference to the inode. */
void pinned_fill(void *inode, void *server);

/* Ends the pin of a file that was removed or that a rule excludes. No-op if the file is not pinned; inode may
 * be NULL. */
void pinned_dismiss(struct server *server, struct inode *inode);
/* Another file has taken over the name of a pinned one: it counts as equally hot, and is pinned. */
void pinned_replaced(
	struct server *server, const struct tree_leaving *leaving, struct inode *dir, const char *name);
/* The kernel forgot the inode: ends the pin if the file was removed. */
void pinned_forgotten(struct server *server, struct inode *inode);

/* Callback of the cache, see struct cache_owner. */
int pinned_let_go(void *server, struct object *object);

/* Once a second: notices keepers that died, and files that were removed or changed directly in SOURCE. */
void pinned_tick(struct server *server);
