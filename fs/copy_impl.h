/* Shared by the sources fs/copy*.c only. Call all functions but the first with the inode's lock held. */
#pragma once

#include "fs/cached.h"
#include "fs/copy.h"

/* The stamp of this version of the contents: without ctime, which changes of names and attributes also
 * move. */
uint32_t copy_content_of(const struct statx *stx);
void copy_set_stamp(struct object *object, const struct statx *stx);
/* Whether a change made now would alter the file's stamp: the file system's time stamps are fine-grained, or
 * the last change is old enough. */
bool copy_stamp_is_unique(const struct server *server, const struct inode *inode, const struct statx *stx);

/* Unregisters the copy as a backing file of the kernel's. */
void copy_forget_backing_id(struct server *server, struct object *object);
/* Detaches the object, which the caller has claimed, from the inode and frees it. */
void copy_drop(struct server *server, struct inode *inode, struct object *object);
/* Whether a program has the copy open or mapped. Unregisters it as a backing file first. */
bool copy_is_mapped(struct server *server, struct object *object);
/* Whether the copy equals the file, except for what mappings stored into it. */
bool copy_is_whole(struct server *server, struct inode *inode);
int copy_refresh_from(struct server *server, struct inode *inode, struct object *object, int fd);
/* Call after a change of both file and copy. Sets no stamp if it could hide another writer's change: the next
 * open then checks the file. */
void copy_restamp(
	struct server *server, struct inode *inode, struct object *object, bool fresh, bool attributes_only);

/*
 * Whether mappings may have stored bytes that the file does not have yet. Where file and copy differ, the
 * copy then counts.
 */
bool copy_is_ahead(struct server *server, struct inode *inode);
/* Writes those bytes to the file. 0, also if there are none; or -errno, and the copy stays ahead. */
int copy_sync_if_ahead(struct server *server, struct inode *inode, struct object *object);
/* The same, and checks whether mappings may store more: then, or after an error, the copy stays ahead. */
int copy_settle_stores(struct server *server, struct inode *inode, struct object *object);
