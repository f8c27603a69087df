/*
 * wish - the lane that the policy, the rules and the options wish for an open, before what the inode is bound
 * to already has its say.
 */
#pragma once

#include <stdbool.h>

struct opening;

/* Written where it is, as a database is; flags: of the FUSE request. */
bool wish_is_in_place(int flags);

/*
 * Sets the class, the rule and the wish of an open whose server, handle, stx and writes are set, and of its
 * handle what follows from them. flags: of the FUSE request. is_probe: a file that was read out of order
 * before is to travel as if it had not been.
 */
void wish_make(struct opening *o, int flags, bool is_probe);
