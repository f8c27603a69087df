/* What the copy's own sources share; nobody else includes this. All but the first want the inode's lock held.
 */
#pragma once

#include "fs/cached.h"
#include "fs/copy.h"

/* Of a version of the file, without ctime, which new names and attributes move. */
uint32_t copy_content_of(const struct statx *stx);
void copy_set_stamp(struct object *object, const struct statx *stx);
/* Whether a change that came now would give the file another stamp: the file system's are fine, or its last
 * change is long enough ago. */
bool copy_stamp_is_unique(const struct server *server, const struct inode *inode, const struct statx *stx);

/* The kernel knows the copy no longer as a backing file. */
void copy_forget_backing_id(struct server *server, struct object *object);
/* The object is claimed: it and the inode part, and it is freed. */
void copy_drop(struct server *server, struct inode *inode, struct object *object);
/* Whether anybody has the copy open or mapped; it is then unknown to the kernel. */
bool copy_is_mapped(struct server *server, struct object *object);
/* Whether the copy is the file, but for what mappings stored into it. */
bool copy_is_whole(struct server *server, struct inode *inode);
int copy_refresh_from(struct server *server, struct inode *inode, struct object *object, int fd);
/* After a change to both: no stamp where it could hide somebody else's, and the next open looks again. */
void copy_restamp(
	struct server *server, struct inode *inode, struct object *object, bool fresh, bool attributes_only);

/*
 * Mappings may have stored what the file has not got, and the copy is right where the two differ: what others
 * have changed in the file since would be lost otherwise.
 */
bool copy_is_ahead(struct server *server, struct inode *inode);
/* Writes that into the file. 0, also where there is none; or -errno, then the copy keeps it. */
int copy_sync_if_ahead(struct server *server, struct inode *inode, struct object *object);
/* The same, and finds out whether there may be more to come: then, or after an error, the copy stays ahead.
 */
int copy_settle_stores(struct server *server, struct inode *inode, struct object *object);
