/*
 * window_share - what other handles on the same file have read ahead. Their locks are only tried while the
 * host's lock is held: a window whose lock is taken is passed over.
 */
#pragma once

#include "backends/window_chunk.h"

/* Looks for the bytes in the file's other windows. CHUNK_PINNED: *found is pinned, and its window has one
 * more reference, for the caller to put. The window's own lock must not be held. */
enum chunk_answer window_share(
	struct window *window, struct backend_request *request, off_t offset, struct chunk **found);

/* Whether another window has these bytes, or has them in flight. The window's lock must be held. */
bool window_is_shared(struct window *window, off_t start, off_t end);
