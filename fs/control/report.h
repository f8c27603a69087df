/*
 * report - a mount's report: facts, options in force, counters. The reply to `sievectl stat`.
 */
#pragma once

#include "fs/control/stats.h"
#include "fs/options/options.h"
#include <sys/types.h>
#include <time.h>

struct backend_stats;
struct flusher_stats;
struct latency;
struct trail_stats;

struct report_fact {
	const char *name;  /* "transport" */
	const char *value; /* "uring": what was chosen or found, in contrast to the option's value */
};

/* Filled in by the owner of the mount for one call. All pointers are borrowed. */
struct report {
	const struct options *options;
	const struct stats *stats;
	const struct backend_stats *direct;  /* of the backend; may be NULL */
	const struct trail_stats *trail;     /* may be NULL */
	const struct flusher_stats *flusher; /* may be NULL */
	const struct latency *latency;       /* of the operations; may be NULL */
	const struct report_fact *facts;     /* ends with a row without a name; may be NULL */
	pid_t pid;                           /* of the daemon, in its own PID namespace */
	time_t start_time;
	uint64_t uptime_s;
};

void report_to_text(const struct report *report, GString *out);
void report_to_json(const struct report *report, GString *out);

/* The handler of the verb "stat", which takes --json or no arguments: 0, or -EINVAL with the reason in
 * @out. */
int report_stat(const struct report *report, int argc, char *const *argv, GString *out);
