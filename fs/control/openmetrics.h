/*
 * openmetrics - what a mount counted, as OpenMetrics 1.0 text. The reply to `sievectl metrics`.
 *
 * Bytes and seconds; names that end in _total are counters, all others levels. The lists of counters
 * (stats.h, backend_stats.h, trail.h, flusher.h) give the samples: one that has no metric in openmetrics.c
 * does not compile. Names are promises to whoever keeps graphs: add, don't rename.
 */
#pragma once

#include "fs/control/report.h"

/* Appends all, "# EOF" last. Facts and options are left out; so are counters whose struct is NULL. */
void report_to_openmetrics(const struct report *report, GString *out);

/* The whole of a handler for the verb "metrics": takes nothing, else -EINVAL with the reason in @out. */
int report_metrics(const struct report *report, int argc, char *const *argv, GString *out);
