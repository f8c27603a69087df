/*
 * settings - the replayer's command line.
 */
#pragma once

#include "tools/replay/replay.h"

/* A cache size as given: bytes, or a part of the trace's working set. */
struct cache_size {
	const char *text;
	uint64_t bytes; /* 0: a part */
	double part;
};

struct settings {
	const struct evict_policy **policies; /* ended by NULL */
	struct cache_size *sizes;
	unsigned size_count;
	char **traces; /* ended by NULL */
	struct replay_options replay;
	double write_probability;
	uint64_t seed;
	bool json, advise;
};

/* On an error ends the program with a line on stderr; likewise after --help and --version. */
void settings_parse(struct settings *settings, int argc, char **argv);
void settings_free(struct settings *settings);

uint64_t cache_size_bytes(const struct cache_size *size, const struct trace *trace);
