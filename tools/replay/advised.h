/*
 * advised - what `sievectl advise` says of a cache: the same code over a sample of the trace's opens, taken
 * as a mount takes it.
 */
#pragma once

#include "tools/replay/replay.h"

struct advised; /* the sample */

/* cache_size: bytes, of the mount's cache. NULL without memory. */
struct advised *advised_new(const struct trace *trace, uint64_t cache_size);
void advised_free(struct advised *advised); /* accepts NULL */

/* One in how many files was chosen, how many those are, and how many of their opens are kept. */
void advised_extent(const struct advised *advised, unsigned *one_in, uint32_t *files, uint32_t *opens);

/* -ENOMEM, or 0. */
int advised_run(
	const struct advised *advised, const struct replay_options *options, struct advise_result *result);
