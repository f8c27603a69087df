/* Shared by the sources fs/pinned*.c only. */
#pragma once

#include "fs/pinned.h"

/* A hold on the inode's object, or NULL. Takes the inode's lock. */
struct object *pinned_hold(struct server *server, struct inode *inode);
/* (locked) Detaches the object, which the caller has claimed. The caller puts the object's reference on the
 * inode. */
void pinned_detach(struct server *server, struct inode *inode);
