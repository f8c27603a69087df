/*
 * window_plan - how far a window reads ahead, in which chunks, and which chunks it discards.
 *
 * The window's lock must be held in all calls.
 */
#pragma once

#include "backends/window_chunk.h"

/* A chunk was used to its end; or was discarded unread. */
void window_grow(struct window *window);
void window_shrink(struct window *window);

/* Discards the chunks behind the reader, except for a little that an overtaken request may still need. */
void window_pass(struct window *window);

/* Returns a list of reads to submit, as far as the bounds allow, or NULL; the caller sets done. */
struct engine_op *window_plan(struct window *window);
