/*
 * openmetrics - a mount's counters as OpenMetrics 1.0 text. The reply to `sievectl metrics`.
 *
 * Units are bytes and seconds. Names that end in _total are counters, all others levels. The lists of
 * counters (stats.h, backend_stats.h, trail.h, flusher.h) give the samples: one that has no metric in
 * openmetrics.c does not compile. Users' graphs depend on the names: add new ones, don't rename.
 */
#pragma once

#include "fs/control/report.h"

/* Appends all metrics, then "# EOF". Leaves out facts, options, and counters whose struct is NULL. */
void report_to_openmetrics(const struct report *report, GString *out);

/* The handler of the verb "metrics", which takes no arguments: 0, or -EINVAL with the reason in @out. */
int report_metrics(const struct report *report, int argc, char *const *argv, GString *out);
