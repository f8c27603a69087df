/*
 * replay - runs one policy, with the code of the mount, over a trace at one cache size.
 *
 * Each open is a hit, or a miss that asks for admission and, if admitted, is in the cache at once. Unlike in
 * a mount, fills take no time and no file is held open.
 */
#pragma once

#include "cache/policy/advise.h"
#include "cache/policy/evict.h"
#include "tools/replay/trace.h"

enum replay_charge {
	REPLAY_BYTES, /* a file costs its size */
	REPLAY_PAGES  /* whole pages and metadata, as in a mount (charge.h) */
};

struct replay_options {
	struct evict_options evict; /* policy, budget and bit_only are set for each run */
	enum replay_charge charge;
};

struct replay_result {
	uint64_t hit_count, byte_hits, byte_total;
	uint64_t fill_count;
	int64_t elapsed_ns;
	struct evict_stats stats;
	struct advise_result advised; /* of replay_advise() */
};

/* -ENOMEM, or 0. */
int replay_run(const struct trace *trace, const struct replay_options *options, struct replay_result *result);
