/*
 * sample - the values of `stat --json` at one moment, and what happened between two such moments.
 *
 * Pure: text in, numbers out. Members that the report of an older daemon lacks are 0.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum sample_lane {
	SAMPLE_CACHED,
	SAMPLE_PLAIN,
	SAMPLE_TRAILED,
	SAMPLE_DIRECT,
	SAMPLE_CACHED_WRITE,
	SAMPLE_SERVED,
	SAMPLE_LANES,
};

extern const char *const sample_lane_names[SAMPLE_LANES];

/* Whether the daemon sees the bytes that are read and written in this lane; in the others the kernel moves
 * them by itself. */
bool sample_lane_has_bytes(enum sample_lane lane);

#define SAMPLE_OPERATIONS 48 /* further ones are left out */
#define SAMPLE_NAME 32
#define SAMPLE_PATH 256

struct sample_operation {
	char name[SAMPLE_NAME];
	uint64_t count;
	double p50_s, p99_s, max_s; /* since the mount */
};

struct sample {
	double taken_s; /* by whatever clock the caller has */
	char start_time[SAMPLE_NAME], version[SAMPLE_NAME];
	char mountpoint[SAMPLE_PATH]; /* cut where it is longer */
	uint64_t pid, uptime_s;
	struct {
		uint64_t opens, bytes; /* read and written */
	} lanes[SAMPLE_LANES];
	uint64_t hits, misses;
	uint64_t objects, cached_bytes, budget_bytes;
	bool has_dirty; /* the mount has an option dirty_*; otherwise the next five are not known */
	uint64_t dirty_bytes, writeback_bytes, oldest_ms, dirty_files, throttled;
	uint64_t trail_streams, trail_bytes;    /* levels; bytes in the page cache */
	uint64_t dropped_bytes;                 /* behind streams, in all */
	uint64_t unwritten_bytes, buffer_bytes; /* levels, of the lane direct */
	struct sample_operation operations[SAMPLE_OPERATIONS];
	unsigned operation_count; /* 0: the daemon does not time them */
};

/* 0, -EPROTO: not such a report. @taken_s is the caller's to fill. */
int sample_parse(const char *json, struct sample *sample);

/*
 * What happened from one sample to the next, per second. Shares are from 0 to 1; negative: nothing happened.
 */
struct rates {
	bool restarted; /* the daemon was restarted: rates are those since its start */
	double opens, hit_share, throttled, dropped_bytes;
	struct {
		double opens, open_share, bytes;
	} lanes[SAMPLE_LANES];
	double operations[SAMPLE_OPERATIONS]; /* as in @after */
};

void rates_between(const struct sample *before, const struct sample *after, struct rates *rates);
