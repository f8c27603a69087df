/*
 * advised - what `sievectl advise` would say of a cache: the same code, over a sample of the trace's opens
 * that is taken as by a mount.
 */
#pragma once

#include "tools/replay/replay.h"

struct advised; /* the sample */

/* cache_size: bytes of the cache that the sample is taken for. NULL without memory. */
struct advised *advised_new(const struct trace *trace, uint64_t cache_size);
void advised_free(struct advised *advised); /* accepts NULL */

/* The share of files that was chosen (one in one_in), their number, and how many of their opens are kept. */
void advised_extent(const struct advised *advised, unsigned *one_in, uint32_t *files, uint32_t *opens);

/* -ENOMEM, or 0. */
int advised_run(
	const struct advised *advised, const struct replay_options *options, struct advise_result *result);
