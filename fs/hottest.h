/* hottest - the cached files that were opened most: the request "hottest" (fs/control/control.h). */
#pragma once

#include <glib.h>

/*
 * "hottest PART COUNT": looks at the parts of the inodes from PART, 0 or more, on, and at no more than a
 * queue's thread can be spared for. The reply is "NEXT", the part to go on with or "end", and a line "OPENS
 * BYTES PATH" for each of the COUNT files, at most, of those parts that were opened most since they were
 * cached; PATH is from the mount's root, escaped as by g_strescape(). Files whose names the kernel has
 * forgotten are left out.
 * @context is the server.
 */
int hottest_answer(void *context, int argc, char *const *argv, GString *reply);
