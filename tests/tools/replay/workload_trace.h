/*
 * workload_trace - a synthetic workload as a loaded trace, by way of a file in sievefs's own format.
 */
#ifndef SIEVEFS_TESTS_WORKLOAD_TRACE_H
#define SIEVEFS_TESTS_WORKLOAD_TRACE_H

#include "tools/replay/trace.h"
#include "tools/replay/workload.h"

/* Fails the test on any error. */
void workload_trace_make(const struct workload *w, struct trace *trace);

#endif
