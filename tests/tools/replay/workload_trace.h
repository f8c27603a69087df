/*
 * workload_trace - a synthetic workload as a loaded trace, by way of a file in sievefs's own format.
 */
#pragma once

#include "tools/replay/trace.h"
#include "tools/replay/workload.h"

/* Fails the test on any error. */
void workload_trace_make(const struct workload *w, struct trace *trace);
