/*
 * engine_faulty - an engine that wraps another one and imitates a disk that fails as planned (fault.h). For
 * tests.
 */
#include "backends/engine_impl.h"
#include "backends/fault.h"
#include <errno.h>
#include <stdlib.h>

struct faulty_engine {
	struct engine engine;
	struct engine *inner;
	struct fault_plan *plan; /* not owned */
};

struct faulty_op {
	struct fault_delayed delayed;
	struct engine_op op; /* to the inner engine */
	struct engine_op *caller;
	struct engine *inner;
	int error;
};

static void op_done(struct engine_op *op, ssize_t result)
{
	struct faulty_op *faulty = (struct faulty_op *)((char *)op - offsetof(struct faulty_op, op));
	struct engine_op *caller = faulty->caller;

	free(faulty);
	caller->done(caller, result);
}

static void op_go_on(struct fault_delayed *delayed)
{
	struct faulty_op *faulty = (struct faulty_op *)delayed;

	if (faulty->error)
		op_done(&faulty->op, -faulty->error);
	else
		engine_submit(faulty->inner, &faulty->op);
}

static void op_submit(struct faulty_engine *engine, struct engine_op *caller)
{
	enum fault_place place = caller->verb == ENGINE_READ ? FAULT_DEVICE_READ : FAULT_DEVICE_WRITE;
	struct fault_verdict verdict = fault_meet(engine->plan, place, caller->offset, caller->size);
	struct faulty_op *faulty = calloc(1, sizeof(*faulty));

	if (!faulty) {
		caller->done(caller, -ENOMEM);
		return;
	}
	faulty->delayed.run = op_go_on;
	faulty->op = *caller;
	faulty->op.next = NULL;
	faulty->op.done = op_done;
	faulty->caller = caller;
	faulty->inner = engine->inner;
	faulty->error = verdict.error;
	/* half of the bytes, in whole blocks, as devices do */
	if (verdict.shorten && caller->size > 4096)
		faulty->op.size = caller->size / 2 & ~(size_t)4095;
	if (verdict.shorten && !faulty->op.size)
		faulty->op.size = caller->size;
	if (verdict.hang || verdict.delay_ns)
		fault_delay(engine->plan, &verdict, &faulty->delayed);
	else
		op_go_on(&faulty->delayed);
}

static void faulty_submit(struct engine *engine, struct engine_op *op)
{
	struct engine_op *next;

	for (; op; op = next) {
		next = op->next;
		if (op->verb == ENGINE_READ || op->verb == ENGINE_WRITE) {
			op_submit((struct faulty_engine *)engine, op);
		} else {
			op->next = NULL;
			engine_submit(((struct faulty_engine *)engine)->inner, op);
		}
	}
}

static void faulty_free(struct engine *engine)
{
	engine_free(((struct faulty_engine *)engine)->inner);
	free(engine);
}

static const struct engine_impl faulty_impl = {
	.name = "faulty",
	.submit = faulty_submit,
	.free = faulty_free,
};

int engine_faulty_wrap(struct engine *inner, struct fault_plan *plan, struct engine **out)
{
	struct faulty_engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return -ENOMEM;
	engine->engine.impl = &faulty_impl;
	engine->inner = inner;
	engine->plan = plan;
	*out = &engine->engine;
	return 0;
}
