/*
 * estale - the second look-up after ESTALE.
 *
 * Where SOURCE's file system caches names, as clients of distributed file systems do, a name may lead to a
 * file that another machine has replaced. Opening that fails with ESTALE; the kernel then walks the path once
 * more, trusting no cached name (LOOKUP_REVAL), but can't tell FUSE that it does. So the daemon remembers
 * which threads it has just answered ESTALE: their next look-ups ask SOURCE's server.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ESTALE_SLOTS 64

/* Zeroed memory is a valid start. Any thread may call; a slot that two threads share makes one of them ask
 * in vain, or get ESTALE as if this were not there. */
struct estale {
	_Atomic uint64_t told[ESTALE_SLOTS]; /* by thread id: that, and when, in ms */
};

/* thread: whose request was answered ESTALE; as FUSE says, 0 where it is of another pid namespace. now_ms: of
 * clock_coarse_ms(). */
void estale_told(struct estale *estale, pid_t thread, int64_t now_ms);
/* Whether a look-up of that thread may be the kernel's second one. */
bool estale_walks_again(struct estale *estale, pid_t thread, int64_t now_ms);
