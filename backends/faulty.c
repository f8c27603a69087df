#include "backends/faulty.h"
#include <errno.h>
#include <stdlib.h>

/* A delayed request. */
struct faulty {
	struct fault_delayed delayed;
	struct backend_request *request;
	void (*submit)(struct backend_request *request);
	int error;
};

static void faulty_go_on(struct fault_delayed *delayed)
{
	struct faulty faulty = *(struct faulty *)delayed; /* its first member */

	free(delayed);
	if (faulty.error)
		faulty.request->done(faulty.request, -faulty.error);
	else
		faulty.submit(faulty.request);
}

void faulty_submit(struct fault_plan *plan, enum fault_place place, struct backend_request *request,
	void (*submit)(struct backend_request *request))
{
	struct fault_verdict verdict = fault_meet(plan, place, request->offset, request->size);
	struct faulty *faulty = malloc(sizeof(*faulty));

	if (!faulty) {
		request->done(request, -ENOMEM);
		return;
	}
	*faulty = (struct faulty){
		.delayed.run = faulty_go_on,
		.request = request,
		.submit = submit,
		.error = verdict.error,
	};
	if (verdict.hang || verdict.delay_ns)
		fault_delay(plan, &verdict, &faulty->delayed);
	else
		faulty_go_on(&faulty->delayed);
}
