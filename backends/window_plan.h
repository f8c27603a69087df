/*
 * window_plan - how far a window reads ahead, in which chunks, and what it lets go.
 *
 * The window's lock must be held in all calls.
 */
#pragma once

#include "backends/window_chunk.h"

/* A chunk was used to its end; or was thrown away unread. */
void window_grow(struct window *window);
void window_shrink(struct window *window);

/* Throws away what the reader has left behind, but for a little that a request overtaken by others may still
 * want. */
void window_pass(struct window *window);

/* A list of reads to submit, as far as the bounds let it; done is for the caller to set. */
struct engine_op *window_plan(struct window *window);
