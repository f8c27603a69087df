/* What fs/pinned*.c share; nobody else includes this. */
#pragma once

#include "fs/pinned.h"

/* The inode's object, held, or NULL. Takes the inode's lock. */
struct object *pinned_hold(struct server *server, struct inode *inode);
/* (locked) The object is claimed. The inode's reference is the caller's to give back. */
void pinned_detach(struct server *server, struct inode *inode);
