/*
 * preferred_lane - the lane that the options, the rules and the policy propose for an open. The inode's
 * existing binding may override it, see lane.h.
 */
#pragma once

#include <stdbool.h>

struct opening;

/* Whether the open writes a file in place, as databases do. flags: of the FUSE request. */
bool preferred_lane_is_in_place(int flags);

/*
 * Sets class, rule and preferred lane of an open, and what follows from them in its handle. The caller has
 * set server, handle, stx and writes. flags: of the FUSE request. is_probe: treat a file that was read out of
 * order before as if it had not been.
 */
void preferred_lane_set(struct opening *o, int flags, bool is_probe);
