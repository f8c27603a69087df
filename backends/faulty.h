/*
 * faulty - makes requests to a backend fail as planned (fault.h). For tests.
 */
#pragma once

#include "backends/backend_request.h"
#include "backends/fault.h"

/* Submits the request with submit(): at once, later, or not at all if the plan has an error for it. */
void faulty_submit(struct fault_plan *plan, enum fault_place place, struct backend_request *request,
	void (*submit)(struct backend_request *request));
