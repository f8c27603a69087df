/*
 * estale - the second lookup after ESTALE.
 *
 * Clients of distributed file systems cache names: in such a SOURCE a name may lead to a file that another
 * machine has replaced. Opening it fails with ESTALE. The kernel then walks the path once more without
 * trusting cached names (LOOKUP_REVAL), but does not tell FUSE that it does. So the daemon remembers the
 * threads whose requests it has just answered with ESTALE: their next lookups ask SOURCE's server.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ESTALE_SLOTS 64

/* Zeroed memory is a valid start. Any thread may call. If two threads share a slot, one of them asks the
 * server needlessly, or gets ESTALE as it would without this. */
struct estale {
	_Atomic uint64_t told[ESTALE_SLOTS]; /* by thread id: the id, and the time in ms */
};

/* Records that a request of this thread was answered with ESTALE. thread: from the request; 0 if it is in
 * another PID namespace. now_ms: from clock_coarse_ms(). */
void estale_told(struct estale *estale, pid_t thread, int64_t now_ms);
/* Whether a lookup by that thread may be the second one. */
bool estale_walks_again(struct estale *estale, pid_t thread, int64_t now_ms);
